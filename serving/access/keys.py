"""Who may use the server: API keys, client secrets and browser origins (§D.7).

Without keys the server trusts whoever can reach it, so it listens to this machine alone.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse
from loguru import logger
from starlette.types import ASGIApp, Receive, Scope, Send

from config import ConfigError, ServerConfig
from protocol import ProtocolError
from serving.access.client_secrets import PREFIX, BadSecret, ClientSecrets
from settings.origins import ANY_ORIGIN, normal_origin

_KEY_SUBPROTOCOL = "openai-insecure-api-key."


class AccessDenied(Exception):
    """The key is missing or wrong."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.error = ProtocolError(code, message)


@dataclass(frozen=True, slots=True)
class Grant:
    """Who was let in."""

    holder: str | None
    """Tells keys apart without naming them, for limits; None: nobody needs one."""
    minted: dict[str, Any] | None = None
    """The session out of a client secret; None for an API key, or where none is needed."""


class Access:
    """Checks keys and origins."""

    def __init__(self, server: ServerConfig, client_secrets: ClientSecrets) -> None:
        """Prepare.

        Args:
            server: Knows the keys and origins.
            client_secrets: Reads keys that begin with `ek_`.
        """
        self._digests = [_digest(key.get_secret_value()) for key in server.api_keys]
        self._origins = frozenset(server.allowed_origins)
        self._client_secrets = client_secrets

    def admit(self, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> Grant:
        """Let a client in.

        Args:
            headers: Request headers, by lower-case name.
            subprotocols: WebSocket subprotocols that the client offers.

        Raises:
            AccessDenied: It has no key, or a wrong one.
        """
        key = _api_key(headers, subprotocols)
        if key is not None and key.startswith(PREFIX):
            return Grant(_holder(key), self._minted(key))
        if not self._digests:
            return Grant(None)
        if key is None:
            raise AccessDenied(None, "Missing bearer or basic authentication in header")
        # Every key is compared, so that the time taken says nothing about any of them.
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

        A client secret does not do where keys are configured: whoever has one could make more of
        them, and so never lose access.

        Raises:
            AccessDenied: It has no API key, or a wrong one.
        """
        grant = self.admit(headers)
        if self._digests and grant.minted is not None:
            raise AccessDenied(
                "invalid_api_key", "A client secret opens sessions only; use an API key here."
            )

    def admits_origin(self, origin: str | None) -> bool:
        """Return whether a page from `origin` may connect; None: not a browser."""
        if origin is None or ANY_ORIGIN in self._origins:
            return True
        said = normal_origin(origin)
        if said is None:
            return False
        return said in self._origins or is_loopback(urlsplit(said).hostname or "")

    def _minted(self, key: str) -> dict[str, Any]:
        try:
            return self._client_secrets.read(key, time.time())
        except BadSecret as bad:
            message = (
                "The client secret has expired. Make a new one with "
                "POST /v1/realtime/client_secrets."
                if bad.expired
                else f"Incorrect API key provided: {_masked(key)}. Client secrets are made with "
                "POST /v1/realtime/client_secrets, and hold for servers with the same "
                "server.secret."
            )
            raise AccessDenied("invalid_api_key", message) from None


class PagesMiddleware(CORSMiddleware):
    """Tells browsers which pages may read what is answered: those that may connect."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Answer for `app`, as `access` decides."""
        super().__init__(
            app,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "api-key", "openai-beta"],
        )
        self._access = access

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether a page from `origin` may read it."""
        return self._access.admits_origin(origin)


def check_exposure(server: ServerConfig) -> None:
    """Refuse to listen to other machines without keys, unless told to.

    Raises:
        ConfigError: The host is not this machine's own, and there are no keys.
    """
    if server.api_keys or server.insecure or is_loopback(server.host):
        return
    raise ConfigError(_exposed(server.host))


class ExposureGuard:
    """Answers nobody who came by a network, where there are no keys and that is not meant.

    `main.py` refuses to listen there; whoever serves the application otherwise, say by `uvicorn
    main:app --host`, is kept safe here.
    """

    def __init__(self, app: ASGIApp, server: ServerConfig) -> None:
        """Guard `app`."""
        self._app = app
        self._open = bool(server.api_keys) or server.insecure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse, one request or connection."""
        # Of a Unix socket the path is known, and no port.
        host, port = scope.get("server") or ("", None)
        if self._open or port is None or scope["type"] == "lifespan" or is_loopback(host):
            await self._app(scope, receive, send)
            return
        logger.bind(event="connection.refused", code="exposed").error(_exposed(host))
        refusal = PlainTextResponse(_exposed(host) + "\n", 403)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await refusal(scope, receive, send)


def _exposed(host: str) -> str:
    return (
        f"Without API keys anybody who reaches {host} could use this server: set "
        "REALTIME_API_KEYS, or say that this is meant with --insecure "
        "(REALTIME_SERVER__INSECURE=true)."
    )


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
