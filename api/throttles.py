"""How often somebody may do something: counted in fixed windows, in the shared cache."""

import hashlib
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from api.errors import ServiceUnavailable

logger = logging.getLogger(__name__)
IPV6_SUBSCRIBER_BITS = 64  # RFC 6177: one subscriber has at least a whole /64 to choose addresses from
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Rate(NamedTuple):
    """At most ``attempts`` in each window of ``seconds``."""

    attempts: int
    seconds: int


def parse_rate(text: str) -> Rate:
    """``10/min``: a number and a period that begins with s, m, h or d. Raises ValueError for anything else."""
    attempts, _, period = text.partition("/")
    if period[:1] not in _SECONDS or int(attempts) < 1:
        raise ValueError(text)
    return Rate(int(attempts), _SECONDS[period[:1]])


@contextmanager
def cache_required() -> Iterator[None]:
    """Raises ServiceUnavailable where the cache cannot be used."""
    try:
        yield
    except Exception as error:  # each cache has exceptions of its own
        logger.exception("The cache cannot be used")
        raise ServiceUnavailable("The service cannot take this at the moment.", "cache_unavailable") from error


class AttemptThrottle(BaseThrottle):
    """Counts the attempts at a view per address, by one atomic increment each.

    The view names its rate in ``throttle_scope``. Subclasses say in ``limits`` what else counts, or instead.
    """

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count one attempt of each subject, up to the first that has no more. Raises ServiceUnavailable."""
        if not settings.THROTTLES_ENABLED:
            return True
        rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
        limits = self.limits(request, view)
        return all(self._count(f"{scope}:{subject}", parse_rate(rates[scope])) for scope, subject in limits)

    def wait(self) -> float | None:
        """Seconds until the next window, of the subject that was counted last."""
        return self._wait

    def limits(self, request: Request, view: APIView) -> Iterator[tuple[str, str]]:
        """Names of rates, and who makes the attempt; each pair has a count of its own. A refused one costs those after
        it nothing."""
        yield view.throttle_scope, self.address(request)  # type: ignore[attr-defined]

    def address(self, request: Request) -> str:
        """Where the attempt comes from."""
        return f"address:{_network(self.get_ident(request))}"

    def _count(self, subject: str, rate: Rate) -> bool:
        """Count one attempt; whether it was still allowed. Raises ServiceUnavailable where nothing can be counted."""
        now = time.time()
        window = math.floor(now / rate.seconds)
        self._wait = (window + 1) * rate.seconds - now
        digest = hashlib.sha256(subject.encode(errors="replace")).hexdigest()
        key = f"attempts:{digest}:{window}"
        with cache_required():
            cache.add(key, 0, timeout=rate.seconds)
            return self._increment(key) <= rate.attempts

    @staticmethod
    def _increment(key: str) -> int:
        try:
            return cache.incr(key)
        except ValueError:
            if cache.get(key) is not None:
                raise  # not the entry is wrong but the cache: an address that cannot be read, say
            return 1  # the entry was evicted between the two calls


class UserThrottle(AttemptThrottle):
    """Counts per signed-in user, from wherever: people behind one address do not share a limit. Others by address."""

    def limits(self, request: Request, view: APIView) -> Iterator[tuple[str, str]]:
        if request.user.is_authenticated:
            yield view.throttle_scope, f"user:{request.user.pk}"  # type: ignore[attr-defined]
        else:
            yield from super().limits(request, view)


def _network(address: str | None) -> str:
    """The address, or of IPv6 the subscriber's network."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed, IPV6_SUBSCRIBER_BITS), strict=False))
