"""Who may use the server: API keys, client secrets and browser origins (§D.7).

Without keys the server trusts whoever can reach it, so it listens to this machine alone.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config import ServerConfig
from protocol import ProtocolError
from serving.access.client_secrets import PREFIX, BadSecret, ClientSecrets
from settings.origins import ANY_ORIGIN, is_address, is_local, normal_origin

_KEY_SUBPROTOCOL = "openai-insecure-api-key."


class AccessDenied(Exception):
    """The key is missing or wrong."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.error = ProtocolError(code, message)


@dataclass(frozen=True, slots=True)
class Grant:
    """A client that was let in."""

    holder: str | None
    """Identifies the key without revealing it, for limits per key; None: no keys are configured."""
    minted: dict[str, Any] | None = None
    """Session configuration of a client secret; None for an API key, or without keys."""
    secret: bytes | None = None
    """The digest of a client secret, by which its session is kept (§D.10)."""
    expired: AccessDenied | None = None
    """Why it opens no new session: it is a client secret that has expired. None: it may."""


class Access:
    """Checks keys and origins."""

    def __init__(self, server: ServerConfig, client_secrets: ClientSecrets) -> None:
        """Prepare.

        Args:
            server: Holds the keys and the allowed origins.
            client_secrets: Reads keys that begin with `ek_`.
        """
        self._digests = [_digest(key.get_secret_value()) for key in server.api_keys]
        self._origins = frozenset(server.allowed_origins)
        self._client_secrets = client_secrets

    def admit(
        self,
        headers: Mapping[str, str],
        subprotocols: Sequence[str] = (),
        *,
        expired_too: bool = False,
    ) -> Grant:
        """Let a client in.

        Args:
            headers: Request headers, by lower-case name.
            subprotocols: WebSocket subprotocols that the client offers.
            expired_too: Let a client secret in that has expired, for the session that it opened.

        Raises:
            AccessDenied: It has no key, or a wrong one.
        """
        key = _api_key(headers, subprotocols)
        if key is not None and key.startswith(PREFIX):
            return self._of_secret(key, expired_too=expired_too)
        if not self._digests:
            return Grant(None)
        if key is None:
            raise AccessDenied(None, "Missing bearer or basic authentication in header")
        # Every key is compared, so that the time taken reveals nothing about any of them.
        digest = _digest(key)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise AccessDenied(
                "invalid_api_key",
                f"Incorrect API key provided: {_masked(key)}. The server's operator has the keys "
                "(server.api_keys).",
            )
        return Grant(_holder(key))

    def admit_operator(self, headers: Mapping[str, str]) -> None:
        """Let a request in that makes client secrets.

        Where keys are configured, a client secret is refused: its holder could make more of them,
        and so keep access for ever.

        Raises:
            AccessDenied: It has no API key, or a wrong one.
        """
        if not self._is_operator(self.admit(headers)):
            raise AccessDenied(
                "invalid_api_key", "A client secret opens sessions only; use an API key here."
            )

    def controls(self, grant: Grant, holder: str | None) -> bool:
        """Return whether a client may control what the holder of a key has opened (§D.3)."""
        return self._is_operator(grant) or grant.holder == holder

    def admits_origin(self, origin: str | None) -> bool:
        """Return whether a page from `origin` may connect; None: not a browser."""
        if origin is None or ANY_ORIGIN in self._origins:
            return True
        said = normal_origin(origin)
        return said is not None and (said in self._origins or is_local(said))

    def _is_operator(self, grant: Grant) -> bool:
        return grant.minted is None or not self._digests

    def admits_page(self, headers: Mapping[str, str]) -> bool:
        """Return whether the page that sends a request may connect, or no page sends it (§D.7).

        The server's own pages may. Any site could claim to be one by a name that it lets lead
        here; it still lacks a key where keys are needed, and an address is nobody's to claim.

        Args:
            headers: Request headers, by lower-case name.
        """
        origin, host = headers.get("origin"), headers.get("host", "")
        if self.admits_origin(origin):
            return True
        own = origin in (f"http://{host}", f"https://{host}")
        return own and (bool(self._digests) or is_address(host))

    def _of_secret(self, key: str, *, expired_too: bool) -> Grant:
        try:
            return Grant(_holder(key), self._client_secrets.read(key, time.time()), _digest(key))
        except BadSecret as bad:
            message = (
                "The client secret has expired. Make a new one with "
                "POST /v1/realtime/client_secrets."
                if bad.expired
                else f"Incorrect API key provided: {_masked(key)}. Client secrets are made with "
                "POST /v1/realtime/client_secrets, and hold for servers with the same "
                "server.secret."
            )
            denied = AccessDenied("invalid_api_key", message)
            if bad.session is None or not expired_too:
                raise denied from None
            return Grant(_holder(key), bad.session, _digest(key), denied)


def _api_key(headers: Mapping[str, str], subprotocols: Sequence[str]) -> str | None:
    """Return the client's key: of the header, of Azure's header, or of a browser's subprotocol."""
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    offered = (
        name.removeprefix(_KEY_SUBPROTOCOL)
        for name in subprotocols
        if name.startswith(_KEY_SUBPROTOCOL)
    )
    return headers.get("api-key") or next(offered, None)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _holder(key: str) -> str:
    return _digest(key).hex()[:12]


def _masked(key: str) -> str:
    return f"{key[:8]}***{key[-4:]}" if len(key) > 16 else f"{key[:3]}***"
