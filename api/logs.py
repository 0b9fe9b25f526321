"""Logs: JSON or plain lines, one for each request, each with the request's id, none with a secret.

``logging_config`` is what ``settings.LOGGING`` and gunicorn's master are given; nothing here needs Django's settings.
"""

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote, quote_plus, unquote

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

FORMATS = ("json", "plain")
REDACTED = "[redacted]"
MIN_SECRET_CHARACTERS = 6  # a shorter one would be found in every other word
REQUEST_FIELDS = ("method", "path", "status", "duration_ms", "bytes", "user_id", "client")
FIELDS = ("request_id", "task_id", "asset_id", *REQUEST_FIELDS)  # no others: a record's extras may hold anything

# Each of these takes time in proportion to the text, whatever the text is.
_SECRET_NAME = re.compile(r"SECRET|PASSWORD(?!_RESET)|TOKEN|_KEY$")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@\"'<>]*):[^\s/@\"'<>]+@")
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(\.[\w-]*)?")
_SCHEME = re.compile(
    r"\b(?:(Bearer|Basic)\s+[\w.~+/=-]{6,}|(AWS4-HMAC-SHA256)\s+[^\"'\r\n]+|(AWS)\s+\w{16,}:\S+)", re.IGNORECASE
)
_ASSIGNED = r"(?P<assigned>[\"']?\s*(?:=|%3D|:)\s*[\[({]?\s*)"
_QUOTED = r"b?\"(?:\\+[^\\\r\n]|[^\"\\\r\n])*\"|b?'(?:\\+[^\\\r\n]|[^'\\\r\n])*'"  # however often it is escaped
# A header's value, bare, goes to the end of its line.
_HEADER = re.compile(
    r"(?P<name>(?:proxy-|http_)?authorization|(?:set-|http_)?cookie)" + _ASSIGNED + rf"(?:{_QUOTED}|[^\r\n]+)",
    re.IGNORECASE,
)
# A query's or a form's value to the next separator, whether it stands there as it is or URL-encoded.
_PARAMETER = re.compile(
    r"(?P<name>(?:token|passw(?:or)?d|secret|signature|credential|(?:api|secret|access)[-_]?key)[\w-]*|"
    r"AWSAccessKeyId|Key-Pair-Id|sessionid|\brefresh|\bpwd)"
    + _ASSIGNED
    + rf"(?:{_QUOTED}|(?:(?!%26)[^\s&;,\"'<>)}}\]])+)",
    re.IGNORECASE,
)


class Redactor:
    """Takes secrets out of texts: the known ones, however they are escaped, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {each for secret in secrets for each in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def __call__(self, text: str) -> str:
        """The text without them."""
        text = self._known.sub(REDACTED, text)
        text = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
        text = _KEY_BLOCK.sub(REDACTED, text)
        text = _JWT.sub(REDACTED, text)
        text = _HEADER.sub(rf"\g<name>\g<assigned>{REDACTED}", text)
        text = _SCHEME.sub(rf"\1\2\3 {REDACTED}", text)
        return _PARAMETER.sub(rf"\g<name>\g<assigned>{REDACTED}", text)

    def within(self, value: Any) -> Any:
        """The same for every text within lists and mappings."""
        match value:
            case str():
                return self(value)
            case Mapping():
                return {self(str(key)): self.within(each) for key, each in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.within(each) for each in value]
            case None | bool() | int() | float():
                return value
        return self(str(value))


def _spellings(secret: str) -> set[str]:
    """How a secret may stand in a text: as it is, in a URL, in JSON, in a repr; each line of one with several."""
    plain = {secret, *secret.replace("\\n", "\n").splitlines()}
    found = set(plain)
    for each in plain:
        found |= {quote(each), quote(each, safe=""), quote_plus(each), json.dumps(each)[1:-1], repr(each)[1:-1]}
    return {each for each in found if len(each) >= MIN_SECRET_CHARACTERS and not each.startswith("-----")}


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """What is secret in an environment, told by the names of its variables, and the passwords of its URLs."""
    found: set[str] = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name):
            found |= {value, *(part.strip() for part in value.split(","))}
        if "://" in value:
            for url in {value, *re.split(r"[;,\s]+", value)}:
                found |= _passwords(url)
    return found - {""}


def _passwords(url: str) -> set[str]:
    """The password as it is written, and as a driver has it; that of a URL which no parser takes too."""
    written = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return {written, unquote(written)}


class _Unprinted(frozenset[str]):
    """Texts that do not show where a configuration is printed."""

    def __repr__(self) -> str:
        return REDACTED


class PlainFormatter(logging.Formatter):
    """Lines for people."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(context)s] %(message)s")
        self._redact = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class JsonFormatter(BaseJsonFormatter):
    """One object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, FIELDS where they are known,
    ``exception``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(json_ensure_ascii=False)
        self._redact = Redactor(secrets)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        log_data["time"] = f"{utc}.{int(record.msecs):03d}Z"
        log_data |= {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        log_data |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        for name, key in (("exc_info", "exception"), ("stack_info", "stack")):
            if message_dict.get(name):
                log_data[key] = message_dict[name]

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return cast(dict[str, Any], self._redact.within(log_data))


class ClientFaultFilter(logging.Filter):
    """What any caller can cause is no error of ours: a refused host, a request with too many fields. One line, without
    the traceback. What Django only says of a request, without a traceback, stands in the request's own line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and not record.exc_info:
            return False
        if record.name.startswith("django.security."):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


def logging_config(log_format: str, level: str, secrets: Iterable[str]) -> dict[str, Any]:
    """``LOGGING``. In: one of FORMATS; the lowest level; what must not stand in any line."""
    formatter = {"json": JsonFormatter, "plain": PlainFormatter}[log_format]
    silent = {"handlers": [], "propagate": False, "level": "CRITICAL"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "context": {"()": "api.request_ids.RequestIDFilter"},
            "client_fault": {"()": ClientFaultFilter},
        },
        "formatters": {"line": {"()": formatter, "secrets": _Unprinted(secrets)}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["context", "client_fault"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": "INFO"},
            "django.request": {"level": "ERROR"},  # the tracebacks of faults of ours
            # One line for each request is enough, and these two would show query strings.
            "django.server": silent,
            "gunicorn.access": silent,
            "gunicorn.error": {"handlers": [], "propagate": True},
        },
    }
