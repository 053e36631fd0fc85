"""Cookies that nobody else can read or make: sealed by libsodium's secretbox.

What they hold is known again after restarts and by other replicas, and is kept nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import orjson
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from pydantic import SecretStr


@dataclass(slots=True)
class Seal:
    """Closes and opens cookies of one purpose; without a `key` they end with this process."""

    key: SecretStr | None
    """Any secret that the replicas share."""
    purpose: bytes
    """A cookie of another purpose does not open."""
    _box: SecretBox = field(init=False)

    def __post_init__(self) -> None:
        self._box = SecretBox(
            _stretched(self.key, self.purpose) if self.key else secrets.token_bytes(32)
        )

    def close(self, value: Any) -> str:
        """A cookie that holds a value of JSON."""
        return base64.urlsafe_b64encode(self._box.encrypt(orjson.dumps(value))).decode()

    def open(self, cookie: str) -> Any:
        """What a cookie holds; None where it is absent, forged, or of another key."""
        try:
            return orjson.loads(self._box.decrypt(base64.urlsafe_b64decode(cookie)))
        except (CryptoError, ValueError, TypeError):
            return None


def _stretched(key: SecretStr, purpose: bytes) -> bytes:
    """Slow on purpose: a cookie must not serve to guess a short token."""
    given = key.get_secret_value().encode()
    return hashlib.scrypt(given, salt=purpose, n=2**14, r=8, p=1, dklen=32)
