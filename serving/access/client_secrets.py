"""Client secrets: short-lived keys that carry a session's configuration (§D.1).

A key is signed, not stored: any replica that shares `server.secret` accepts it. It is not
encrypted: its holder can read the configuration in it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import zlib
from typing import Any

from pydantic import SecretStr

from serving.access.signing import signing_key
from wire.errors import ProtocolError

PREFIX = "ek_"
"""Prefix of client secrets; API keys do not begin with it."""
MAX_LENGTH = 7000
"""Longest key in characters: it must fit into an HTTP header line, of 8 KiB at most."""

_PURPOSE = b"open-realtime-server client secret, version 1"
_SIGNATURE_BYTES = 32


class BadSecret(Exception):
    """The key was not made here, or it has expired."""

    def __init__(self, *, session: dict[str, Any] | None = None) -> None:
        super().__init__("not made by this server" if session is None else "expired")
        self.session = session
        """The configuration that it carries if it has expired; None: it was not made here."""

    @property
    def expired(self) -> bool:
        """Whether it has expired; else it was not made here."""
        return self.session is not None


class ClientSecrets:
    """Makes and reads client secrets."""

    def __init__(self, secret: SecretStr | None) -> None:
        """Derive the signing key.

        Args:
            secret: `server.secret`; None: see `signing_key`.
        """
        self._key = signing_key(secret, _PURPOSE)

    def mint(self, session: dict[str, Any], expires_at: int) -> str:
        """Make a key.

        Args:
            session: What the session shall be configured with, as in a `session.update`.
            expires_at: Unix time in seconds at which it expires.

        Raises:
            ProtocolError: The configuration does not fit into a key.
        """
        # Two clients with the same session are two: each controls the calls that it opened itself.
        claims = [expires_at, session, secrets.token_hex(4)]
        packed = zlib.compress(
            json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode(), 9
        )
        token = _encode(self._sign(packed) + packed)
        if len(PREFIX) + len(token) > MAX_LENGTH:
            raise ProtocolError(
                "invalid_value",
                "The session is too large for a client secret: it makes a key of "
                f"{len(PREFIX) + len(token)} characters, and {MAX_LENGTH} are allowed. Send "
                "long instructions and tools by session.update.",
                "session",
            )
        return PREFIX + token

    def read(self, value: str, now: float) -> dict[str, Any]:
        """Return the configuration that a key carries.

        Args:
            value: The key.
            now: Unix time in seconds.

        Raises:
            BadSecret: It was not made here, or it has expired.
        """
        encoded = value.removeprefix(PREFIX)
        try:
            signed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BadSecret() from None
        if _encode(signed) != encoded:
            # The last base64 character has unused bits: accept only one spelling of a key.
            raise BadSecret()
        signature, packed = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(packed)):
            raise BadSecret()
        expires_at, session, _ = json.loads(zlib.decompress(packed))
        configured: dict[str, Any] = session
        if now >= expires_at:
            raise BadSecret(session=configured)
        return configured

    def _sign(self, packed: bytes) -> bytes:
        return hmac.digest(self._key, packed, "sha256")


def _encode(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
