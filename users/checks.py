"""System checks of what the environment says about sign-in and about rates."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from api.throttles import parse_rate


@register(Tags.security)
def check_sign_in_environment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Rates must be rates, and a reset link must have a place for both of its parts."""
    found: list[CheckMessage] = []
    for scope, rate in settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"].items():
        try:
            parse_rate(rate)
        except ValueError:
            name = f"THROTTLE_{scope.upper()}"
            hint = f"Write a number and a period, {name}=10/min (s, min, hour or day)."
            found.append(Error(f"{name}={rate!r} is not a rate.", hint=hint, id="users.E001"))
    link = settings.PASSWORD_RESET_URL
    if link and not ("{uid}" in link and "{token}" in link):
        hint = "Write PASSWORD_RESET_URL=https://www.example.com/reset?uid={uid}&token={token}"
        found.append(Error(f"PASSWORD_RESET_URL={link!r} lacks {{uid}} or {{token}}.", hint=hint, id="users.E002"))
    return found
