"""May pages of other origins read from a bucket and upload to it? Real preflights, and what an answer exposes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from urllib3.response import BaseHTTPResponse

from media_assets.operations.checking import rules
from media_assets.operations.checking.anonymous import request, said
from media_assets.operations.checking.bucket_state import present
from media_assets.operations.checking.findings import SET_UP, Step, Verdict, failed, ok, warning
from media_assets.operations.checking.layout import ANY_ORIGIN
from media_assets.operations.checking.s3_objects import ObjectSteps

_SAMPLE_ORIGIN = "https://origin.example"  # where any origin is let in
_PRESIGNED_SECONDS = 300
_READING, _UPLOADING = ("GET",), ("GET", "PUT", "POST")


def cors_steps(objects: ObjectSteps) -> Iterator[Step]:
    """One step for each origin; of a private storage it uploads too."""
    uploads = objects.use.private_location is not None and objects.takes_uploads
    if not objects.use.origins and uploads:
        fix = "Set PUBLIC_BASE_URL=https://www.example.com, and CORS_ALLOWED_ORIGINS=… for pages of other hosts."
        yield objects.step("CORS", "nothing", lambda: warning("No origin is named: browsers cannot upload.", fix))
    for origin in objects.use.origins:
        sent, methods = _SAMPLE_ORIGIN if origin == ANY_ORIGIN else origin, _UPLOADING if uploads else _READING
        tried = f"OPTIONS for {', '.join(methods)}, and GET, with Origin: {sent}"
        yield objects.outside_step(f"CORS {origin}", tried, partial(_verdict, objects, sent, methods))


def _verdict(objects: ObjectSteps, origin: str, methods: tuple[str, ...]) -> Verdict:
    urls = {method: _browser_url(objects, method) for method in methods}
    wrong = [found for method, url in urls.items() if (found := _preflight(url.partition("?")[0], origin, method))]
    wrong += _unreadable(urls["GET"], origin, ())
    if "PUT" in methods:
        wrong += _unreadable(_presigned(objects, "get_object"), origin, rules.EXPOSED)
    if not wrong:
        return ok(f"Allowed: {', '.join(methods)}.")
    wanted = rules.text_of({"CORSRules": rules.cors_rules(objects.use, present(objects.use, "cors", [])[0])})
    fix = f"PutBucketCors of {objects.use.name} ({SET_UP} does it; a CDN must pass Origin on too):\n{wanted}"
    return failed(f"{'; '.join(dict.fromkeys(wrong))}.", fix)


def _browser_url(objects: ObjectSteps, method: str) -> str:
    """Where a browser sends it: reads perhaps to a CDN, uploads always to the store."""
    if method == "GET":
        return str(objects.written.storage.url(objects.key))
    return _presigned(objects, "put_object") if method == "PUT" else objects.written.form(objects.key).url


def _presigned(objects: ObjectSteps, operation: str) -> str:
    storage = objects.written.storage
    params = {"Bucket": storage.bucket_name, "Key": storage.object_key(objects.key)}
    return str(storage.signing_client.generate_presigned_url(operation, Params=params, ExpiresIn=_PRESIGNED_SECONDS))


def _preflight(url: str, origin: str, method: str) -> str:
    """What is wrong; empty where the browser may send it."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    wanted = {"Origin": origin.lower(), "Methods": method.lower()}
    if method != "GET":
        asked["Access-Control-Request-Headers"] = wanted["Headers"] = "content-type"
    answer = request("OPTIONS", url, headers=asked)
    missing = [name for name, value in wanted.items() if not {value, ANY_ORIGIN} & _listed(answer, f"Allow-{name}")]
    if 200 <= answer.status < 300 and not missing:
        return ""
    return f"OPTIONS for {method}: {said(answer)}" + (f", without {', '.join(missing)}" if missing else "")


def _unreadable(url: str, origin: str, names: Iterable[str]) -> Iterator[str]:
    """What keeps a page of this origin from reading an answer, and the headers of these names."""
    answer = request("GET", url, headers={"Origin": origin})
    if not {origin.lower(), ANY_ORIGIN} & _listed(answer, "Allow-Origin"):
        yield f"GET: {said(answer)} without Access-Control-Allow-Origin"
    exposed = _listed(answer, "Expose-Headers")
    if hidden := [name for name in names if not {name.lower(), ANY_ORIGIN} & exposed]:
        yield f"pages may not read {', '.join(hidden)} (Access-Control-Expose-Headers)"


def _listed(answer: BaseHTTPResponse, name: str) -> set[str]:
    """The values of one Access-Control header, in lower case."""
    return {one.strip().lower() for one in answer.headers.get(f"Access-Control-{name}", "").split(",") if one.strip()}
