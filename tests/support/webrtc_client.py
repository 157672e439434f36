"""A WebRTC client of the tests: aiortc's, with a data channel that is read like a WebSocket.

It stays on loopback, which aiortc never uses by itself. Audio that it is given goes out in frames
of 20 ms, at the pace of a microphone, and silence in between.
"""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import aioice.ice
import httpx
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCDtlsTransport,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av import AudioFrame
from websockets.asyncio.client import ClientConnection

from tests.support.running_server import plain_http
from tests.support.wire_client import PATIENCE_S, WireClient

RATE = 24000
FRAME_SAMPLES = RATE // 50
FRAME_BYTES = 2 * FRAME_SAMPLES

# aioice asks the system for its addresses, and leaves loopback out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Microphone(MediaStreamTrack):
    """What the user says: 24 kHz 16-bit mono."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()
        self._sent = 0
        self._began: float | None = None

    def say(self, pcm: bytes) -> None:
        """Speak after what is still to be said."""
        self._waiting += pcm

    async def recv(self) -> AudioFrame:
        """Return the next frame when it is due; aiortc calls it."""
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(self._began + self._sent / RATE - loop.time())
        piece = bytes(self._waiting[:FRAME_BYTES])
        del self._waiting[:FRAME_BYTES]
        samples = np.frombuffer(piece.ljust(FRAME_BYTES, b"\0"), "<i2")
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._sent
        frame.time_base = fractions.Fraction(1, RATE)
        self._sent += FRAME_SAMPLES
        return frame


class _Channel:
    """A data channel, with the two methods of a WebSocket that `WireClient` needs."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        self._arrived: asyncio.Queue[str] = asyncio.Queue()
        self.opened = asyncio.Event()
        self.closed = asyncio.Event()
        channel.on("message", self._arrived.put_nowait)
        channel.on("open", self.opened.set)
        channel.on("close", self.closed.set)

    async def send(self, text: str) -> None:
        self.channel.send(text)

    async def recv(self) -> str:
        return await self._arrived.get()


@dataclass
class Call:
    """A call that the server has answered."""

    id: str
    location: str
    peer: RTCPeerConnection
    wire: WireClient
    microphone: Microphone
    offer: str
    answer: str
    channel: _Channel
    heard: bytearray = field(default_factory=bytearray)
    """What the loudspeaker played, as it was decoded: 48 kHz stereo, 16-bit."""

    @property
    def dtls(self) -> RTCDtlsTransport:
        """The transport that events and media share."""
        assert self.peer.sctp is not None
        return self.peer.sctp.transport

    @property
    def username(self) -> str:
        """The user name that the client's checks carry."""
        return f"{_attribute(self.answer, 'ice-ufrag')}:{_attribute(self.offer, 'ice-ufrag')}"

    @property
    def password(self) -> str:
        """The server's, which checks are signed with."""
        return _attribute(self.answer, "ice-pwd")

    @property
    def server(self) -> tuple[str, int]:
        """The first address that the answer names."""
        fields = _attribute(self.answer, "candidate").split()
        return fields[4], int(fields[5])

    async def connected(self) -> None:
        """Wait for the greeting, which comes when all stands."""
        async with asyncio.timeout(PATIENCE_S):
            await self.channel.opened.wait()
        assert (await self.wire.receive())["type"] == "session.created"

    def vanish(self) -> None:
        """Stop sending, all at once and without a word, as a killed browser does."""
        for transport in (self.dtls.transport,):
            for protocol in transport._connection._protocols:
                protocol.transport.abort()


def _attribute(sdp: str, name: str) -> str:
    return sdp.partition(f"a={name}:")[2].partition("\r\n")[0].strip()


async def made_offer(peer: RTCPeerConnection) -> str:
    """Return a peer's offer, with its candidates."""
    await peer.setLocalDescription(await peer.createOffer())
    return cast(str, peer.localDescription.sdp)


def new_peer() -> RTCPeerConnection:
    """Return a peer that asks nobody for its address."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def post(http: str, offer: str | bytes, **options: Any) -> httpx.Response:
    """Make a call by its offer, as a browser does.

    Args:
        http: The server's address.
        offer: SDP.
        **options: For httpx, such as `headers`.
    """
    headers = {"Content-Type": "application/sdp", **options.pop("headers", {})}
    async with plain_http(timeout=PATIENCE_S) as client:
        return await client.post(
            f"{http}/v1/realtime/calls?model=gpt-realtime",
            content=offer,
            headers=headers,
            **options,
        )


@asynccontextmanager
async def call(http: str, *, listen: bool = False, **options: Any) -> AsyncIterator[Call]:
    """Call a server and wait for its greeting; hang up at the end.

    Args:
        http: The server's address.
        listen: Whether to keep what is heard.
        **options: For the request, such as `headers`.
    """
    peer, microphone = new_peer(), Microphone()
    peer.addTrack(microphone)
    channel = _Channel(peer.createDataChannel("oai-events"))
    listening: list[asyncio.Task[None]] = []
    heard = bytearray()
    if listen:
        peer.on("track", lambda track: listening.append(asyncio.create_task(_hear(track, heard))))
    try:
        offer = await made_offer(peer)
        answered = await post(http, offer, **options)
        assert answered.status_code == 201, answered.text
        location = answered.headers["Location"]
        made = Call(
            id=location.rpartition("/")[2],
            location=location,
            peer=peer,
            wire=WireClient(cast(ClientConnection, channel)),
            microphone=microphone,
            offer=offer,
            answer=answered.text,
            channel=channel,
            heard=heard,
        )
        await peer.setRemoteDescription(RTCSessionDescription(made.answer, "answer"))
        await made.connected()
        yield made
    finally:
        for task in listening:
            task.cancel()
        await peer.close()


async def _hear(track: MediaStreamTrack, heard: bytearray) -> None:
    from aiortc.mediastreams import MediaStreamError

    with suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            heard += cast(AudioFrame, frame).to_ndarray().astype("<i2").tobytes()


def needs_webrtc() -> None:
    """Skip what needs WebRTC's libraries where they are not."""
    pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")
