"""A caller by WebRTC: aiortc as an application of it has it, its own media and data channel."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from time import monotonic
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from tests.support.strict_reader import check_event

PATIENCE_S = 45.0
RATE = 24_000
FRAME = RATE // 50
LOUD = 300
"""Root mean square of 16-bit samples that is certainly sound."""


class Mouth(MediaStreamTrack):
    """A microphone: what it was told to say, and silence before and after."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._words: deque[bytes] = deque()
        self._started: float | None = None
        self._frames = 0

    def say(self, pcm: bytes) -> None:
        """Say 24 kHz PCM behind what is still to be said."""
        size = FRAME * 2
        self._words += [pcm[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm), size)]

    async def recv(self) -> AudioFrame:
        if self._started is None:
            self._started = monotonic()
        await asyncio.sleep(max(0.0, self._started + self._frames / 50 - monotonic()))
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._words.popleft() if self._words else bytes(FRAME * 2))
        frame.sample_rate = RATE
        frame.pts = self._frames * FRAME
        frame.time_base = Fraction(1, RATE)
        self._frames += 1
        return frame


class Caller:
    """One call: `offer` is posted by whatever client is tested, and `accept` takes its answer."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.mouth = Mouth()
        self.connection.addTrack(self.mouth)
        self.channel = self.connection.createDataChannel("oai-events")
        self.events: list[dict[str, Any]] = []
        self.sound_ms = 0
        """Milliseconds of sound that were heard."""
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.channel.on("message", self._took)
        self.channel.on("close", self._look_again)
        self.connection.on("connectionstatechange", self._look_again)
        self.connection.on("track", lambda track: self._begin(self._listen(track)))

    async def offer(self) -> str:
        """Return the offer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the server's answer, and wait for the session."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.until("session.created")

    def send(self, type_: str, **fields: Any) -> None:
        """Send an event by the data channel."""
        self.channel.send(json.dumps({"type": type_, **fields}))

    def types(self) -> list[str]:
        """Return the types of all events so far."""
        return [event["type"] for event in self.events]

    def of(self, type_: str) -> list[dict[str, Any]]:
        """Return the events of a type."""
        return [event for event in self.events if event["type"] == type_]

    async def until(self, type_: str, count: int = 1) -> dict[str, Any]:
        """Wait until so many events of a type have come, and return the last of them."""
        await self.so(lambda: len(self.of(type_)) >= count, f"{count} × {type_}")
        return self.of(type_)[count - 1]

    async def so(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"no {what} behind {self.types()[-12:]}") from None
        for event in self.events:
            check_event(event)

    async def settled(self) -> None:
        """Wait until all that the server had for this caller has come."""
        before = len(self.of("input_audio_buffer.cleared"))
        self.send("input_audio_buffer.clear")
        await self.until("input_audio_buffer.cleared", before + 1)

    async def ended(self) -> None:
        """Wait until the server has ended the call."""
        await self.so(
            lambda: (
                self.channel.readyState == "closed"
                or self.connection.connectionState in ("closed", "failed")
            ),
            "end of the call",
        )

    async def leave(self) -> None:
        """Hang up."""
        await self.connection.close()

    def _took(self, message: str) -> None:
        self.events.append(json.loads(message))
        self._look_again()

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            samples = frame.to_ndarray().astype(float)  # type: ignore[union-attr]
            if np.sqrt(np.mean(samples**2)) > LOUD:
                self.sound_ms += 1000 * frame.samples // frame.sample_rate  # type: ignore[union-attr]
                self._look_again()

    def _look_again(self, *_: Any) -> None:
        self._begin(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _begin(self, job: Any) -> None:
        task = asyncio.ensure_future(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
