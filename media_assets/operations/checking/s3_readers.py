"""The steps that tell a public S3 storage from a private one: what strangers, signed URLs and signed forms may do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from django.conf import settings

from media_assets.operations.checking import policies
from media_assets.operations.checking.anonymous import REFUSALS, post_form, request, said
from media_assets.operations.checking.bucket_state import present
from media_assets.operations.checking.findings import SET_UP, Step, Verdict, failed, ok, warning
from media_assets.operations.checking.layout import PRIVATE, PUBLIC
from media_assets.operations.checking.rules import public_access_block, text_of
from media_assets.operations.checking.s3_cors import cors_steps
from media_assets.operations.checking.s3_objects import ObjectSteps
from media_assets.operations.checking.written import BODY, CONTENT_TYPE, violations
from media_assets.signing.urls import StorageSignedUrls, url_maker

EXPIRED_AGO_SECONDS = 600
SIGNED_FOR_SECONDS = 300
_ONE_PART = b"one part"


class PublicSteps(ObjectSteps):
    """Anyone may read."""

    def _readers(self) -> Iterator[Step]:
        tried = f"GET {url_maker(PUBLIC).current(time.time())[0](self.key)} without credentials"
        yield self.outside_step("anonymous get", tried, self._anonymous)
        yield from cors_steps(self)

    def _anonymous(self) -> Verdict:
        url = self.written.storage.url(self.key)
        answer = request("GET", url)
        kind = answer.headers.get("Content-Type", "")
        if answer.status == 200 and answer.data == BODY and kind == CONTENT_TYPE:
            return _shown(url, f"HTTP 200, {kind}.")
        if answer.status == 200:
            fix = "Check what AWS_S3_CUSTOM_DOMAIN (or AWS_S3_PUBLIC_ENDPOINT_URL) leads to."
            return failed(f"HTTP 200, but with type {kind!r} and {len(answer.data)} bytes: not what was written.", fix)
        return failed(f"{said(answer)}: public files cannot be read.", self._public_fix())

    def _public_fix(self) -> str:
        policy, _ = present(self.use, "policy", None)
        how = policies.public_by(self.use, policy)
        if how == "cdn":
            return f"Let the distribution of AWS_S3_CUSTOM_DOMAIN={self.use.custom_domain} read {self.use.name}."
        if how == "acl":
            block = text_of(public_access_block(self.use, policy, None))
            return (
                f"AWS_DEFAULT_ACL={self.use.public_acl} is not heeded. Either set AWS_DEFAULT_ACL= (empty) and run "
                f"{SET_UP}, which writes a bucket policy, or PutPublicAccessBlock of {self.use.name}:\n{block}"
            )
        wanted = text_of(policies.bucket_policy(self.use, policy))
        return f"PutBucketPolicy of {self.use.name} ({SET_UP} does it):\n{wanted}"


class PrivateSteps(ObjectSteps):
    """Only holders of a signed URL may read, and of a signed form write."""

    takes_uploads = True

    def _readers(self) -> Iterator[Step]:
        yield self.outside_step("anonymous get", "GET of it without a signature, by every address", self._strangers)
        yield self.outside_step("anonymous get of staging", "the same of an object in staging", self._staging_strangers)
        yield self.outside_step("signed get", "GET of the URL that the site hands out", self._signed)
        yield self.outside_step("signed get, expired", "GET of a URL whose time is over", self._expired)
        form = self.outside_step("upload form", "POST of a signed form, as a browser sends it", self._form, self.there)
        yield form
        for name, fields, body in violations(self._staged("elsewhere")):
            run = partial(self._refused_form, fields, body)
            yield self.outside_step(f"upload form, {name}", f"the form with {name}", run, form)
        tried = "an upload in parts, its part PUT to a signed URL; another one, found and taken back"
        yield self.outside_step("upload in parts", tried, self._parts, self.there)
        yield from cors_steps(self)

    def _strangers(self) -> Verdict:
        return self._hidden(self.key)

    def _staging_strangers(self) -> Verdict:
        key = self.written.key("object.png", staging=True)
        self.written.create(key, self.written.new_id())
        return self._hidden(key)

    def _hidden(self, key: str) -> Verdict:
        answers = {url: request("GET", url) for url in self._addresses(key)}
        for url, answer in answers.items():
            if 200 <= answer.status < 300:
                return failed(f"{url}: {said(answer)}: anyone can read private files!", self._hiding_fix(key))
            if answer.status not in REFUSALS:
                return warning(f"{url}: {said(answer)}: no clear refusal.", "Look into the store's log.")
        return ok(f"Refused: {', '.join(said(answer) for answer in answers.values())}.")

    def _addresses(self, key: str) -> list[str]:
        """Every address without a signature under which the object might be read."""
        storage = self.written.storage
        params = {"Bucket": storage.bucket_name, "Key": storage.object_key(key)}
        found = [
            storage.url(key).partition("?")[0],
            storage.client.generate_presigned_url("get_object", Params=params).partition("?")[0],
        ]
        public = settings.STORAGES[PUBLIC]["OPTIONS"]
        if public["custom_domain"] and public["bucket_name"] == storage.bucket_name:
            found.append(
                f"{public['url_protocol']}//{public['custom_domain']}/{quote(storage.object_key(key), safe='/~')}"
            )
        return list(dict.fromkeys(found))

    def _hiding_fix(self, key: str) -> str:
        policy, readable = present(self.use, "policy", None)
        open_to_all, closed = policies.without_readers(
            policy, policies.arn(self.use, self.written.storage.object_key(key))
        )
        if open_to_all:
            wanted = text_of(policies.bucket_policy(self.use, closed))
            return f"Take {', '.join(open_to_all)} out of the policy of {self.use.name}; PutBucketPolicy:\n{wanted}"
        seen = "" if readable else " (these credentials may not read the policy)"
        return (
            f"Look for what opens {self.use.name}{seen}: its policy, its ACL, and a CDN that serves the whole bucket. "
            "Or give private files a bucket of their own: AWS_PRIVATE_STORAGE_BUCKET_NAME=…"
        )

    # --- signed URLs ---

    def _signed(self) -> Verdict:
        url = self.written.storage.url(self.key)
        answer = request("GET", url)
        if answer.status == 200 and answer.data == BODY:
            return _shown(url, f"HTTP 200, {answer.headers.get('Content-Type', '')}.")
        if self.written.storage.cloudfront_signer:
            fix = "Check AWS_CLOUDFRONT_KEY and AWS_CLOUDFRONT_KEY_ID, and that the distribution trusts that key group."
        else:
            fix = (
                "Check AWS_S3_REGION_NAME and AWS_S3_PUBLIC_ENDPOINT_URL (the host is part of the signature), and that "
                "the key or role may s3:GetObject."
            )
        return failed(f"{said(answer)}: the URLs of private files do not work.", fix)

    def _expired(self) -> Verdict:
        answer = request("GET", self._expired_url())
        if answer.status in REFUSALS:
            return ok(f"Refused: {said(answer)}.")
        return failed(
            f"{said(answer)}: URLs of private files work for ever.",
            "Use a store (and a CDN before it) that looks at the expiry of signed URLs, and does not cache past it.",
        )

    def _expired_url(self) -> str:
        maker, now = url_maker(PRIVATE), time.time()
        url = maker.exact(self.key, now=now - EXPIRED_AGO_SECONDS, expires_in=SIGNED_FOR_SECONDS)[0]
        if isinstance(maker, StorageSignedUrls) and not self.written.storage.cloudfront_signer:
            time.sleep(2.0)  # signed by botocore, which only signs from now on: for one second
        return url

    # --- direct uploads ---

    def _staged(self, name: str) -> str:
        return self.written.key(name, staging=True)

    def _post(self, name: str, changed: Mapping[str, str], body: bytes) -> Any:
        form = self.written.form(self.written.claim(self._staged(name)))
        if "key" in changed:
            changed = {**changed, "key": self.written.storage.object_key(self.written.claim(changed["key"]))}
        return post_form(form.url, {**form.fields, **changed}, body)

    def _form(self) -> Verdict:
        answer = self._post("form.png", {}, BODY)
        if not 200 <= answer.status < 300:
            fix = "Check AWS_S3_PUBLIC_ENDPOINT_URL, AWS_S3_REGION_NAME, and that the key or role may s3:PutObject."
            return failed(f"{said(answer)}: browsers cannot upload.", fix)
        size = self.written.storage.stat(self._staged("form.png")).size
        if size != len(BODY):
            return failed(
                f"HTTP {answer.status}, but {size} bytes lie there, not {len(BODY)}.", "Look into the store's log."
            )
        return ok(f"HTTP {answer.status}; the object is there.")

    def _refused_form(self, changed: Mapping[str, str], body: bytes) -> Verdict:
        answer = self._post("refused.png", changed, body)
        if answer.status in REFUSALS:
            return ok(f"Refused: {said(answer)}.")
        return failed(
            f"{said(answer)}: the store takes what the form does not allow.",
            "Use a store that enforces the policy of POST forms. Bytes are checked after an upload all the same.",
        )

    def _parts(self) -> Verdict:
        storage, key = self.written.storage, self.written.claim(self._staged("parts.png"))
        upload_id = storage.multipart_begin(key, content_type=CONTENT_TYPE)
        answer = request(
            "PUT", storage.multipart_part_url(key, upload_id, 1, expires_in=SIGNED_FOR_SECONDS), body=_ONE_PART
        )
        if answer.status != 200 or "ETag" not in answer.headers:
            fix = "Check AWS_S3_PUBLIC_ENDPOINT_URL, and that the key or role may s3:PutObject."
            return failed(f"PUT of a part: {said(answer)}.", fix)
        storage.multipart_complete(key, upload_id, storage.multipart_parts(key, upload_id))
        storage.multipart_begin(key, content_type=CONTENT_TYPE)
        storage.multipart_abort_all(key)
        if storage.stat(key).size != len(_ONE_PART):
            return failed("The object is not what the part was.", "Look into the store's log.")
        return ok("The object is there, and an upload can be taken back.")


def _shown(url: str, answer: str) -> Verdict:
    """It can be read; whether browsers show it on the site's own pages too (W3C, "Mixed Content")."""
    site = settings.PUBLIC_BASE_URL or ""
    if not (site.startswith("https://") and url.startswith("http://")):
        return ok(answer)
    fix = (
        "Let browsers reach the store by https: AWS_S3_PUBLIC_ENDPOINT_URL=https://… (or AWS_S3_ENDPOINT_URL), or "
        "AWS_S3_URL_PROTOCOL=https: with AWS_S3_CUSTOM_DOMAIN."
    )
    return warning(f"{answer} But pages of {site} load nothing by http.", fix)
