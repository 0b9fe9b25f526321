"""Whether the web process of this container answers: ``python deploy/healthcheck.py``; exit code 0 or 1.

It asks ``/healthz`` as a host that the site answers to. No curl is needed for it.
"""

import http.client
import os
import sys

TIMEOUT_SECONDS = 3


def is_healthy(port: int, host: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    allowed = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip("*.") or "localhost"
    sys.exit(0 if is_healthy(int(os.environ.get("PORT", "8000")), allowed) else 1)
