"""What the media layer counts for Prometheus. Labels have few values, none of which a caller can choose."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram
from rest_framework.exceptions import APIException

from api.errors import ServiceUnavailable
from media_assets.errors import StorageUnavailable
from media_assets.imaging import InvalidImage
from media_assets.imaging.isolation import DecodeFailed, DecoderUnavailable

APPLICATION, DIRECT = "application", "direct"  # ways
DONE, STORED, REFUSED, UNAVAILABLE, FAILED = "done", "stored", "refused", "unavailable", "failed"  # outcomes
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)  # seconds
_ANSWERS = (404, 409, 412)  # to "is it there?" and to "write it where nothing lies": no errors

UPLOADS = Counter("vitrine_uploads", "Files that came in.", ["way", "outcome"])
UPLOAD_BYTES = Counter("vitrine_upload_bytes", "Bytes of the files that were stored.", ["way"])
DELIVERED = Counter("vitrine_delivered_bytes", "Bytes of local files that the application sent.", ["visibility"])
STORAGE_SECONDS = Histogram(
    "vitrine_storage_seconds", "Calls of a storage, retries included.", ["storage", "operation"], buckets=_BUCKETS
)
STORAGE_ERRORS = Counter(
    "vitrine_storage_errors", "Calls of a storage that failed.", ["storage", "operation", "reason"]
)
JOB_SECONDS = Histogram("vitrine_imaging_seconds", "Work on one picture.", ["job", "outcome"], buckets=_BUCKETS)
P = ParamSpec("P")
T = TypeVar("T")


def counted_upload(stored: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Decorates ``services.stored``: counts each file that comes in, once. What is copied from an upload was counted
    when that was completed."""

    @functools.wraps(stored)
    def counted(source: Any, **how: Any) -> Iterator[Any]:
        if source.upload is not None:
            yield from stored(source, **how)
            return
        way, size = getattr(source, "way", APPLICATION), source.size
        with refusals_counted(way):
            yield from stored(source, **how)
        UPLOADS.labels(way, STORED).inc()
        UPLOAD_BYTES.labels(way).inc(size)

    return counted


@contextmanager
def refusals_counted(way: str) -> Iterator[None]:
    """Counts a file for which the block raises what a caller is told of."""
    try:
        yield
    except APIException as error:
        UPLOADS.labels(way, UNAVAILABLE if isinstance(error, ServiceUnavailable) else REFUSED).inc()
        raise


def counted_delivery(visibility: str) -> Callable[[Callable[P, HttpResponseBase]], Callable[P, HttpResponseBase]]:
    """Decorates a view of local files: counts the bytes of its answers to GET. What nginx sends in its place, or a
    store, they count themselves."""

    def decorate(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
        @functools.wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            response = view(*args, **kwargs)
            request: Any = args[0]
            if request.method == "GET" and response.streaming and response.status_code in (200, 206):
                DELIVERED.labels(visibility).inc(int(response.headers.get("Content-Length", 0)))
            return response

        return counted

    return decorate


def timed_job(job: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorates a piece of work on a picture: how long it takes, and whether it is done, refused, put off
    (``unavailable``) or failed."""

    def decorate(work: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(work)
        def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            outcome, began = FAILED, time.perf_counter()
            try:
                result = work(*args, **kwargs)
                outcome = DONE
                return result
            except (InvalidImage, DecodeFailed):
                outcome = REFUSED
                raise
            except (StorageUnavailable, DecoderUnavailable):
                outcome = UNAVAILABLE
                raise
            finally:
                JOB_SECONDS.labels(job, outcome).observe(time.perf_counter() - began)

        return timed

    return decorate


def timed_methods(*names: str) -> Callable[[type[T]], type[T]]:
    """Decorates a storage's class: these of its methods are timed, and counted where they raise StorageUnavailable."""

    def decorate(storage_class: type[T]) -> type[T]:
        for name in names:
            setattr(storage_class, name, _timed_method(getattr(storage_class, name)))
        return storage_class

    return decorate


def _timed_method(method: Callable[..., T]) -> Callable[..., T]:
    operation = method.__name__

    @functools.wraps(method)
    def timed(self: Any, *args: Any, **kwargs: Any) -> T:
        began = time.perf_counter()
        try:
            return method(self, *args, **kwargs)
        except StorageUnavailable as error:
            STORAGE_ERRORS.labels(self.alias, operation, type(error.__cause__ or error).__name__).inc()
            raise
        finally:
            STORAGE_SECONDS.labels(self.alias, operation).observe(time.perf_counter() - began)

    return timed


def watch_client(client: Any, alias: str) -> None:
    """Time every call of this boto3 client, and count those that fail: by HTTP status, or by the exception's name."""

    def before(context: dict[str, Any], **kwargs: Any) -> None:
        context["vitrine_began"] = time.perf_counter()

    def after(event_name: str, context: dict[str, Any], http_response: Any, parsed: Any, **kwargs: Any) -> None:
        status, code = http_response.status_code, parsed.get("Error", {}).get("Code")
        is_answer = status < 300 or (status in _ANSWERS and code != "NoSuchBucket")
        observe(event_name, context, "" if is_answer else str(status))

    def failed(event_name: str, context: dict[str, Any], exception: Exception, **kwargs: Any) -> None:
        observe(event_name, context, type(exception).__name__)

    def observe(event_name: str, context: dict[str, Any], reason: str) -> None:
        operation = event_name.rpartition(".")[2]
        STORAGE_SECONDS.labels(alias, operation).observe(time.perf_counter() - context["vitrine_began"])
        if reason:
            STORAGE_ERRORS.labels(alias, operation, reason).inc()

    client.meta.events.register("before-call.s3", before)
    client.meta.events.register("after-call.s3", after)
    client.meta.events.register("after-call-error.s3", failed)


def count_refused(way: str) -> None:
    """A file was looked into and refused."""
    UPLOADS.labels(way, REFUSED).inc()
