"""A client of the media alone: aiortc's own connection, offered to a port without HTTP between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from config import LimitsConfig
from peers.webrtc.link import RtcLink
from peers.webrtc.media_port import MediaPort
from peers.webrtc.peer import WebRTCPeer
from session.reports import PlaybackReport
from wire.dialect import GADialect
from wire.incoming import AppendedAudio, Incoming

PATIENCE_S = 30.0
RATE = 24000
FRAME_BYTES = 2 * RATE // 50


@dataclass(frozen=True)
class Settings:
    """`webrtc.*`."""

    public_hosts: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)


class Voice(MediaStreamTrack):
    """Says what it is given, 24 kHz PCM, and is silent for the rest."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        """How many it has made."""
        self._unsaid = b""
        self._begun: float | None = None

    def say(self, pcm: bytes) -> None:
        self._unsaid += pcm

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._begun is None:
            self._begun = loop.time()
        await asyncio.sleep(max(0.0, self._begun + self.frames * 0.02 - loop.time()))
        piece, self._unsaid = self._unsaid[:FRAME_BYTES], self._unsaid[FRAME_BYTES:]
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
        frame.planes[0].update(piece.ljust(FRAME_BYTES, b"\0"))
        frame.sample_rate = RATE
        frame.pts = self.frames * FRAME_BYTES // 2
        frame.time_base = Fraction(1, RATE)
        self.frames += 1
        return frame


def loudness(pcm: bytes) -> float:
    """Return the root mean square of 16-bit PCM."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


class News:
    """Lets a test wait until something is so."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def until(self, so: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not so():
                self._changed.clear()
                await self._changed.wait()


class MediaCaller:
    """The client's end of one call."""

    def __init__(
        self, *, audio: str | None = "sendrecv", channel: bool = True, news: News | None = None
    ) -> None:
        self.news = news or News()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.voice = Voice()
        self.events: list[str | bytes] = []
        self.heard = b""
        """48 kHz stereo, as aiortc decodes it."""
        self.closed = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        if audio in ("sendrecv", "sendonly"):
            self.connection.addTransceiver(self.voice, direction=audio)
        elif audio:
            self.connection.addTransceiver("audio", direction=audio)
        self.connection.on("track", self._track_came)
        self.channel = self.connection.createDataChannel("oai-events") if channel else None
        self.open = asyncio.Event()
        if self.channel is not None:
            self.channel.on("open", self.open.set)
            self.channel.on("message", self._message_came)
            self.channel.on("close", self._closed)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        text: str = self.connection.localDescription.sdp
        return text

    async def take(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def send(self, text: str) -> None:
        assert self.channel is not None
        async with asyncio.timeout(PATIENCE_S):
            await self.open.wait()
        self.channel.send(text)

    async def close(self) -> None:
        await self.connection.close()
        if self._listening is not None:
            # A track that never began does not end either.
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _message_came(self, message: str | bytes) -> None:
        self.events.append(message)
        self.news.changed()

    def _closed(self) -> None:
        self.closed.set()
        self.news.changed()

    def _track_came(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.heard += frame.to_ndarray().tobytes()
                self.news.changed()


class Call:
    """Both ends of one call; the server's is driven as a session's transport does."""

    def __init__(self, caller: MediaCaller, link: RtcLink, answer: str) -> None:
        self.caller = caller
        self.link = link
        self.answer = answer
        self.news = caller.news
        self.peer = WebRTCPeer(link, GADialect(), LimitsConfig())
        self.heard = b""
        """24 kHz PCM, as the session gets it."""
        self.events: list[Incoming] = []
        self.reports: list[PlaybackReport] = []
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def serve(self) -> None:
        """Take what comes, and deliver what goes."""
        self._tasks = [
            asyncio.create_task(self._receive()),
            asyncio.create_task(self.peer.deliver(self._reported)),
        ]

    async def _receive(self) -> None:
        async for came in self.peer.incoming():
            if isinstance(came, AppendedAudio):
                self.heard += came.audio
            else:
                self.events.append(came)
            self.news.changed()
        self.ended.set()
        self.news.changed()

    def _reported(self, report: PlaybackReport) -> None:
        self.reports.append(report)
        self.news.changed()

    async def until(self, so: Callable[[], object]) -> None:
        """Wait until something is so."""
        await self.news.until(so)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.close()


@asynccontextmanager
async def call(port: MediaPort, caller: MediaCaller | None = None) -> AsyncIterator[Call]:
    """Call a port, and connect."""
    caller = caller or MediaCaller()
    link, answer = await port.answer(await caller.offer())
    both = Call(caller, link, answer)
    try:
        await caller.take(answer)
        await both.peer.connected()
        both.serve()
        yield both
    finally:
        await both.stop()
        await caller.close()


@asynccontextmanager
async def open_port(
    settings: Settings | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[MediaPort]:
    """Open a port for calls."""
    port = await MediaPort.open(settings or Settings(), host=host, port=0, owner="w0")
    try:
        yield port
    finally:
        await port.close()
