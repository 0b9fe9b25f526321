"""How often somebody may try to sign in: per address, and per account whichever address the attempts come from."""

from collections.abc import Iterator, Mapping

from rest_framework.request import Request
from rest_framework.views import APIView

from api.throttles import AttemptThrottle
from users.models import User


class SignInThrottle(AttemptThrottle):
    """With the view's ``throttle_by_account`` the account counts beside the address: that of the signed-in user, or
    the one whose e-mail is sent, be it known or not. A refused address costs no account anything."""

    def subjects(self, request: Request, view: APIView) -> Iterator[str]:
        yield from super().subjects(request, view)
        if getattr(view, "throttle_by_account", False) and (email := _account(request)):
            yield f"account:{email}"


def _account(request: Request) -> str:
    if request.user.is_authenticated:
        return request.user.email
    email = request.data.get("email") if isinstance(request.data, Mapping) else None
    return User.objects.normalize_email(email) if isinstance(email, str) else ""
