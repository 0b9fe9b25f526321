"""When a call to the store is tried again: what passes by itself in a moment, and nothing that took its time already.

Instead of botocore's own rules, which wait 50 ms at most but for throttling: a gateway that restarts takes longer.
"""

import random
from typing import Any

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, IncompleteReadError

PAUSES = (0.1, 0.4, 1.0)  # seconds before the second, third and fourth try, more or less by a quarter
_STATUSES = (429, 500, 502, 503, 504)
_CODES = (
    "ConditionalRequestConflict",  # 409; AWS, PutObject: "On a 409 failure, retry the upload."
    "OperationAborted",  # 409; AWS, "Error responses": "A conflicting conditional operation is [...] in progress"
    "ConcurrentModification",  # 409 of Ceph
    "RequestTimeout",  # 400; the store did not get the body in time
)
JOINING = "InternalError"  # 500; Ceph's, while and after another request joins the same parts


def pause_before_retry(
    *, response: Any, attempts: int, caught_exception: Exception | None, operation: Any, **event: Any
) -> float | None:
    """Seconds until the next try, None where there is none: what botocore's event ``needs-retry`` asks for.

    In: ``response``, HTTP response and parsed answer, None where an exception was caught; ``attempts``, made so far.
    """
    if attempts > len(PAUSES):
        return None
    refused = isinstance(caught_exception, EndpointConnectionError)
    if operation.name == "CreateMultipartUpload" and not refused:
        return None  # made twice, one of them would be nobody's
    if operation.name == "CompleteMultipartUpload" and response is not None and _code(response) == JOINING:
        return None  # of an upload that is joined already it would be said for ever: the caller looks
    passes = refused or isinstance(caught_exception, ConnectionClosedError | IncompleteReadError)
    if response is not None:
        passes = response[0].status_code in _STATUSES or _code(response) in _CODES
    return PAUSES[attempts - 1] * random.uniform(0.75, 1.25) if passes else None  # noqa: S311 - no secret


def _code(response: Any) -> str:
    return str(response[1].get("Error", {}).get("Code", ""))
