"""Policies of local upload forms: botocore's own layout and signature, and nothing but what was signed."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from media_assets.signing.policy import (
    FieldRefused,
    PolicyError,
    PolicyInvalid,
    PolicySigner,
    PolicyViolated,
    SignatureMismatch,
    _signature,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
FIELDS = {"key": "staging/1/a.jpg", "Content-Type": "image/jpeg", "success_action_status": "201"}
SECRETS = ["new-secret" * 5, "old-secret" * 5]


def signed(secret: str = SECRETS[0], **changed: str) -> dict[str, str]:
    return PolicySigner("local-private", [secret]).sign(
        {**FIELDS, **changed}, size_range=(1, 1000), expires_at=LATER, now=NOW
    )


def verify(fields: dict[str, str], now: datetime = NOW) -> tuple[int, int]:
    lowered = {name.lower(): value for name, value in fields.items()}
    return PolicySigner("local-private", SECRETS).verify(lowered, now=now)


def resigned(document: Any) -> dict[str, str]:
    """A form with this policy, text or JSON, under a genuine signature."""
    text = document if isinstance(document, str) else json.dumps(document)
    return with_policy(base64.b64encode(text.encode()).decode())


def with_policy(encoded: str) -> dict[str, str]:
    secret = PolicySigner("local-private", SECRETS)._secrets[0]
    return {**signed(), "policy": encoded, "x-amz-signature": _signature(secret, "20260304", encoded)}


def document_of(fields: dict[str, str]) -> Any:
    return json.loads(base64.b64decode(fields["policy"]))


def test_a_signed_form_is_accepted_with_its_size_range() -> None:
    assert verify(signed()) == (1, 1000)


def test_the_form_is_laid_out_and_signed_as_botocore_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.auth import S3SigV4PostAuth
    from botocore.awsrequest import AWSRequest
    from botocore.compat import get_current_datetime
    from botocore.credentials import Credentials

    ours = signed()
    signer = PolicySigner("local-private", SECRETS)
    document = document_of(ours)
    before_signing = [one for one in document["conditions"] if not str(next(iter(one))).startswith("x-amz-")]
    request = AWSRequest(method="POST", url="http://localhost/")
    request.context["s3-presign-post-fields"] = dict(FIELDS)
    request.context["s3-presign-post-policy"] = {
        "expiration": document["expiration"],
        "conditions": [one for one in before_signing if isinstance(one, dict)],
    }
    moment = NOW.replace(tzinfo=None) if get_current_datetime().tzinfo is None else NOW
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *args, **kwargs: moment)
    S3SigV4PostAuth(Credentials("local", signer._secrets[0]), "s3", "local").add_auth(request)
    theirs = request.context["s3-presign-post-fields"]
    assert list(ours) == list(theirs)
    names = ("x-amz-algorithm", "x-amz-credential", "x-amz-date")
    assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}
    assert _signature(signer._secrets[0], "20260304", theirs["policy"]) == theirs["x-amz-signature"]
    assert [one for one in document["conditions"] if isinstance(one, dict)] == document_of(theirs)["conditions"]


def test_every_field_is_bound_exactly() -> None:
    fields = signed()
    document = document_of(fields)
    assert document["expiration"] == "2026-03-04T05:21:07Z"
    bound = [*FIELDS, "x-amz-algorithm", "x-amz-credential", "x-amz-date"]
    exact = [{"bucket": "local-private"}, *({name: fields[name]} for name in bound)]
    assert document["conditions"] == [*exact, ["content-length-range", 1, 1000]]
    assert list(fields) == [*bound, "policy", "x-amz-signature"]
    assert re.fullmatch("[0-9a-f]{64}", fields["x-amz-signature"])


def test_an_older_secret_is_still_accepted_and_a_foreign_one_is_not() -> None:
    assert verify(signed(SECRETS[1])) == (1, 1000)
    with pytest.raises(SignatureMismatch):
        verify(signed("foreign-secret" * 4))


def test_the_secret_serves_this_purpose_alone() -> None:
    fields = signed()
    fields["x-amz-signature"] = _signature(SECRETS[0], "20260304", fields["policy"])
    with pytest.raises(SignatureMismatch):
        verify(fields)


def test_it_ends_at_its_expiration() -> None:
    verify(signed(), LATER - timedelta(seconds=1))
    with pytest.raises(PolicyViolated, match=r"^Invalid according to Policy: Policy expired\.$"):
        verify(signed(), LATER)


@pytest.mark.parametrize("name", ["key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date"])
@pytest.mark.parametrize("empty", [True, False])
def test_what_every_form_needs_is_named_where_it_is_absent(name: str, empty: bool) -> None:
    fields = {other: value for other, value in signed().items() if other != name} | ({name: ""} if empty else {})
    with pytest.raises(FieldRefused, match=f"must contain a field named '{name}'") as caught:
        verify(fields)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"key": "staging/2/a.jpg"}, '["eq", "$key", "staging/1/a.jpg"]'),
        ({"key": "staging/1/A.jpg"}, '["eq", "$key", "staging/1/a.jpg"]'),
        ({"Content-Type": "text/html"}, '["eq", "$content-type", "image/jpeg"]'),
        ({"success_action_status": "200"}, '["eq", "$success_action_status", "201"]'),
        ({"x-amz-date": "20260304T050608Z"}, '["eq", "$x-amz-date", "20260304T050607Z"]'),
    ],
)
def test_a_changed_field_fails_its_condition(changed: dict[str, str], shown: str) -> None:
    with pytest.raises(PolicyViolated) as caught:
        verify({**signed(), **changed})
    assert str(caught.value) == f"Invalid according to Policy: Policy Condition failed: {shown}"


def test_a_bound_field_that_is_left_out_fails_its_condition() -> None:
    fields = signed()
    del fields["Content-Type"]
    with pytest.raises(PolicyViolated, match="Policy Condition failed"):
        verify(fields)


@pytest.mark.parametrize("name", ["success_action_redirect", "acl", "x-amz-meta-a", "Content-Disposition", "tagging"])
def test_a_field_without_a_condition_is_refused(name: str) -> None:
    with pytest.raises(PolicyViolated) as caught:
        verify({**signed(), name: "x"})
    assert str(caught.value) == f"Invalid according to Policy: Extra input fields: {name.lower()}"


def test_ignored_fields_and_names_in_other_case_are_accepted() -> None:
    fields = {name.upper(): value for name, value in signed().items()}
    assert verify({**fields, "X-Ignore-Token": "x"}) == (1, 1000)


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, FieldRefused),
        ({"x-amz-credential": "AKIA/20260304/local/s3/aws4_request"}, FieldRefused),
        ({"x-amz-credential": "local/20260304/eu-west-1/s3/aws4_request"}, FieldRefused),
        ({"x-amz-credential": "local/२०२६०३०४/local/s3/aws4_request"}, FieldRefused),
        ({"x-amz-credential": "local/20260305/local/s3/aws4_request"}, SignatureMismatch),
        ({"x-amz-signature": "0" * 64}, SignatureMismatch),
        ({"x-amz-signature": "é\udcff"}, SignatureMismatch),
        (
            {"policy": base64.b64encode(b'{"expiration": "2036-01-01T00:00:00Z", "conditions": []}').decode()},
            PolicyError,
        ),
        ({"policy": "not base64"}, PolicyInvalid),
        ({"policy": "é"}, PolicyInvalid),
        ({"policy": base64.b64encode(b"\xff\xfe{").decode()}, PolicyInvalid),
        ({"policy": base64.b64encode(b"[" * 10_000).decode()}, PolicyInvalid),
    ],
)
def test_what_was_not_signed_here_is_refused(changed: dict[str, str], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        verify({**signed(), **changed})


RANGE = ["content-length-range", 1, 10]
WHEN = "2036-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        [],
        {},
        "null",
        {"expiration": WHEN},
        {"expiration": WHEN, "conditions": []},
        {"expiration": WHEN, "conditions": [RANGE, RANGE]},
        {"expiration": WHEN, "conditions": [["starts-with", "$key", "staging/"], RANGE]},
        {"expiration": WHEN, "conditions": [["content-length-range", "1", "9"]]},
        {"expiration": WHEN, "conditions": [{"a": "b", "c": "d"}, RANGE]},
        {"expiration": WHEN, "conditions": {"key": "a"}},
        {"expiration": WHEN, "conditions": "key"},
        {"expiration": "tomorrow", "conditions": [RANGE]},
        {"expiration": 5, "conditions": [RANGE]},
    ],
)
def test_no_other_document_is_read_for_a_policy(document: Any) -> None:
    with pytest.raises(PolicyInvalid):
        verify(resigned(document))


def test_a_policy_bound_to_another_bucket_is_refused() -> None:
    form = PolicySigner("local-public", SECRETS).sign(FIELDS, size_range=(1, 9), expires_at=LATER, now=NOW)
    with pytest.raises(PolicyViolated, match="bucket"):
        verify(form)


def test_of_two_conditions_for_one_field_both_must_hold() -> None:
    fields = signed(KEY="staging/2/b.jpg")
    for key in (fields.pop("KEY"), fields["key"]):
        with pytest.raises(PolicyViolated):
            verify({**fields, "key": key})


def test_values_may_be_any_text() -> None:
    assert verify(signed(key="staging/1/файл.jpg")) == (1, 1000)
