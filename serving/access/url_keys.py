"""Keys in URLs: taken out before anything can log them, and heeded on Azure's paths alone (§D.7).

A page cannot set headers on a WebSocket, so Azure documents `?api-key=` for browsers, and its
JavaScript client sends tokens as `?Authorization=Bearer …`. URLs are written to logs, though. So
both become the headers that they stand for, and the URL that the server and its libraries go on
with has none. `telemetry/logs.py` masks what is logged before that.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Receive, Scope, Send

from settings.paths import is_azure

_HEADERS = frozenset({"api-key", "authorization"})
"""Query parameters that stand for the header of their name, in lower case."""


class UrlKeys:
    """Moves keys from the query of a request into its headers."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] != "lifespan" and scope["query_string"]:
            _move(scope)
        await self._app(scope, receive, send)


def _move(scope: Scope) -> None:
    """Change the scope itself: uvicorn writes its access log from the same object."""
    kept: list[bytes] = []
    found: dict[str, bytes] = {}
    for pair in scope["query_string"].split(b"&"):
        name, _, value = pair.partition(b"=")
        header = _decoded(name).lower()
        if header in _HEADERS:
            found.setdefault(header, _decoded(value).encode())
        else:
            kept.append(pair)
    if not found:
        return
    scope["query_string"] = b"&".join(kept)
    sent = {name.decode("latin-1").lower() for name, _ in scope["headers"]}
    # A client that can send headers means those.
    if is_azure(scope["path"].removeprefix(scope.get("root_path", ""))) and not sent & _HEADERS:
        scope["headers"] = [
            *scope["headers"],
            *((name.encode(), value) for name, value in found.items() if value),
        ]


def _decoded(part: bytes) -> str:
    return unquote_plus(part.decode("latin-1"))
