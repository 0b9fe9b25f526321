"""ASGI entry point. A bad configuration stops the start here as it does in manage.py."""

import os

from django.core.asgi import get_asgi_application

from api.asgi import readable_headers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = readable_headers(get_asgi_application())

from config.checks import stop_on_errors  # noqa: E402  (the apps must be loaded first)

stop_on_errors()
