"""The site's settings, with the collected static files in a folder of their own."""

import os

from config.settings import *  # noqa: F403

STATIC_ROOT = os.environ["BROWSER_STATIC_ROOT"]
