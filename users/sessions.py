"""The sessions of the admin (``SESSION_ENGINE``)."""

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's own, which asks the database only for keys that could be one: a quoted cookie can hold a NUL, and
    PostgreSQL takes none."""

    def _validate_session_key(self, key: str | None) -> bool:
        valid: bool = super()._validate_session_key(key)  # type: ignore[misc]
        return valid and key is not None and key.isascii() and key.isalnum()
