"""How often somebody may try to sign in, and to have a password reset."""

import hashlib
import logging
from collections.abc import Iterator, Mapping

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.views import APIView

from api.throttles import AttemptThrottle, cache_required
from users.models import User

KNOWN_SECONDS = 30 * 86_400  # an address from which the right password came
logger = logging.getLogger(__name__)


class SignInThrottle(AttemptThrottle):
    """Counts attempts per address and, with the view's ``throttle_by_account``, per account: that of the signed-in
    user, or the one whose e-mail is sent, be it known or not. A refused address costs no account anything."""

    def limits(self, request: Request, view: APIView) -> Iterator[tuple[str, str]]:
        yield from super().limits(request, view)
        if getattr(view, "throttle_by_account", False) and (email := _account(request)):
            yield view.throttle_scope, f"account:{email}"  # type: ignore[attr-defined]


class PasswordThrottle(AttemptThrottle):
    """Counts guesses at passwords three ways: few for one account from one address (``login``), more for one address
    whoever is tried (``login_address``: a house behind one address signs in), and for one account from everywhere
    together as few as make guessing hopeless (``login_account``).

    The last would let anybody who has many addresses keep a person out, so it does not hold for an address from which
    the account was signed in to lately. Nor do the other two: they are the guesser's own.
    """

    def limits(self, request: Request, view: APIView) -> Iterator[tuple[str, str]]:
        email, pair = _account(request), self._pair(request)
        yield "login_address", self.address(request)
        yield "login", pair
        with cache_required():
            counts_for_account = email and not cache.get(_known(pair))
        if counts_for_account:
            yield "login_account", f"account:{email}"

    def remember(self, request: Request) -> None:
        """The password was right. Never raises."""
        if not settings.THROTTLES_ENABLED:
            return
        try:
            cache.set(_known(self._pair(request)), True, KNOWN_SECONDS)
        except Exception:  # each cache has exceptions of its own
            logger.exception("An address from which somebody signed in could not be remembered")

    def _pair(self, request: Request) -> str:
        return f"account:{_account(request)}:{self.address(request)}"


def _known(pair: str) -> str:
    return f"signed-in:{hashlib.sha256(pair.encode(errors='replace')).hexdigest()}"


def _account(request: Request) -> str:
    if request.user.is_authenticated:
        return request.user.email
    email = request.data.get("email") if isinstance(request.data, Mapping) else None
    return User.objects.normalize_email(email) if isinstance(email, str) else ""
