"""A connection of the SDK on a fake WebSocket: the test reads what is sent, and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosedOK

Event = dict[str, Any]


class FakeSocket:
    """The WebSocket of an `AsyncRealtimeConnection`."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self._incoming: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self._reading = False
        self._news = asyncio.Condition()

    def kinds(self) -> list[str]:
        """Types of the events the client has sent."""
        return [event["type"] for event in self.sent]

    async def say(self, *events: Event | Exception) -> None:
        """Send events to the client and wait until it has handled them. An exception closes."""
        for event in events:
            self._incoming.put_nowait(event)
        await self._incoming.join()

    async def until(self, kind: str, count: int = 1) -> Event:
        """Wait for the `count`th event of a type from the client."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: self.kinds().count(kind) >= count)
        return [event for event in self.sent if event["type"] == kind][count - 1]

    async def recv(self, decode: bool = True) -> bytes:
        """Called by the SDK."""
        if self._reading:
            self._incoming.task_done()
        self._reading = True
        event = await self._incoming.get()
        if isinstance(event, Exception):
            self._reading = False
            self._incoming.task_done()
            raise event
        return json.dumps({"event_id": "event_1", **event}).encode()

    async def send(self, data: str) -> None:
        """Called by the SDK."""
        async with self._news:
            self.sent.append(json.loads(data))
            self._news.notify_all()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Called by the SDK."""


class FakeServer:
    """Answers attempts to connect, in order: with a socket or with an error."""

    def __init__(self, *attempts: FakeSocket | Exception) -> None:
        self._attempts = list(attempts)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncRealtimeConnection]:
        """Stand in for `client.realtime.connect(...)`."""
        attempt = self._attempts.pop(0)
        if isinstance(attempt, Exception):
            raise attempt
        yield AsyncRealtimeConnection(cast(Any, attempt))


CLOSED = ConnectionClosedOK(None, None)
