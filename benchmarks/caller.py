"""Simulated callers: each streams a spoken clip in real time and notes when the answers arrive.

The official SDK makes the connection, so any server that it works with can be measured. Frames are
serialised in advance: the SDK's typed calls cost about 0.3 ms per 20 ms of audio, six percent of a
core with four callers. An event's time is taken before it is parsed.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)

from audio.pcm import silence
from benchmarks.clip import CHUNK_MS
from clients.sdk import ClientError, Connect

SILENCE_MS = 500
"""Silence in ms that ends a turn, as the sessions configure it."""
PAUSE_MS = 500
"""Silence before each turn. It grows by a chunk with every turn, so that the voice ends at varying
positions of the windows in which the server scores audio."""
STAGGER_S = 1.245
"""Delay between the starts of callers: a quarter of a turn of the default clip, plus a quarter of a
chunk, so that four callers are never in step."""
PATIENCE_S = 30.0
"""Seconds that an answer, or `session.updated`, may take."""

MILESTONES = {
    "input_audio_buffer.speech_stopped": "speech_stopped",
    "input_audio_buffer.committed": "committed",
    "response.created": "response.created",
    "response.output_audio_transcript.delta": "first transcript delta",
    "response.output_audio.delta": "first audio delta",
    "response.done": "response.done",
}
"""Event type → name of the milestone: the first such event of a turn."""

SESSION: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": SILENCE_MS},
        }
    },
}


@dataclass
class Turn:
    """The milestones of one turn; times are those of `perf_counter`, in seconds."""

    session: int
    number: int
    """Counted from 0, which is the warm-up."""
    spoken: float | None = None
    """When the chunk with the last voiced sample was sent."""
    arrivals: dict[str, float] = field(default_factory=dict)

    def delays_ms(self) -> dict[str, float]:
        """Milliseconds from the last voiced sample to each milestone."""
        spoken = self.spoken or 0.0
        return {name: (self.arrivals[name] - spoken) * 1000 for name in MILESTONES.values()}


@dataclass(frozen=True)
class Measurement:
    """The results of several callers at once."""

    turns: list[Turn]
    late_ms: float
    """Largest delay of a chunk behind its schedule."""
    session_s: float
    """Seconds of audio sent, over all sessions."""
    cpu_s: float | None
    """CPU seconds that the server used meanwhile; None where that is unknown."""


class Caller:
    """One session that sends audio without pause: silence, and the clip for each turn."""

    def __init__(
        self, index: int, connection: AsyncRealtimeConnection, speech: list[bytes]
    ) -> None:
        """Prepare a caller.

        Args:
            index: Its place among the callers.
            connection: Its own connection.
            speech: The clip, in chunks.
        """
        self._index = index
        self._connection = connection
        self._speech = [_append(chunk) for chunk in speech]
        self._silence = _append(silence(CHUNK_MS))
        self._script: deque[str] = deque()
        self._turn: Turn | None = None
        self._answered = asyncio.Event()
        self.late_s = 0.0
        self.chunks_sent = 0

    async def configure(self) -> None:
        """Set up the session and wait until the server has done so."""
        await self._connection.session.update(session=SESSION)
        async with _patience(0, "the server did not answer session.update"):
            while (await self._receive())["type"] != "session.updated":
                pass

    async def stream(self) -> None:
        """Send a chunk every 20 ms, until cancelled.

        The schedule counts from the first chunk, so a late one does not delay the others.
        """
        await asyncio.sleep(self._index * STAGGER_S)
        start = perf_counter()
        for number in count():
            due = start + number * CHUNK_MS / 1000
            await asyncio.sleep(max(0.0, due - perf_counter()))
            chunk = self._script.popleft() if self._script else self._silence
            now = perf_counter()
            self.late_s = max(self.late_s, now - due)
            self.chunks_sent += 1
            if self._turn and not self._turn.spoken and not self._script:
                self._turn.spoken = now
            await self._connection.send_raw(chunk)

    async def listen(self) -> None:
        """Take the server's events, until cancelled."""
        while True:
            event = await self._receive()
            if event["type"] == "response.done":
                self._complete(event["response"])

    async def hold(self, turns: int) -> list[Turn]:
        """Hold `turns` turns, each as soon as the answer to the one before is complete."""
        return [await self._ask(number) for number in range(turns)]

    async def _ask(self, number: int) -> Turn:
        turn = self._turn = Turn(self._index, number)
        self._answered.clear()
        self._script += [self._silence] * (PAUSE_MS // CHUNK_MS + number) + self._speech
        speaking_s = len(self._script) * CHUNK_MS / 1000 + self._index * STAGGER_S
        async with _patience(speaking_s, f"turn {number + 1} was not answered"):
            await self._answered.wait()
        self._turn = None
        return turn

    async def _receive(self) -> dict[str, Any]:
        """Receive an event, and note the time."""
        message = await self._connection.recv_bytes()
        now = perf_counter()
        event: dict[str, Any] = json.loads(message)
        if event["type"] == "error":
            raise ClientError(f"The server reports an error: {event['error']['message']}")
        name, turn = MILESTONES.get(event["type"]), self._turn
        if name and turn:
            if turn.spoken is None:
                raise ClientError(
                    "The server ended the turn before the clip did. Take one that never pauses "
                    f"for {SILENCE_MS} ms (--wav)."
                )
            turn.arrivals.setdefault(name, now)
        return event

    def _complete(self, response: dict[str, Any]) -> None:
        if self._turn is None:
            return
        if response["status"] != "completed":
            raise ClientError(f"A response is {response['status']}: {response['status_details']}")
        missing = [name for name in MILESTONES.values() if name not in self._turn.arrivals]
        if missing:
            raise ClientError(f"A response is complete, but there was no {', no '.join(missing)}.")
        self._answered.set()


async def measure(
    connect: Connect,
    sessions: int,
    turns: int,
    speech: list[bytes],
    cpu_seconds: Callable[[], float | None],
) -> Measurement:
    """Let some callers speak at once.

    Args:
        connect: Opens a connection.
        sessions: Number of callers.
        turns: Turns of each, with the warm-up.
        speech: The clip, in chunks.
        cpu_seconds: Returns the CPU seconds that the server has used so far.

    Raises:
        ClientError: The server does not answer as it should.
    """
    async with AsyncExitStack() as stack:
        callers = [
            Caller(index, await stack.enter_async_context(connect()), speech)
            for index in range(sessions)
        ]
        for caller in callers:
            await caller.configure()
        cpu_before = cpu_seconds()
        try:
            async with asyncio.TaskGroup() as group:
                # A caller that has finished goes on sending silence, to keep the load constant.
                background = [
                    group.create_task(job)
                    for caller in callers
                    for job in (caller.stream(), caller.listen())
                ]
                held = await asyncio.gather(*(caller.hold(turns) for caller in callers))
                for task in background:
                    task.cancel()
        except ExceptionGroup as problems:
            raise problems.exceptions[0] from None
        cpu_after = cpu_seconds()
        return Measurement(
            turns=[turn for of_caller in held for turn in of_caller],
            late_ms=max(caller.late_s for caller in callers) * 1000,
            session_s=sum(caller.chunks_sent for caller in callers) * CHUNK_MS / 1000,
            cpu_s=None if cpu_before is None or cpu_after is None else cpu_after - cpu_before,
        )


def _append(pcm: bytes) -> str:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


@asynccontextmanager
async def _patience(expected_s: float, problem: str) -> AsyncIterator[None]:
    """Fail if the block takes `PATIENCE_S` longer than expected."""
    try:
        async with asyncio.timeout(expected_s + PATIENCE_S):
            yield
    except TimeoutError:
        raise ClientError(f"Gave up after {PATIENCE_S:g} s: {problem}.") from None
