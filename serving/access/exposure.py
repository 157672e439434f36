"""A server without keys answers loopback connections alone, however it is started."""

from __future__ import annotations

from fastapi import WebSocket
from fastapi.responses import PlainTextResponse
from loguru import logger
from starlette.types import ASGIApp, Receive, Scope, Send

from config import ConfigError, ServerConfig
from settings.localisation import _
from settings.origins import is_loopback


def check_exposure(server: ServerConfig) -> None:
    """Refuse to listen to other machines without keys, unless told to.

    Raises:
        ConfigError: The host is not this machine's own, and there are no keys.
    """
    if server.api_keys or server.insecure or is_loopback(server.host):
        return
    raise ConfigError(
        _(
            "Without API keys anybody who reaches {host} could use this server: set "
            "REALTIME_API_KEYS, or say that this is meant with --insecure "
            "(REALTIME_SERVER__INSECURE=true)."
        ).format(host=server.host)
    )


class ExposureGuard:
    """Refuses clients from the network if there are no keys and the settings do not allow it.

    `main.py` refuses to listen to the network then; this covers other starts of the application,
    such as `uvicorn main:app --host`.
    """

    def __init__(self, app: ASGIApp, server: ServerConfig) -> None:
        """Guard `app`."""
        self._app = app
        self._open = bool(server.api_keys) or server.insecure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse, one request or connection."""
        # A Unix socket has a path in place of host and port.
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
    # For clients and the log, which are English.
    return (
        f"Without API keys anybody who reaches {host} could use this server: set "
        "REALTIME_API_KEYS, or say that this is meant with --insecure "
        "(REALTIME_SERVER__INSECURE=true)."
    )
