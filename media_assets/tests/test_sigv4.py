"""The query signer against botocore, byte for byte, and against the example that AWS publishes."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from media_assets.signing.sigv4 import EXPIRY_MAX_SECONDS, Credentials, QuerySigner, UnsupportedBySigner

ACCESS_KEY = "AKIDEXAMPLE/+é="
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEBYaD+/=é~ " * 12
NOON = 1_763_640_000  # 2025-11-20 12:00:00 UTC
MIDNIGHT = 1_763_683_200  # 2025-11-21 00:00:00 UTC
DAY_SECONDS = 86_400
CASES_PER_CLIENT = 150

REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-5", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"]
ENDPOINTS = [
    "http://minio.local:9000",
    "https://Store.Example.com",
    "https://store.example.com/",
    "https://store.example.com:443",
    "https://store.example.com:0443",
    "https://store.example.com:80/base",
    "http://store.example.com:80/base/deeper/",
    "http://localhost:443/~a.b_c-d",
    "https://s3.eu-west-1.amazonaws.com",
    "https://s3.dualstack.eu-west-1.amazonaws.com",
    "http://127.0.0.1:9000",
    "https://192.168.1.20/base/",
    "http://[::1]:9000",
    "https://[FD00::A]",
]
BUCKETS = [
    "vitrine-media",
    "abc",
    "1b2",
    "xn--caf-dma",
    "x" * 63,
    "media.example.com",
    "a..b",
    "-ab",
    "ab-",
    "ab",
    "under_score",
    "UPPER",
    "192.168.1.1",
    "x" * 64,
    "y--ol-s3",
]
KEYS = [
    "artworks/2025/11/4f6c2e0a-9a50-4d3a-8b4e-1c9c5a2f3b7d/hero-1600.webp",
    "a",
    "/a",
    "//a//b/",
    "/",
    ".",
    "..",
    "./a/../../b/./c",
    "grand piano (final) 2.jpg",
    " lead and trail ",
    "a+b=c&d,e;f:g@h!i*j'k\"l$m",
    "50%25 off%2F?x#y",
    "~user/-_.~",
    "{key}[0]<1>|\\^`",
    "tab\tnewline\nreturn\rnull\0delete\x7f",
    "Möbel/žluťoučký/фото/写真/🎨🏽.png",
    "e\u0301 nicht \u00e9",
    "\u2028\ufeff\u00a0\u00ff",
    "k" * 1024,
]
RESPONSES: list[dict[str, str]] = [
    {},
    {"ResponseContentType": "image/webp"},
    {"ResponseContentType": ""},
    {"ResponseContentDisposition": "attachment; filename=\"a b+c.jpg\"; filename*=UTF-8''%C3%A9~é"},
    {"ResponseExpires": "Thu, 20 Nov 2025 12:00:00 GMT", "ResponseCacheControl": "private, max-age=60"},
    {"ResponseExpires": "2025-11-20"},
    {"ResponseExpires": "2025-11-20T12:00:00+05:30"},
    {"ResponseExpires": "2025-11-20T12:00:00Z"},
    {
        "ResponseContentLanguage": "de, en;q=0.5",
        "ResponseContentEncoding": "br",
        "ResponseContentType": "text/plain; charset=utf-8",
        "ResponseContentDisposition": "inline",
        "ResponseCacheControl": "no-store",
    },
]
LOCATIONS = ["", "media", "/media/private/", "mé dia+~"]
EXPIRIES = [1, 60, 3_599, 3_600, 86_400, EXPIRY_MAX_SECONDS]

ENVIRONMENTS = [(region, None) for region in REGIONS] + [
    (region, endpoint)
    for endpoint, region in zip(ENDPOINTS, ["us-east-1", "eu-west-1", "auto", "fr-par"] * 4, strict=False)
]


class FrozenBotocore:
    """Real botocore clients, made once each, signing at a chosen second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: self.now)
        self.now = datetime(2025, 1, 1)
        self.session = botocore.session.Session()
        self.clients: dict[Any, Any] = {}

    def client(self, region: str, endpoint: str | None, style: str, token: str | None, **s3: str) -> Any:
        key = (region, endpoint, style, token, *s3.items())
        if key not in self.clients:
            self.clients[key] = self.session.create_client(
                "s3",
                region_name=region,
                endpoint_url=endpoint,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=SECRET_KEY,
                aws_session_token=token,
                config=Config(signature_version="s3v4", s3={"addressing_style": style, **s3}),
            )
        return self.clients[key]

    def presign(
        self, client: Any, params: dict[str, str], signed_at: int, expires_in: int, operation: str = "get_object"
    ) -> str:
        self.now = datetime.fromtimestamp(signed_at, UTC).replace(tzinfo=None)
        return str(client.generate_presigned_url(operation, Params=params, ExpiresIn=expires_in))


@pytest.fixture(scope="module")
def frozen_botocore() -> Iterator[FrozenBotocore]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield FrozenBotocore(monkeypatch)


def make_signer(**options: Any) -> QuerySigner:
    token = options.pop("token", None)
    defaults = {"bucket": "vitrine-media", "region": "eu-west-1"}
    return QuerySigner(credentials=Credentials(ACCESS_KEY, SECRET_KEY, token), **(defaults | options))


def random_key(rng: random.Random) -> str:
    """A listed key, or one of any characters that UTF-8 can carry."""
    if rng.random() < 0.4:
        return rng.choice(KEYS)
    points = [
        rng.choice([rng.randrange(0x80), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)]) for _ in "x" * 9
    ]
    return "".join(map(chr, points)) + rng.choice(KEYS)


@pytest.mark.parametrize("style", ["virtual", "path"])
@pytest.mark.parametrize(("region", "endpoint"), ENVIRONMENTS)
def test_equals_botocore(frozen_botocore: FrozenBotocore, region: str, endpoint: str | None, style: str) -> None:
    rng = random.Random(f"{region} {endpoint} {style}")
    covered = 0
    for number in range(CASES_PER_CLIENT):
        token = (None, TOKEN, "")[number % 3]
        bucket, location = BUCKETS[number % len(BUCKETS)], rng.choice(LOCATIONS)
        key, response = random_key(rng), rng.choice(RESPONSES)
        signed_at, expires_in = rng.randrange(4_000_000_000), rng.choice(EXPIRIES)
        try:
            signer = make_signer(
                bucket=bucket,
                region=region,
                endpoint_url=endpoint,
                addressing_style=style,
                location=location,
                token=token,
            )
        except UnsupportedBySigner:
            # A dotted bucket in front of a bare IP address: no host at all, and botocore builds it anyway.
            assert style == "virtual"
            assert "." in bucket
            assert endpoint in ("http://127.0.0.1:9000", "http://[::1]:9000")
            continue
        folder = location.strip("/")
        params = {"Bucket": bucket, "Key": f"{folder}/{key}" if folder else key, **response}
        client = frozen_botocore.client(region, endpoint, style, token)
        expected = frozen_botocore.presign(client, params, signed_at, expires_in)
        assert signer.presign(key, signed_at=signed_at, expires_in=expires_in, response=response) == expected
        assert signer.at(signed_at=signed_at, expires_in=expires_in, response=response)(key) == expected
        covered += 1
    assert covered > CASES_PER_CLIENT * 3 // 4


def test_head_equals_botocore(frozen_botocore: FrozenBotocore) -> None:
    client = frozen_botocore.client("eu-west-1", None, "virtual", None)
    expected = frozen_botocore.presign(
        client, {"Bucket": "vitrine-media", "Key": "a b.jpg"}, NOON, 60, operation="head_object"
    )
    get = make_signer().presign("a b.jpg", signed_at=NOON, expires_in=60)
    assert make_signer(method="HEAD").presign("a b.jpg", signed_at=NOON, expires_in=60) == expected != get
    assert make_signer(method="head").presign("a b.jpg", signed_at=NOON, expires_in=60) == expected


@pytest.mark.parametrize("option", ["legacy", "regional"])
@pytest.mark.parametrize("style", ["virtual", "path"])
@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_us_east_1_host_equals_botocore(frozen_botocore: FrozenBotocore, region: str, style: str, option: str) -> None:
    client = frozen_botocore.client(region, None, style, None, us_east_1_regional_endpoint=option)
    expected = frozen_botocore.presign(client, {"Bucket": "vitrine-media", "Key": "a.jpg"}, NOON, 60)
    signer = make_signer(region=region, addressing_style=style, us_east_1_regional_endpoint=option)
    assert signer.presign("a.jpg", signed_at=NOON, expires_in=60) == expected


def test_published_example() -> None:
    """The example in "Authenticating Requests: Using Query Parameters" of the Amazon S3 API reference."""
    signer = QuerySigner(
        bucket="examplebucket",
        region="us-east-1",
        credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    )
    assert signer.presign("test.txt", signed_at=1_369_353_600, expires_in=86_400) == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_reads_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = make_signer(location="media")
    before = [signer.presign(key, signed_at=NOON, expires_in=3_600) for key in KEYS]

    def no_clock(*_: object) -> float:
        raise AssertionError("the clock was read")

    for name in ("time", "time_ns", "monotonic"):
        monkeypatch.setattr(f"time.{name}", no_clock)
    again = make_signer(location="media")
    after = [again.presign(key, signed_at=NOON, expires_in=3_600) for key in KEYS]
    monkeypatch.undo()
    assert after == before


def test_presign_follows_every_argument() -> None:
    signer = make_signer()
    arguments = [
        {"signed_at": NOON, "expires_in": 60},
        {"signed_at": NOON + 1, "expires_in": 60},
        {"signed_at": NOON, "expires_in": 61},
        {"signed_at": NOON, "expires_in": 60, "response": {"ResponseContentType": "image/png"}},
        {"signed_at": NOON, "expires_in": 60},
    ]
    urls = [signer.presign("a.jpg", **one) for one in arguments]  # type: ignore[arg-type]
    assert urls == [make_signer().presign("a.jpg", **one) for one in arguments]  # type: ignore[arg-type]
    assert len(set(urls)) == 4


@pytest.mark.parametrize("expires_in", [-1, 0, EXPIRY_MAX_SECONDS + 1])
def test_expiry_outside_the_limits_is_refused(expires_in: int) -> None:
    with pytest.raises(ValueError, match="604800"):
        make_signer().presign("a.jpg", signed_at=NOON, expires_in=expires_in)
    with pytest.raises(ValueError, match="604800"):
        make_signer().at(signed_at=NOON, expires_in=expires_in)


@pytest.mark.parametrize("location", ["", "media"])
@pytest.mark.parametrize("key", ["", "\ud800"])
def test_key_that_is_no_key_is_refused(key: str, location: str) -> None:
    with pytest.raises(ValueError, match=r"empty|surrogates"):
        make_signer(location=location).at(signed_at=NOON, expires_in=60)(key)


@pytest.mark.parametrize(
    "options",
    [
        {"bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap"},
        {"bucket": "vitrine--euw1-az1--x-s3"},
        {"bucket": "vitrine--euw1-az1--xa-s3"},
        {"bucket": "vitrine--op-s3"},
        {"bucket": ""},
        {"bucket": "no/bucket"},
        {"bucket": "bucket\n"},
        {"bucket": "bücher"},
        {"region": ""},
        {"region": "eu-west-1\n"},
        {"region": "eu.west"},
        {"region": "aws-global", "endpoint_url": "https://store.example.com"},
        {"region": "s3-external-1", "endpoint_url": "https://store.example.com"},
        {"region": "fips-us-east-1", "endpoint_url": "https://store.example.com"},
        {"region": "us-gov-west-1-fips", "endpoint_url": "https://store.example.com"},
        {"region": "12345", "endpoint_url": "https://store.example.com"},
        {"region": "auto"},
        {"region": "us-iso-east-1"},
        {"region": "EU-West-1"},
        {"addressing_style": "auto"},
        {"method": "PUT"},
        {"bucket": "a.b", "endpoint_url": "http://127.0.0.1:9000"},
        *(
            {"endpoint_url": endpoint}
            for endpoint in (
                "",
                "store.example.com",
                "ftp://store.example.com",
                "HTTPS://store.example.com",
                "https://user:secret@store.example.com",
                "https://store.example.com?x=1",
                "https://store.example.com#f",
                "https://store.example.com:",
                "https://store.example.com:65536",
                "https://store.example.com./",
                "https://store..example.com",
                "https://under_score.example.com",
                "https://-store.example.com",
                "https://münchen.example",
                "https://store.example.com/a b",
                "https://store.example.com/a%20b",
                "https://store.example.com/a//b",
                "https://store.example.com//",
                "https://store.example.com/a/../b",
                "https://store.example.com/.",
                "https://store.example.com\n",
                "https://s3-accelerate.amazonaws.com",
                "https://[::1%25eth0]",
                "https://[::1",
                "https://[:::]",
            )
        ),
    ],
)
def test_what_only_botocore_covers_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedBySigner):
        make_signer(**options)


@pytest.mark.parametrize(
    "response",
    [
        {"VersionId": "1"},
        {"response-content-type": "image/png"},
        {"ResponseExpires": "1763640000"},
        {"ResponseExpires": "tomorrow"},
        {"ResponseExpires": "Fri, 20 Nov 2025 12:00:00 GMT"},
    ],
)
def test_unknown_response_parameter_is_refused(response: dict[str, str]) -> None:
    with pytest.raises(UnsupportedBySigner):
        make_signer().presign("a.jpg", signed_at=NOON, expires_in=60, response=response)


@pytest.mark.parametrize("credentials", [Credentials("", SECRET_KEY), Credentials(ACCESS_KEY, "")])
def test_empty_credentials_are_refused(credentials: Credentials) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        QuerySigner(bucket="vitrine-media", region="eu-west-1", credentials=credentials)


def test_secrets_do_not_show() -> None:
    credentials = Credentials(ACCESS_KEY, SECRET_KEY, TOKEN)
    signer = QuerySigner(bucket="vitrine-media", region="eu-west-1", credentials=credentials)
    shown = f"{credentials!r} {credentials} {signer!r} {signer}"
    assert ACCESS_KEY in shown
    assert SECRET_KEY not in shown
    assert TOKEN not in shown
    with pytest.raises(UnsupportedBySigner) as refusal:
        make_signer(endpoint_url=f"https://user:{SECRET_KEY}@store.example.com")
    assert SECRET_KEY not in str(refusal.value)


def test_boto_and_django_stay_out() -> None:
    program = (
        "import sys; from media_assets.signing import sigv4; "
        "s = sigv4.QuerySigner(bucket='abc', region='eu-west-1', credentials=sigv4.Credentials('a', 'b')); "
        "s.presign('a b', signed_at=0, expires_in=1); "
        "print([m for m in ('boto3', 'botocore', 'django', 'storages') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_threads_across_a_day_change() -> None:
    """One signer, many threads, seconds around many midnights: every address as a signer of its own gives it."""
    moments = [MIDNIGHT + day * DAY_SECONDS + second for day in range(6) for second in (-1, 0)]
    expected = {
        (moment, key): make_signer().presign(key, signed_at=moment, expires_in=60) for moment in moments for key in KEYS
    }
    signer = make_signer()
    shared = {moment: signer.at(signed_at=moment, expires_in=60) for moment in moments}
    barrier = threading.Barrier(8)

    def sign(seed: int) -> list[tuple[int, str]]:
        order = list(expected)
        random.Random(seed).shuffle(order)
        barrier.wait()
        return [
            (moment, key)
            for moment, key in order
            if signer.presign(key, signed_at=moment, expires_in=60) != expected[moment, key]
            or shared[moment](key) != expected[moment, key]
        ]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            wrong = [case for cases in pool.map(sign, range(8)) for case in cases]
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_signing_keys_of_past_days_are_dropped() -> None:
    signer = make_signer()
    for day in range(50):
        signer.at(signed_at=NOON + day * DAY_SECONDS, expires_in=60)
    assert len(signer._days) <= 3
