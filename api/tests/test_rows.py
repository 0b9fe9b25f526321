from datetime import UTC, datetime
from decimal import Decimal

import pytest

from api.rows import json_row, json_rows


class Page:
    def __init__(self, link: str) -> None:
        self.link = link

    def link_header(self) -> str:
        return self.link


def test_rows_become_json_as_the_serializers_write_it() -> None:
    at = datetime(2025, 5, 15, 12, 30, 45, 999999)
    row = {"id": 1, "price": Decimal("10.50"), "at": at.replace(tzinfo=UTC), "naive": at, "none": None, "name": "ü<"}
    answer = json_rows([row], Page('<http://x/>; rel="next"'))
    assert answer.content.decode() == (
        '[{"id":1,"price":"10.50","at":"2025-05-15T12:30:45Z","naive":"2025-05-15T12:30:45Z","none":null,"name":"ü<"}]'
    )
    assert (answer.headers["Content-Type"], answer.headers["Link"]) == ("application/json", '<http://x/>; rel="next"')


def test_no_pages_no_link() -> None:
    assert "Link" not in json_rows([], Page("")).headers
    assert json_rows([]).content == b"[]"


def test_one_row_is_an_object() -> None:
    answer = json_row({"id": 1, "price": Decimal("0.10")}, 201)
    assert (answer.status_code, answer.content) == (201, b'{"id":1,"price":"0.10"}')
    assert (answer.headers["Content-Type"], json_row({}).status_code) == ("application/json", 200)


def test_what_json_has_no_form_for_is_our_fault() -> None:
    with pytest.raises(TypeError):
        json_rows([{"a": object()}])
