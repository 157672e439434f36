"""Many callers in one process that use little CPU, so that the server is the limit.

Each repeats a fixed script: a pause, the clip, and silence while the answer plays. All frames are
made in advance and written by one timer; of received events only the beginning is read, unless more
is needed. A WebSocket client library would cost more CPU than the server.
"""

from __future__ import annotations

import asyncio
import base64
import json
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from clients.sdk import ClientError

CHUNK_MS = 20
OPEN_S = 20.0
"""Seconds that a session may take to open."""

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(message: bytes, opcode: int = _TEXT) -> bytes:
    """Return a client's WebSocket frame; its mask is zero, so the payload is not changed."""
    length = len(message)
    if length < 126:
        head = bytes([0x80 | opcode, 0x80 | length])
    elif length < 65536:
        head = bytes([0x80 | opcode, 0x80 | 126]) + length.to_bytes(2)
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + length.to_bytes(8)
    return head + bytes(4) + message


def event_frame(type_: str, **fields: Any) -> bytes:
    """Return the frame of a client event."""
    return frame(json.dumps({"type": type_, **fields}).encode())


def append_frames(pcm: bytes, chunk_ms: int = CHUNK_MS) -> list[bytes]:
    """Cut audio into chunks, one `input_audio_buffer.append` each."""
    size = chunk_ms * WIRE_RATE // 1000 * BYTES_PER_SAMPLE
    return [
        event_frame(
            "input_audio_buffer.append", audio=base64.b64encode(pcm[at : at + size]).decode()
        )
        for at in range(0, len(pcm) - size + 1, size)
    ]


@dataclass(slots=True)
class Answer:
    """One turn and its answer; times are those of `perf_counter`, in seconds."""

    decided: float
    """When the chunk was sent that completed the silence after the turn."""
    stopped: float
    spoken: float = 0.0
    """When the last voiced sample was sent."""
    first_audio: float | None = None
    played_s: float = 0.0
    """Seconds of audio received so far."""
    late_s: float = 0.0
    """Longest time in seconds for which a player had nothing to play."""
    done: float | None = None

    def idle_s(self, now: float) -> float:
        """Return for how long a player would have had nothing to play by now."""
        return 0.0 if self.first_audio is None else now - self.first_audio - self.played_s

    def take_audio(self, now: float, seconds: float) -> None:
        """Count audio that has arrived."""
        if self.first_audio is None:
            self.first_audio = now
        self.late_s = max(self.late_s, self.idle_s(now))
        self.played_s += seconds


@dataclass
class Caller(ABC):
    """One session, which sends `script` in a loop, a chunk at a time."""

    script: Sequence[bytes]
    position: int = 0
    """The chunk of `script` that comes next."""
    voiced: int | None = None
    """The chunk of `script` with the last voiced sample."""
    spoken: float = 0.0
    """When that was sent last."""
    answers: list[Answer] = field(default_factory=list)
    sent: array[float] = field(default_factory=lambda: array("d"))
    """When each chunk was sent."""
    opened: asyncio.Future[float] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """When `session.created` came."""
    configured: asyncio.Future[float] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """When `session.updated` came."""
    problem: str | None = None
    arrivals: dict[str, float] = field(default_factory=dict)
    """Event type → when the first one arrived; cleared by the reader."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by every event; cleared by the waiter."""

    @abstractmethod
    def write_chunk(self, chunk: bytes) -> None:
        """Send a chunk of the script."""

    @abstractmethod
    def send(self, type_: str, **fields: Any) -> None:
        """Send an event."""

    @abstractmethod
    def leave(self) -> None:
        """End the session."""

    def speak(self, now: float) -> None:
        """Send the next chunk."""
        self.write_chunk(self.script[self.position])
        if self.position == self.voiced:
            self.spoken = now
        self.position = (self.position + 1) % len(self.script)
        self.sent.append(now)

    async def event(self, type_: str) -> float:
        """Wait for an event and return when it came.

        Raises:
            ClientError: It does not come.
        """
        try:
            async with asyncio.timeout(OPEN_S):
                while type_ not in self.arrivals:
                    self.arrived.clear()
                    await self.arrived.wait()
        except TimeoutError:
            raise ClientError(f"There was no {type_}: {self.problem or 'nothing else'}.") from None
        return self.arrivals[type_]

    def take_event(self, payload: bytes, now: float) -> None:
        """Take an event of the server, which came just now."""
        kind = payload[9 : payload.index(b'"', 9)]  # {"type":"…
        self.arrivals.setdefault(kind.decode(), now)
        self.arrived.set()
        last = self.answers[-1] if self.answers else None
        if kind == b"response.output_audio.delta":
            if last is not None:
                encoded = len(payload) - payload.index(b'"delta":"') - len(b'"delta":""}')
                last.take_audio(now, encoded * 3 / 4 / BYTES_PER_SAMPLE / WIRE_RATE)
        elif kind == b"input_audio_buffer.speech_stopped":
            decided = self.decided(json.loads(payload)["audio_end_ms"])
            if decided is not None:
                self.answers.append(Answer(decided, now, self.spoken))
        elif kind == b"response.done":
            if last is not None:
                last.done = now
            if b'"status":"failed"' in payload:
                self.fail(f"a response failed: {payload.decode()}")
        elif kind == b"session.created":
            self.opened.set_result(now)
        elif kind == b"session.updated":
            self.configured.set_result(now)
        elif kind == b"error":
            self.fail(json.loads(payload)["error"]["message"])

    def decided(self, audio_end_ms: int) -> float | None:
        """Return when the chunk was sent in which the silence after a turn was completed."""
        chunk = -(-audio_end_ms // CHUNK_MS) - 1
        return self.sent[chunk] if chunk < len(self.sent) else None

    def fail(self, problem: str) -> None:
        """Note what is wrong, and let nobody wait for a session that does not come."""
        self.problem = self.problem or problem
        for waited in (self.opened, self.configured):
            if not waited.done():
                waited.set_exception(ClientError(problem))
                waited.exception()  # the waiter may have been cancelled


@dataclass
class SocketCaller(Caller, asyncio.Protocol):
    """A session by WebSocket; a chunk is a frame, ready to be written."""

    def __post_init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report a connection that the server closed."""
        if self._transport is not None:
            self.fail(f"the connection was lost ({exc or 'closed by the server'})")

    def write(self, data: bytes) -> None:
        """Send a frame."""
        if self._transport is not None:
            self._transport.write(data)

    def write_chunk(self, chunk: bytes) -> None:
        """Send a chunk of the script."""
        self.write(chunk)

    def send(self, type_: str, **fields: Any) -> None:
        """Send an event."""
        self.write(event_frame(type_, **fields))

    def leave(self) -> None:
        """Close the connection."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.write(frame((1000).to_bytes(2), _CLOSE))
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse the server's frames."""
        now = perf_counter()
        self._received += data
        if not self._upgraded:
            head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return
            status = head.partition(b"\r\n")[0].decode()
            if " 101 " not in status:
                self.fail(f"the server answered {status}")
            self._upgraded, self._received = True, bytearray(rest)
        while (message := self._next_frame()) is not None:
            opcode, payload = message
            if opcode == _TEXT:
                self.take_event(payload, now)
            elif opcode == _PING:
                self.write(frame(payload, _PONG))

    def _next_frame(self) -> tuple[int, bytes] | None:
        received = self._received
        if len(received) < 2:
            return None
        length, start = received[1] & 0x7F, 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(received[2:start])
        if len(received) < start + length:
            return None
        opcode, payload = received[0] & 0x0F, bytes(received[start : start + length])
        del received[: start + length]
        return opcode, payload


async def join(
    url: str, script: Sequence[bytes], session: dict[str, Any]
) -> tuple[SocketCaller, float]:
    """Open a session and configure it.

    Returns:
        The caller, and how long it took from connecting to `session.created`, in seconds.
    """
    parts = urlsplit(url)
    path = f"{parts.path}?model=gpt-realtime"
    start = perf_counter()
    _, caller = await asyncio.get_running_loop().create_connection(
        lambda: SocketCaller(script), parts.hostname or "localhost", parts.port or 80
    )
    caller.write(_HANDSHAKE.format(path=path, host=parts.netloc).encode())
    async with asyncio.timeout(OPEN_S):
        opened = await caller.opened - start
        caller.send("session.update", session=session)
        await caller.configured
    return caller, opened


async def talk(callers: Sequence[Caller], until: Callable[[float], bool]) -> float:
    """Let all callers send in real time until `until(elapsed seconds)` is true.

    Each sends a chunk every 20 ms, at its own offset within them.

    Returns:
        Largest delay of a chunk behind its schedule, in seconds.
    """
    start, late, tick = perf_counter(), 0.0, 0
    while not until(tick / 1000):
        due = start + tick / 1000
        now = perf_counter()
        if due > now:
            await asyncio.sleep(due - now)
            now = perf_counter()
        late = max(late, now - due)
        for caller in callers[tick % CHUNK_MS :: CHUNK_MS]:
            caller.speak(now)
        tick += 1
    return late
