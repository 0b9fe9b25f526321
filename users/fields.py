"""Model fields that make e-mail and username unique whatever their case, on every database alike.

SQLite's ``LOWER`` knows ASCII only and PostgreSQL's follows the locale, so the folding is done here.
"""

import unicodedata
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:  # generic for type checkers only
    EmailField = models.EmailField[str, str]
    CharField = models.CharField[str, str]
else:
    EmailField, CharField = models.EmailField, models.CharField


def folded(text: str) -> str:
    """``text`` as it is compared: compatibility forms and case do not count (Unicode NFKC, full case folding)."""
    return unicodedata.normalize("NFKC", text).casefold()


class LowerCaseEmailField(EmailField):
    """An e-mail address kept in lower case, whoever writes it and however (save, update, look-up)."""

    def to_python(self, value: Any) -> Any:  # CharField sends what is written or looked up through here as well
        found = super().to_python(value)
        return found.lower() if isinstance(found, str) else found


class FoldedField(CharField):
    """The folded copy of the field ``source``, renewed with every save of the row."""

    def __init__(self, *args: Any, source: str = "", **kwargs: Any) -> None:
        self.source = source
        super().__init__(*args, **{"editable": False, **kwargs})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "source": self.source}

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = folded(getattr(model_instance, self.source))
        setattr(model_instance, self.attname, value)
        return value
