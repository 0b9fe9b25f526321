"""Tokens are signed with ``SECRET_KEY``; those that one of ``SECRET_KEY_FALLBACKS`` signed stay valid, as Django's own
signatures do, so that a planned change of the key signs nobody out.

simplejwt knows one key (its setting ``SIGNING_KEY``); which one verifies a token is what its backend may be asked.
"""

from contextlib import suppress
from typing import Any

import jwt
from django.conf import settings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.settings import api_settings


class _SiteKeys(TokenBackend):
    def get_verifying_key(self, token: Any) -> Any:
        """The key that signed the token, else the present one, which will refuse it."""
        present = self.prepared_signing_key
        for key in (present, *map(self._prepare_key, settings.SECRET_KEY_FALLBACKS)):
            with suppress(jwt.InvalidTokenError):
                jwt.PyJWS().decode(token, key, algorithms=[self.algorithm])
                return key
        return present


_site_keys = _SiteKeys(api_settings.ALGORITHM, api_settings.SIGNING_KEY)


class AccessToken(tokens.AccessToken):
    """What a request carries. Raises TokenError for text that no key of the site signed, or that has expired."""

    _token_backend = _site_keys


class RefreshToken(tokens.RefreshToken):
    """What a session is continued with. Raises TokenError as ``AccessToken`` does, and where it has been ended."""

    _token_backend = _site_keys
    access_token_class = AccessToken
