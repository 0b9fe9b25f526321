"""What a file may be adopted as. Each app says it in its module ``adoption``, by a function under ``@target``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import autodiscover_modules

from media_assets.keys import display_filename
from media_assets.models import MediaAsset

MAX_ID = 2**63 - 1
CREATED_AT = "created_at"
_WITH_ID = ":ID"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_", re.IGNORECASE)
_FLAGS = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}


class Refused(Exception):
    """This file is not adopted; the message says why, and what to do."""


@dataclass(frozen=True)
class Adoption:
    """One file on its way into the registry: what a target makes its row of.

    ``details``: the line's other columns that are not empty, by name. ``asset_for(owner)`` puts the file into the
    registry, reserved: call it once, after the rows that it needs are locked; it is published when the target returns.
    """

    key: str
    owner: Any  # the user whom the line names, or None
    object_id: int  # of a target with an id
    details: Mapping[str, str]
    replace: bool
    asset_for: Callable[[Any], MediaAsset]

    @property
    def filename(self) -> str:
        """The key's last segment, without the UUID that some systems put in front of it."""
        return original_filename(self.key)

    @property
    def title(self) -> str:
        """The file's name as words: ``artworks/mountain_landscape.jpg`` is ``mountain landscape``."""
        stem = self.filename.rpartition(".")[0] or self.filename
        return " ".join(re.split(r"[\s_]+", stem)).strip() or "Untitled"

    def texts(self, *names: str) -> dict[str, str]:
        """Those of the details that the line gives."""
        return {name: self.details[name] for name in names if name in self.details}

    def number(self, name: str) -> int | None:
        """A whole number from 0 on, None where the line gives none. Raises Refused."""
        text = self.details.get(name)
        if text is None or (text.isascii() and text.isdigit() and len(text) < 20):
            return None if text is None else int(text)
        raise Refused(f"{name}: {text!r} is not a whole number.")

    def flag(self, name: str) -> bool:
        """True or false, false where the line does not say. Raises Refused."""
        text = self.details.get(name, "false")
        if text.lower() not in _FLAGS:
            raise Refused(f"{name}: {text!r} is neither true nor false.")
        return _FLAGS[text.lower()]

    def created(self) -> dict[str, datetime]:
        """``created_at`` where the line gives it, UTC where it names no zone. Raises Refused."""
        text = self.details.get(CREATED_AT)
        if text is None:
            return {}
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None:
            raise Refused(f"{CREATED_AT}: {text!r} is no time. Write it like 2025-05-15T12:30:45Z.")
        return {CREATED_AT: moment if moment.tzinfo else moment.replace(tzinfo=UTC)}

    def require_owner(self, owner: Any) -> None:
        """Raise Refused where the line names another user than ``owner``, whose row it is."""
        if self.owner is not None and self.owner.pk != owner.pk:
            raise Refused(f"It belongs to {owner}, not to {self.owner}. Leave the owner out, or name the right one.")

    def require_free(self, asset_id: int | None) -> None:
        """Raise Refused where the row has an image, of ``asset_id``, that is not to be replaced."""
        if asset_id is not None and not self.replace:
            raise Refused("It has an image already. --replace puts this one in its place and deletes that one.")


@dataclass(frozen=True)
class Target:
    """``form``: ``artwork``, or ``ad:ID`` where it is a row that exists. ``columns``: the details that it takes."""

    form: str
    attach: Callable[[Adoption], None]
    columns: tuple[str, ...]
    needs_owner: bool
    private_only: bool

    @property
    def summary(self) -> str:
        """What it is, for the command's help."""
        return (self.attach.__doc__ or "").partition("\n")[0]


_targets: dict[str, Target] = {}


def target(
    form: str, *, columns: tuple[str, ...] = (), needs_owner: bool = False, private_only: bool = False
) -> Callable[[Callable[[Adoption], None]], Callable[[Adoption], None]]:
    """Registers a function that makes, or updates, the row of an adopted file.

    It runs in the transaction that publishes the asset and may run more than once. It raises Refused, or what the
    app's services raise.
    """

    def register(attach: Callable[[Adoption], None]) -> Callable[[Adoption], None]:
        _targets[form] = Target(form, attach, columns, needs_owner, private_only)
        return attach

    return register


@cache
def known_targets() -> dict[str, Target]:
    """All of them by their forms."""
    autodiscover_modules("adoption")
    return dict(sorted(_targets.items()))


def target_named(text: str) -> tuple[Target, int]:
    """The target that ``artwork`` or ``ad:12`` names, and the id, 0 where it names none. Raises Refused."""
    name, colon, number = text.strip().partition(":")
    found = known_targets().get(name + _WITH_ID if colon else name)
    if found is None:
        raise Refused(f"{text!r} is no target. Targets are: {', '.join(known_targets())}.")
    if not colon:
        return found, 0
    if not (number.isascii() and number.isdigit() and len(number) < 20 and int(number) <= MAX_ID):
        raise Refused(f"{text!r}: behind the colon stands the id of a row, a number.")
    return found, int(number)


def owner_named(text: str) -> Any:
    """The user whom an e-mail (with an @), an id (digits only) or a username names. Raises Refused."""
    text = text.strip()
    users: Any = get_user_model()._default_manager
    if text.isascii() and text.isdigit():
        kind, found = "id", users.filter(pk=int(text)).first() if len(text) < 20 and int(text) <= MAX_ID else None
    elif "@" in text:
        kind, found = "e-mail", users.filter(email=text).first()
    else:
        kind, found = "username", users.filter(username=text).first()
    if found is None:
        raise Refused(f"No user has the {kind} {text!r}. Create the account first, or correct the owner.")
    return found


def original_filename(key: str) -> str:
    """What the file was probably called before it was stored: ``images/1/<uuid>_cat.jpg`` was ``cat.jpg``."""
    name = display_filename(key)
    return _UUID.sub("", name, count=1) if _UUID.match(name) else name
