"""The switch from local disk to S3 under load, with everything real: ``make drill`` (``MINUTES=10``).

nginx, two gunicorns, two Celery workers, PostgreSQL, Redis and an S3 server; people upload, look and delete all the
while. It ends with 0 where no request failed, every URL handed out delivered the same bytes all along, and
``storage_audit`` finds nothing.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.test_settings")  # of this process; the site's own have theirs
