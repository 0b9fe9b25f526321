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
    passes = refused or isinstance(caught_exception, ConnectionClosedError | IncompleteReadError)
    if response is not None:
        http, parsed = response
        passes = http.status_code in _STATUSES or parsed.get("Error", {}).get("Code") in _CODES
    return PAUSES[attempts - 1] * random.uniform(0.75, 1.25) if passes else None  # noqa: S311 - no secret
