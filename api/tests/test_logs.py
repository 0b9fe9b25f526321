"""Lines of the log: what stands in them, and what never does."""

import io
import json
import logging
import logging.config
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from api.logs import MIN_SECRET_CHARACTERS, REDACTED, Redactor, logging_config, secrets_of

SECRET_KEY = 'k"e\\y-with %odd/ chärs & more'
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
DB_PASSWORD = "p@ss/w:rd#1"
ENVIRONMENT = {
    "SECRET_KEY": SECRET_KEY,
    "SECRET_KEY_FALLBACKS": "former-key-one,former-key-two",
    "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEBYaDHqa0AP",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_CLOUDFRONT_KEY": "-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END RSA PRIVATE KEY-----",
    "DATABASE_URL": f"postgres://vitrine:{quote(DB_PASSWORD, safe='')}@db:5432/vitrine",
    "CELERY_BROKER_URL": "redis://:broker-pw-1@redis:6379/1",
    "REDIS_URL": "redis://user:cache-pw-22@redis:6379/0",
    "EMAIL_URL": "smtp+tls://me:mail,pw-333@mail:587",
    "METRICS_TOKEN": "metrics-token-4444",
    "DB_PASSWORD": "short",
    "THROTTLE_PASSWORD_RESET": "5/hour",
    "PASSWORD_RESET_URL": "https://www.example.com/reset?uid={uid}&token={token}",
    "PATH": "/usr/local/bin:/usr/bin",
}
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl-_x"
PRESIGNED = (
    "https://shop.s3.amazonaws.com/private/a.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSF%2F20261121"
    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261121T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
    "&X-Amz-Security-Token=IQoJb3JpZ2luX2&X-Amz-Signature=deadbeef0123"
)


def config_of(log_format: str) -> dict[str, Any]:
    return logging_config(log_format, "INFO", secrets_of(ENVIRONMENT))


class Log:
    """A logger with the site's formatter, filters and a stream of its own."""

    def __init__(self, log_format: str) -> None:
        config = config_of(log_format)
        formatter = config["formatters"]["line"]
        self.out = io.StringIO()
        handler = logging.StreamHandler(self.out)
        handler.setFormatter(formatter["()"](secrets=formatter["secrets"]))
        for described in config["filters"].values():
            cls = described["()"]
            handler.addFilter(cls() if callable(cls) else logging.config.BaseConfigurator({}).resolve(cls)())
        self.logger = logging.getLogger("tests.log")
        self.logger.handlers, self.logger.propagate = [handler], False
        self.logger.setLevel(logging.DEBUG)

    def text(self) -> str:
        return self.out.getvalue()


@pytest.fixture(params=["json", "plain"])
def log(request: Any) -> Iterator[Log]:
    made = Log(request.param)
    yield made
    made.logger.handlers, made.logger.propagate = [], True


SECRETS = [
    SECRET_KEY,
    *("former-key-one", "former-key-two", AWS_SECRET, "FwoGZXIvYXdzEBYaDHqa0AP", "MIIEpAIBAAKCAQEA"),
    *(DB_PASSWORD, quote(DB_PASSWORD, safe=""), "broker-pw-1", "cache-pw-22", "mail,pw-333", "metrics-token-4444"),
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_secret_stands_nowhere(log: Log, secret: str) -> None:
    def fail() -> None:
        raise RuntimeError(f"could not use {secret}")

    log.logger.info(f"message {secret}.")
    log.logger.info("argument %s and %r and %s", secret, secret, {"key": [secret]})
    log.logger.info("in a URL %s %s", quote(secret), quote(secret, safe=""))
    log.logger.info("in JSON %s", json.dumps({"a": secret}))
    log.logger.info("extra", extra={"path": f"/x/{secret}", "user_id": secret})
    try:
        fail()
    except RuntimeError as first:
        try:
            raise ValueError(f"because {secret!r}") from first
        except ValueError:
            log.logger.exception("caught")
    log.logger.info("stack of %s", secret, stack_info=True)
    spellings = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    spellings |= {json.dumps(each)[1:-1] for each in spellings}
    for each in spellings:
        assert each not in log.text()
    assert log.text().count(REDACTED) >= 8
    assert "Traceback" in log.text()


HIDDEN = [
    ("<QueryDict: {'password': ['hunter22'], 'email': ['a@b.c']}>", ["hunter22"]),
    ("password_confirm=hunter22&x=1", ["hunter22"]),
    ("X-Api-Key: hunter22", ["hunter22"]),
    ('{"new_password": ["hunter22"], "tokens": ("hunter23",)}', ["hunter22", "hunter23"]),
    (PRESIGNED, ["AKIAIOSF", "IQoJb3JpZ2luX2", "deadbeef0123"]),
    (quote(PRESIGNED, safe=""), ["AKIAIOSF", "IQoJb3JpZ2luX2", "deadbeef0123"]),
    ("/media/private/a.jpg?expires=1&signature=abc-_123&x=1", ["abc-_123"]),
    ("https://cdn/a.jpg?Expires=1&Signature=Zm9v~&Key-Pair-Id=K2JCJMDEHXQW5F", ["Zm9v", "K2JCJMDEHXQW5F"]),
    ("https://b/a?AWSAccessKeyId=AKIA1&Signature=v2sig%3D", ["AKIA1", "v2sig"]),
    (f"token {JWT} of a user", [JWT, JWT[:40]]),
    (f'{{"refresh": "{JWT}"}}', [JWT]),
    ("Authorization: Bearer abc.def-ghi", ["abc.def"]),
    ("Authorization: Basic dXNlcjpwdw==", ["dXNlcjpwdw"]),
    ("authorization: Token 12345 67890", ["12345", "67890"]),
    ("{'Authorization': b'AWS4-HMAC-SHA256 Credential=AK/x, SignedHeaders=h, Signature=f00', 'a': 1}", ["AK/x", "f00"]),
    ("AWS4-HMAC-SHA256 Credential=AK/x, SignedHeaders=h, Signature=f00", ["AK/x", "f00"]),
    ("Cookie: sessionid=abc123; csrftoken=def456", ["abc123", "def456"]),
    ('"Set-Cookie": "sessionid=abc123; HttpOnly"', ["abc123"]),
    ("{'HTTP_COOKIE': 'sessionid=abc123', 'HTTP_AUTHORIZATION': 'Bearer zzz999'}", ["abc123", "zzz999"]),
    ("X-Amz-Security-Token: IQoJb3J", ["IQoJb3J"]),
    ("{'x-amz-signature': 'deadbeef', 'x-amz-credential': 'AKIA/2026'}", ["deadbeef", "AKIA"]),
    ('{"password": "two words \\" and more", "email": "a@b.c"}', ["two words", "and more"]),
    ("new_password='se cret' old_password=hunter2", ["se cret", "hunter2"]),
    ("connection to postgres://vitrine:other-pw@db:5432/x failed", ["other-pw"]),
    ("amqp://guest:g@rabbit//", [":g@"]),
    ("redis://:pw@redis:6379/0", [":pw@"]),
    ("-----BEGIN PRIVATE KEY-----\nMIIabc\nMIIdef\n-----END PRIVATE KEY-----", ["MIIabc", "MIIdef"]),
    ("/reset?uid=MQ&token=c5k-abcdef", ["c5k-abcdef"]),
    ("aws_secret_access_key = wJalr", ["wJalr"]),
    ("api_key=abc apikey: def", ["=abc", "def"]),
]


@pytest.mark.parametrize(("text", "parts"), HIDDEN, ids=[text[:40] for text, _ in HIDDEN])
def test_what_looks_like_a_secret_is_taken_out(log: Log, text: str, parts: list[str]) -> None:
    log.logger.error("message " + text)
    log.logger.error("argument %s", text)
    try:
        raise OSError(2, text, text)
    except OSError:
        log.logger.exception("caught")
    for part in parts:
        assert part not in log.text()


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/artworks/ 200 in 1.5 ms, 345 bytes, user 7, from 10.0.0.1",
        "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the instance role).",
        "S3 bucket shop: AccessDenied (403) at PutObject. The IAM policy needs s3:ListBucket",
        "Asset 12 is put off: StorageUnavailable: The media storage is not available at the moment.",
        "https://shop.s3.amazonaws.com:443/media/a.jpg?x=a@b.c",
        "5/hour https://www.example.com/reset short /usr/local/bin",
        'File "/srv/app.py", line 3, in authorize\n    return basic_value',
    ],
)
def test_other_words_stay(text: str) -> None:
    assert Redactor(secrets_of(ENVIRONMENT))(text) == text


def test_a_redacted_url_still_says_where_it_led() -> None:
    told = Redactor([])(PRESIGNED)
    assert told.startswith("https://shop.s3.amazonaws.com/private/a.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert "X-Amz-Date=20261121T000000Z" in told
    assert Redactor([])("postgres://me:pw@db/x") == f"postgres://me:{REDACTED}@db/x"


def test_a_secret_too_short_to_be_told_from_words_is_left_to_the_patterns() -> None:
    assert Redactor(["s" * (MIN_SECRET_CHARACTERS - 1), ""])("sssss is no secret") == "sssss is no secret"


def test_a_configuration_that_is_printed_shows_no_secret() -> None:
    printed = f"{config_of('json')}"
    assert REDACTED in printed
    assert not [secret for secret in SECRETS if secret in printed]


def test_a_json_line_is_one_object_in_one_line() -> None:
    log = Log("json")
    try:
        raise ValueError("a\nb")
    except ValueError:
        log.logger.warning("two\nlines %s", "é", exc_info=True, extra={"path": "/x/", "status": 200, "request": log})
    (line,) = log.text().splitlines()
    found = json.loads(line)
    assert list(found) == ["time", "level", "logger", "message", "request_id", "path", "status", "exception"]
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "tests.log", "two\nlines é")
    assert (found["request_id"], found["path"], found["status"]) == ("-", "/x/", 200)
    assert found["time"].endswith("Z") and len(found["time"]) == 24
    assert found["exception"].startswith("Traceback") and found["exception"].endswith("ValueError: a\nb")


def test_a_plain_line_is_for_people() -> None:
    log = Log("plain")
    log.logger.warning("words")
    assert log.text().endswith(" WARNING tests.log [-] words\n")


def test_what_a_caller_can_cause_is_a_warning_without_a_traceback(log: Log) -> None:
    log.logger.name = "django.security.DisallowedHost"
    try:
        raise ValueError("Invalid HTTP_HOST header: 'evil'.")
    except ValueError as error:
        log.logger.error(str(error), exc_info=error)
    log.logger.name = "tests.log"
    assert len(log.text().splitlines()) == 1
    assert "WARNING" in log.text() and "ERROR" not in log.text() and "Traceback" not in log.text()


def test_a_fault_of_ours_keeps_its_traceback_and_an_answer_has_no_second_line(log: Log) -> None:
    log.logger.name = "django.request"
    log.logger.error("Service Unavailable: /readyz")
    assert log.text() == ""
    try:
        raise ValueError("bug")
    except ValueError as error:
        log.logger.error("Internal Server Error: /", exc_info=error)
    log.logger.name = "tests.log"
    assert "ERROR" in log.text() and "Traceback" in log.text()


@pytest.mark.parametrize("text", ["a-" * 20_000, "-eyJ" * 10_000, "token='" + "\\" * 40_000, "://a:" * 9_000])
def test_no_text_takes_long(text: str) -> None:
    redact, began = Redactor(secrets_of(ENVIRONMENT)), time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 2
