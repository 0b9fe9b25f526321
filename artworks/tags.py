"""Tags: a comma-separated text on the wire, one row each for searching."""

import unicodedata

from django.core.exceptions import ValidationError

MAX_TAGS = 50
MAX_TAG_LENGTH = 100  # characters, also as a key: lower case can be longer than what was written


def tag_key(tag: str) -> str:
    """What a tag is searched by: trimmed, composed (NFC), in lower case."""
    return unicodedata.normalize("NFC", tag.strip()).lower()


def tags_by_key(text: str) -> dict[str, str]:
    """The tags of a comma-separated text by their keys, in order; of several spellings the first stays."""
    tags: dict[str, str] = {}
    for written in text.split(","):
        if key := tag_key(written):
            tags.setdefault(key, written.strip())
    return tags


def tags_text(text: str) -> str:
    """The text as it is kept: no blanks around tags, no empty tags, none twice whatever its case."""
    return ",".join(tags_by_key(text).values())


def validate_tags(text: str) -> None:
    """Raise ValidationError for too many tags or one that is too long."""
    tags = tags_by_key(text)
    if len(tags) > MAX_TAGS:
        raise ValidationError(f"Give at most {MAX_TAGS} tags.", code="too_many_tags")
    if any(max(len(key), len(tag)) > MAX_TAG_LENGTH for key, tag in tags.items()):
        raise ValidationError(f"A tag has at most {MAX_TAG_LENGTH} characters.", code="tag_too_long")
