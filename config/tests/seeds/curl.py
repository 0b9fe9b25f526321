"""Plays the documents' curl lines against the site, in this process."""

import argparse
import re
import shlex
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from rest_framework.test import APIClient

_LINE = argparse.ArgumentParser()
_LINE.add_argument("program", choices=["curl"])
_LINE.add_argument("url")
_LINE.add_argument("-X", dest="method")
_LINE.add_argument("-H", dest="headers", action="append", default=[])
_LINE.add_argument("-d", dest="body")
_LINE.add_argument("-F", dest="form", action="append", default=[])


class Curl:
    """``curl(line)``: the line as it is printed, but for host, token and file.

    In: ``picture``, from a file name to the upload that is sent in its place. ``token`` takes the place of the printed
    one.
    """

    def __init__(self, picture: Callable[[str], Any]) -> None:
        self.picture = picture
        self.token = ""

    def __call__(self, line: str) -> Any:
        words = _LINE.parse_args(shlex.split(line.strip().replace("\\\n", " ")))
        headers = dict(header.split(": ", 1) for header in words.headers)
        if "Authorization" in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        body, content_type = words.body or "", headers.pop("Content-Type", "application/octet-stream")
        if words.form:
            body, content_type = encode_multipart(BOUNDARY, self._form(words.form)), MULTIPART_CONTENT
        target = urlsplit(words.url)
        path = f"{target.path}?{target.query}" if target.query else target.path
        method = words.method or ("POST" if body else "GET")
        return APIClient().generic(method, path, body, content_type, headers=headers)

    def _form(self, fields: list[str]) -> dict[str, list[Any]]:
        form = defaultdict(list)
        for field in fields:
            name, _, value = field.partition("=")
            form[name].append(self.picture(re.split("[@/]", value)[-1]) if value.startswith("@") else value)
        return form
