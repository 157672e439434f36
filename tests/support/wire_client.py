"""A plain WebSocket client that records every event and validates it with the SDK's type."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from audio.pcm import read_wav, silence
from tests.support.places import DATA
from tests.support.strict_reader import check_event

PATIENCE_S = 45.0
"""Seconds after which a missing event fails the test; longer than a busy machine stalls."""
STEP = 960
"""20 ms of 24 kHz PCM."""


class WireClient:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []

    async def send(self, type_: str, **fields: Any) -> None:
        self.sent.append({"type": type_, **fields})
        await self.socket.send(json.dumps(self.sent[-1]))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event: dict[str, Any] = json.loads(await self.socket.recv())
        check_event(event)
        self.events.append(event)
        return event

    async def until(self, type_: str) -> dict[str, Any]:
        """Receive up to and including the next event of a type."""
        while (event := await self.receive())["type"] != type_:
            pass
        return event

    async def settled(self) -> list[dict[str, Any]]:
        """Return all pending events; a request that is always answered marks their end."""
        start = len(self.events)
        await self.send("input_audio_buffer.clear")
        await self.until("input_audio_buffer.cleared")
        return self.events[start:-1]

    async def update(self, **session: Any) -> dict[str, Any]:
        await self.send("session.update", session={"type": "realtime", **session})
        return await self.until("session.updated")

    async def say(self, text: str) -> None:
        """Send a user message and ask for an answer."""
        content = [{"type": "input_text", "text": text}]
        await self.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        await self.send("response.create")

    async def append(self, pcm: bytes, step: int = STEP) -> None:
        for start in range(0, len(pcm), step):
            piece = base64.b64encode(pcm[start : start + step]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    def types(self, since: int = 0) -> list[str]:
        return [event["type"] for event in self.events[since:]]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == type_]


def speech(name: str = "flite-slt_s01", before_ms: int = 300, after_ms: int = 900) -> bytes:
    """Return a spoken clip with silence around it: 24 kHz PCM."""
    return silence(before_ms) + read_wav(DATA / f"{name}.wav") + silence(after_ms)


@asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[WireClient]:
    """Connect, and take the greeting."""
    # An unbounded queue: closing never waits for unread events.
    unbound: dict[str, Any] = {"max_size": None, "max_queue": None, "open_timeout": PATIENCE_S}
    # Not by a proxy of the environment, which cannot reach a server of the tests.
    direct: dict[str, Any] = {"proxy": None, **options}
    async with connect(url, compression=None, **unbound, **direct) as socket:
        wire = WireClient(socket)
        greeting = await wire.receive()
        assert greeting["type"] == "session.created"
        yield wire


class Refusal(NamedTuple):
    """The end of a connection that got no session."""

    error: dict[str, Any]
    """`error` of the one event that was sent."""
    code: int | None
    """The close code."""
    reason: str | None
    """The close reason."""


async def refusal(url: str, **options: Any) -> Refusal:
    """Connect, and return how the server refused."""
    async with asyncio.timeout(PATIENCE_S), connect(url, **options) as socket:
        event = json.loads(await socket.recv())
        check_event(event)
        assert event["type"] == "error"
        await socket.wait_closed()
        return Refusal(event["error"], socket.close_code, socket.close_reason)


async def denial(url: str, **options: Any) -> httpx.Response:
    """Connect, and return the HTTP answer by which the server refused the handshake itself."""
    try:
        async with asyncio.timeout(PATIENCE_S), connect(url, proxy=None, **options):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as refused:
        answer = refused.response
        headers, body = list(answer.headers.raw_items()), bytes(answer.body or b"")
        return httpx.Response(answer.status_code, headers=headers, content=body)
