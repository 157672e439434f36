"""Answers where the server has nothing: HTTP 404 with the path where the Realtime API is (§D.7).

A base URL without its `/v1`, or with a slash too many, is the first mistake of whoever moves a
client to this server. A bare 403, which a WebSocket client would get otherwise, sends them looking
for a key.
"""

from __future__ import annotations

from fastapi import Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from serving.http_errors import error_body, refused
from serving.refused import Refused
from serving.websocket_route import WebSocketEndpoint
from settings.paths import AZURE_PATH, AZURE_PREVIEW_PATH
from wire.errors import ProtocolError

_TRANSLATING = {f"{AZURE_PATH}/translations", f"{AZURE_PREVIEW_PATH}/translations"}
LONGEST_PATH = 200
"""Characters of a wrong path that are shown."""


class WrongPaths:
    """The application for all paths without a route."""

    def __init__(self, endpoint: WebSocketEndpoint, ws_path: str) -> None:
        """Prepare.

        Args:
            endpoint: Refuses WebSocket clients.
            ws_path: `server.ws_path`.
        """
        self._endpoint = endpoint
        self._ws_path = ws_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse a WebSocket's handshake."""
        refusal = _not_found(scope.get("method", "GET"), scope["path"], self._ws_path)
        if scope["type"] == "websocket":
            await self._endpoint.deny(WebSocket(scope, receive, send), refusal)
        else:
            await refused(refusal)(scope, receive, send)

    async def method_not_allowed(self, request: Request, error: Exception) -> JSONResponse:
        """Answer a path that exists, but not for this method, with an error in JSON."""
        assert isinstance(error, HTTPException)
        allowed, path = (error.headers or {}).get("Allow"), request.url.path
        said = ProtocolError(
            "method_not_allowed",
            f"{request.method} is not allowed at {_shown(path)}, only {allowed} is. A "
            f"session is opened by a WebSocket handshake at {_right_paths(path, self._ws_path)}, "
            f"a WebRTC call by a POST to {self._ws_path}/calls.",
        )
        return JSONResponse(error_body(said), 405, error.headers)


def _not_found(method: str, path: str, ws_path: str) -> Refused:
    if path in _TRANSLATING or path == f"{ws_path}/translations":
        told = (
            f"{path} is a WebSocket, for translation sessions: connect to it as one. Calls that "
            f"translate are made by a POST to {path}/calls."
        )
    else:
        told = (
            "The Realtime API of this server is a WebSocket at "
            f"{_right_paths(path, ws_path)}; WebRTC calls are made by a POST to {ws_path}/calls."
        )
    message = f"Invalid URL ({method} {_shown(path)}). {told}"
    return Refused("not_found", message, http_status=404)


def _right_paths(path: str, ws_path: str) -> str:
    """Return where sessions are opened, for who asked for `path`."""
    right = f"{ws_path}?model=NAME"
    if path.startswith("/openai/"):
        right += f", for Azure's clients at {AZURE_PATH}, and their preview at {AZURE_PREVIEW_PATH}"
    return right


def _shown(path: str) -> str:
    return path if len(path) <= LONGEST_PATH else f"{path[:LONGEST_PATH]}…"
