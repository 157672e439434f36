"""The line at `/` for who does not ask for HTML, such as curl: where the API is (§D)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from config import PRODUCT_NAME, ServerConfig
from serving.addresses import Addresses


class RootText:
    """Answers at `/`; everything else is left to another application."""

    def __init__(self, others: ASGIApp, server: ServerConfig) -> None:
        """Prepare.

        Args:
            others: Answers on all other paths, and other methods than GET and HEAD.
            server: Has the path of the Realtime API, and says whether there is a console.
        """
        self._others = others
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not asked or scope["path"] != "/":
            await self._others(scope, receive, send)
            return
        url = Request(scope).url
        addresses = Addresses(url.netloc, self._server.ws_path, secure=url.scheme == "https")
        console = f"; console, in a browser: {addresses.page}" if self._server.console else ""
        line = f"{PRODUCT_NAME}. Realtime API, a WebSocket: {addresses.websocket}{console}\n"
        answer = PlainTextResponse(line, headers={"Vary": "Accept, Host"})
        await answer(scope, receive, send)
