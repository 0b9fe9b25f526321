"""Signing in to the admin counts as an attempt, as ``/api/auth/login/`` does: both share their limits."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from users.throttles import PasswordThrottle


class AdminLoginForm(AdminAuthenticationForm):
    """Django's own, with the limits of the API."""

    def clean(self) -> dict[str, Any]:
        attempt: Any = Request(self.request)  # type: ignore[arg-type]
        attempt._full_data = {"email": self.cleaned_data.get("username")}
        throttle = PasswordThrottle()
        if not throttle.allow_request(attempt, APIView()):
            raise ValidationError("Too many attempts. Wait a minute, then try again.", code="throttled")
        cleaned = super().clean()
        throttle.remember(attempt)
        return cleaned
