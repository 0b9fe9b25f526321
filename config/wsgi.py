"""WSGI entry point (gunicorn). A bad configuration stops the start here as it does in manage.py."""

import os

from django.core.wsgi import get_wsgi_application

from api.wsgi import drained_bodies, readable_headers, whole_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = readable_headers(drained_bodies(whole_bodies(get_wsgi_application())))

from config.checks import stop_on_errors  # noqa: E402  (the apps must be loaded first)

stop_on_errors()
