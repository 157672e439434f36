"""A WebRTC client of calls: aiortc's own connection, as programs in Python use it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import aioice.ice
import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from tests.support.strict_reader import check_event

PATIENCE_S = 45.0
RATE = 48000
FRAME = RATE // 50

# Tests stay on loopback, which aioice leaves out when it asks the system for addresses.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"] if use_ipv4 else []


class Microphone(MediaStreamTrack):
    """Says what it is given, 24 kHz PCM, and is silent for the rest."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._unsaid = b""
        self._frames = 0
        self._begun: float | None = None

    def say(self, pcm: bytes) -> None:
        self._unsaid += pcm

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._begun is None:
            self._begun = loop.time()
        due = self._begun + self._frames * FRAME / RATE
        await asyncio.sleep(max(0, due - loop.time()))
        step = FRAME  # bytes of 20 ms at 24 kHz, 16 bits
        piece, self._unsaid = self._unsaid[:step], self._unsaid[step:]
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME // 2)
        frame.planes[0].update(piece.ljust(step, b"\0"))
        frame.sample_rate = RATE // 2
        frame.pts = self._frames * FRAME // 2
        frame.time_base = Fraction(1, RATE // 2)
        self._frames += 1
        return frame


class Caller:
    """One call, and what came by its data channel."""

    def __init__(self, connection: RTCPeerConnection, microphone: Microphone) -> None:
        self.connection = connection
        self.microphone = microphone
        self.channel = connection.createDataChannel("oai-events")
        self.events: list[dict[str, Any]] = []
        self.location = ""
        self._came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.channel.on("message", lambda raw: self._came.put_nowait(json.loads(raw)))
        self.channel.on("close", self.closed.set)

    @property
    def call_id(self) -> str:
        return self.location.rpartition("/")[2]

    def send(self, type_: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": type_, **fields}))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event = await self._came.get()
        check_event(event)
        self.events.append(event)
        return event

    async def until(self, type_: str) -> dict[str, Any]:
        """Receive up to and including the next event of a type."""
        while (event := await self.receive())["type"] != type_:
            pass
        return event

    async def ended(self) -> None:
        """Wait until the server has closed the channel."""
        async with asyncio.timeout(PATIENCE_S):
            await self.closed.wait()

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


async def offer_of(connection: RTCPeerConnection) -> str:
    await connection.setLocalDescription(await connection.createOffer())
    sdp: str = connection.localDescription.sdp
    return sdp


@asynccontextmanager
async def calling(
    http: str, path: str = "/v1/realtime/calls", **request: Any
) -> AsyncIterator[Caller]:
    """Call a server, and take the greeting.

    Args:
        http: The server's address.
        path: Where the offer is sent.
        request: Further arguments of the request, such as `headers`.
    """
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    microphone = Microphone()
    connection.addTrack(microphone)
    caller = Caller(connection, microphone)
    try:
        headers = {"Content-Type": "application/sdp", **request.pop("headers", {})}
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=30) as client:
            offer = await offer_of(connection)
            answer = await client.post(http + path, content=offer, headers=headers, **request)
        assert answer.status_code == 201, answer.text
        caller.location = answer.headers["location"]
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        greeting = await caller.receive()
        assert greeting["type"] == "session.created"
        yield caller
    finally:
        await connection.close()
