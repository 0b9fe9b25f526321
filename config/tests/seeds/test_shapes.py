"""The matcher sees what it has to see."""

import json

import pytest

from config.tests.seeds.shapes import assert_like, misfits

PRINTED = {
    "id": 1,
    "is_sold": False,
    "price": "850.00",
    "created_at": "2025-01-22T10:30:00Z",
    "image": "ads/ad_1/main.jpg",
    "image_url": "https://your-bucket.s3.amazonaws.com/media/ads/ad_1/main.jpg",
    "access": "eyJ0eXAiOiJKV1QiLCJhbGc...",
    "tags": ["a"],
    "owner": {"name": "John"},
    "detail": "Not found.",
}
ANSWER = {
    **PRINTED,
    "image": "ads/ad_12/main_AbCdEf.png",
    "image_url": "http://localhost:8000/media/ads/ad_12/main.png?expires=1&signature=x",
    "access": "eyJhbGciOi.eyJ0b2tlbl.-_x",
    "tags": ["b", "c"],
    "media": None,
}


def test_other_values_of_the_same_kind_and_more_keys_fit() -> None:
    assert_like(ANSWER, json.dumps(PRINTED))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("id", wrong) for wrong in ("1", 1.0, True, None)],
        *[("is_sold", wrong) for wrong in (0, "false", None)],
        *[("price", wrong) for wrong in (850.0, "850", "850.0", "850.000", None)],
        *[
            ("created_at", wrong)
            for wrong in ("2025-01-22T10:30:00.000Z", "2025-01-22T10:30:00+00:00", "2025-01-22", 1)
        ],
        *[("image", wrong) for wrong in ("ads/1/main.jpg", "/ads/ad_1/main.jpg", "ads/ad_1/main.php", None)],
        *[
            ("image_url", wrong)
            for wrong in ("/media/ads/ad_1/a.jpg", "ftp://x/ads/ad_1/a.jpg", "https://x/a.jpg", None)
        ],
        *[("access", wrong) for wrong in ("eyJhbGciOi", "abc.def.ghi")],
        *[("tags", wrong) for wrong in ([], "a", [1], None, ["a", 2])],
        *[("owner", wrong) for wrong in ({}, {"name": None}, 1)],
        ("detail", "No Ad matches the given query."),
    ],
)
def test_what_differs_is_found(key: str, value: object) -> None:
    [line] = misfits(PRINTED, {**ANSWER, key: value}, "answer", {})
    assert line.startswith(f"answer.{key}")


def test_a_missing_key_is_found() -> None:
    for key in PRINTED:
        assert misfits(PRINTED, {name: value for name, value in ANSWER.items() if name != key}, "a", {}) == [
            f"a.{key}: missing"
        ]


@pytest.mark.parametrize(
    ("printed", "answer", "fits"),
    [
        ("artworks/mountain_landscape.jpg", "artworks/mountain_landscape_x1Y2z3.jpeg", True),
        ("artworks/mountain_landscape.jpg", "mountain_landscape.jpg", False),
        ("avatars/user_1/profile.jpg", "avatars/user_77/profile.jpg", True),
        ("avatars/user_1/profile.jpg", "avatars/profile.jpg", False),
        ("https://x.com/properties/...", "http://h/p/properties/houseforrent/9/20250112_144022_a9f0c1d2.jpg?X=1", True),
        ("https://x.com/properties/...", "http://h/properties/houseforrent/9/20250112_144022_i9j0k1l2.jpg", False),
        ("https://x.com/properties/...", "http://h/properties/houseforsale/9/20250112_a9f0c1d2.jpg", False),
        ("images/1/uuid-filename.jpg", "images/4/3f0c8a4e-5f0b-4f4b-9a53-8f1d4a1f2b6c_a.jpg", True),
        ("images/1/uuid-filename.jpg", "images/4/a.jpg", False),
    ],
)
def test_keys_keep_their_pattern(printed: str, answer: str, fits: bool) -> None:
    assert (misfits(printed, answer, "a", {}) == []) is fits


def test_a_pattern_given_stands_for_the_printed_one() -> None:
    assert_like({"image": "/x?y"}, '{"image": "/media/a.jpg"}', image=r"/x\?\w")
    assert misfits({"image": "/media/a.jpg"}, {"image": "/z"}, "a", {"image": "/x"}) == [
        "a.image: '/z' is not of the form /x"
    ]
    assert misfits({"image": "/media/a.jpg"}, {"image": None}, "a", {"image": ".*"}) != []
