"""Sessions without chance: by a virtual clock, and with ids that are the same each time."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.testing.desk import Desk
from wire.dates import stopped_at
from wire.ids import ids_from

DATE = 1_767_225_600
"""What `expires_at` counts from: the first of January 2026, as Unix time in seconds."""


class VirtualSessions:
    """Gives every WebSocket the desk's clock, and ids by its number."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        """Stand before the application."""
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        clock = self._desk.clock
        if scope["type"] != "websocket" or clock is None:
            await self._app(scope, receive, send)
            return
        random = self._desk.random()
        with clock.entered(), stopped_at(DATE), ids_from(random.randbytes):
            await self._app(scope, receive, send)
