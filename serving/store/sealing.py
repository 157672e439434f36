"""What a conversation looks like to the store: a name that tells nothing, and sealed bytes.

Both come from `server.secret` and from the client secret that opened the session, which the store
never sees: whoever can read the store, or has `server.secret` alone, reads no conversation.
"""

from __future__ import annotations

import hmac
import os
import zlib
from typing import TYPE_CHECKING

from pydantic import SecretStr

from config import ConfigError
from serving.access.signing import signing_key
from settings.installation import install_extra
from settings.localisation import _

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NAME = b"open-realtime-server kept conversation, name, version 1"
_KEY = b"open-realtime-server kept conversation, key, version 1"
_NONCE_BYTES = 12


class Unreadable(Exception):
    """What the store holds was not sealed with these secrets, or was changed."""


class Sealing:
    """Seals what is kept for one server, or for several that share `server.secret`."""

    def __init__(self, secret: SecretStr) -> None:
        """Derive the keys.

        Args:
            secret: `server.secret`.

        Raises:
            ConfigError: The library is not installed.
        """
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise ConfigError(
                _("server.resume_s needs the library 'cryptography': {install}.").format(
                    install=install_extra("redis")
                )
            ) from None
        self._cipher, self._invalid = AESGCM, InvalidTag
        self._name_key = signing_key(secret, _NAME)
        self._key_key = signing_key(secret, _KEY)

    def name(self, digest: bytes) -> str:
        """Return the name under which something is kept.

        Args:
            digest: That of the client secret.
        """
        return hmac.digest(self._name_key, digest, "sha256").hex()

    def seal(self, digest: bytes, text: str) -> bytes:
        """Compress and encrypt a text."""
        nonce = os.urandom(_NONCE_BYTES)
        packed = zlib.compress(text.encode(), 1)
        return nonce + self._of(digest).encrypt(nonce, packed, self.name(digest).encode())

    def unseal(self, digest: bytes, sealed: bytes) -> str:
        """Return what was sealed; raises `Unreadable`."""
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            packed = self._of(digest).decrypt(nonce, encrypted, self.name(digest).encode())
        except (self._invalid, ValueError):
            raise Unreadable from None
        return zlib.decompress(packed).decode()

    def _of(self, digest: bytes) -> AESGCM:
        return self._cipher(hmac.digest(self._key_key, digest, "sha256"))
