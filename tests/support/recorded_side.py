"""A recorded client whose side is played by the test: as it was, or otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from recordings.client_outcome import Outcome
from recordings.client_test import How, Served, served
from recordings.reading import read
from recordings.timeline import Message, Timeline, timeline
from tests.support.places import DATA

PATIENCE_S = 30.0
RECORDINGS = DATA / "recordings"
TOOLS = "openai-python-tools"
"""A session of text alone: thirteen messages of the client."""
VIRTUAL = {
    "REALTIME_SERVER__VIRTUAL_CLOCK": "true",
    # A model that stalls is never given up on, however long this machine keeps the client waiting.
    "REALTIME_LLM__TIMEOUT_S": "120",
}
"""Variables of a server that plays a recording by a virtual clock."""
QUICK = How(fast=True, patience_s=PATIENCE_S)


def laid(name: str = TOOLS) -> Timeline:
    """Return one of the recordings that are kept."""
    return timeline(read(RECORDINGS / f"{name}.jsonl"))


def written(path: Path, rows: Sequence[dict[str, Any]], **header: Any) -> Timeline:
    """Write a recording of these rows, and return it."""
    first = {"recording": 1, "session": "sess_1", "dialect": "ga", "kind": "realtime", **header}
    lines = [json.dumps(row) for row in ({**first, "media": "events"}, *rows)]
    path.write_text("\n".join(lines) + "\n")
    return timeline(read(path))


class Client:
    """The client under test, which the test sends through."""

    def __init__(self, server: Served, socket: ClientConnection) -> None:
        self.server = server
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def send(self, *events: dict[str, Any]) -> None:
        for event in events:
            await self.socket.send(json.dumps(event))

    async def until(self, type_: str) -> dict[str, Any]:
        """Receive up to and including the next event of a type."""
        while True:
            async with asyncio.timeout(PATIENCE_S):
                event: dict[str, Any] = json.loads(await self.socket.recv())
            self.events.append(event)
            if event["type"] == type_:
                return event

    async def rest(self) -> None:
        """Receive until the server closes."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while True:
                    self.events.append(json.loads(await self.socket.recv()))
            except ConnectionClosed:
                return

    async def play(self, messages: Sequence[Message]) -> None:
        """Send what was recorded, all at once, and leave when the server has said all."""
        for message in messages:
            await self.socket.send(message.written())
        last = self.server.timeline.of("server")[-1].type
        count = sum(one.type == last for one in self.server.timeline.of("server"))
        for _time in range(count):
            await self.until(last)

    async def outcome(self) -> Outcome:
        """Leave, and return what was otherwise."""
        await self.socket.close()
        async with asyncio.timeout(PATIENCE_S):
            return await self.server.outcome()


@asynccontextmanager
async def connected(timeline: Timeline, how: How = QUICK, **options: Any) -> AsyncIterator[Client]:
    """Serve a recording, and connect to it."""
    async with (
        served(timeline, how) as server,
        connect(server.ws_url, proxy=None, max_size=None, **options) as socket,
    ):
        yield Client(server, socket)
