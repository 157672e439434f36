"""A server without keys answers its own machine alone, however it is served."""

from __future__ import annotations

import ipaddress

from fastapi import WebSocket
from fastapi.responses import PlainTextResponse
from loguru import logger
from starlette.types import ASGIApp, Receive, Scope, Send

from config import ConfigError, ServerConfig


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
