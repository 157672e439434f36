"""What this project's own server process knows of a connection, and ASGI cannot tell.

ASGI reports a lost connection and a close frame without a code alike, and has no pings. Other
servers tell nothing of it, so whoever asks has to do without an answer.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from fastapi import WebSocket

CONNECTION = "realtime.connection"
"""Key in a WebSocket's scope of its `Connection`. Only this project's own server process sets it
(`serving/process/uvicorn_websocket.py`)."""


class Connection(Protocol):
    """A client's connection."""

    @property
    def gone(self) -> asyncio.Event:
        """Set when the connection is lost, even while nobody reads from it."""

    @property
    def closed_with(self) -> int | None:
        """The code with which the client has closed, 1005 without one; None: it did not close."""

    async def answers(self, within_s: float) -> bool:
        """Ping the client, and return whether anything comes from it within `within_s` seconds."""

    def give_up(self, reason: str) -> None:
        """Cut the connection: its client is gone; `reason` is for the log."""


def connection_of(websocket: WebSocket) -> Connection | None:
    """Return what is known of a connection; None: nothing."""
    return cast("Connection | None", websocket.scope.get(CONNECTION))
