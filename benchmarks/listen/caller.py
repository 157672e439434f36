"""A user with a microphone, and the client that stands between them and the server.

The microphone runs in real time; its clock, the milliseconds of audio sent, dates all that happens.
The client plays what it gets, and stops when the server says that speech has begun, as stock
clients do. It may have a loudspeaker that the microphone hears.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.listen.phrases import Line
from benchmarks.listen.rooms import Echo, EchoPath
from benchmarks.listen.sound import (
    ROOM_DBFS,
    Samples,
    count,
    from_pcm,
    length_ms,
    room_tone,
    to_pcm,
)

CHUNK_MS = 20
_CHUNK = count(CHUNK_MS)
_ROOM_MS = 4000
PATIENCE_S = 30.0

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
CREATED = "response.created"
DONE = "response.done"
DELTA = "response.output_audio.delta"


@dataclass(frozen=True)
class Event:
    """An event of the server."""

    type: str
    at_ms: float
    """Milliseconds of audio that had been sent when it came."""
    data: dict[str, Any]


@dataclass
class Player:
    """What the client plays, and how much of each item the user has heard."""

    queue: list[tuple[str, Samples]] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=dict)
    """Item → samples played of it."""

    @property
    def playing(self) -> bool:
        """Whether there is anything left to play."""
        return bool(self.queue)

    def take(self, length: int) -> Samples:
        """Play so many samples; silence where there is nothing."""
        sound = np.zeros(length, np.float32)
        filled = 0
        while filled < length and self.queue:
            item, samples = self.queue[0]
            piece = samples[: length - filled]
            sound[filled : filled + len(piece)] = piece
            filled += len(piece)
            self.heard[item] = self.heard.get(item, 0) + len(piece)
            if len(piece) == len(samples):
                self.queue.pop(0)
            else:
                self.queue[0] = (item, samples[len(piece) :])
        return sound

    def stop(self) -> tuple[str, int] | None:
        """Drop what is left; return the item that was playing and its milliseconds heard."""
        if not self.queue:
            return None
        item = self.queue[0][0]
        self.queue.clear()
        return item, int(1000 * self.heard.get(item, 0) / count(1000))


class Caller:
    """One session."""

    def __init__(
        self, socket: ClientConnection, seed: int, echo: EchoPath | None, stops: bool
    ) -> None:
        """Start with a quiet room.

        Args:
            socket: The open connection.
            seed: Of the room's hiss.
            echo: How the loudspeaker is heard; None: the user has headphones.
            stops: Whether it stops playing when speech begins.
        """
        self._socket = socket
        self._stops = stops
        self._echo = None if echo is None else Echo(echo)
        self._room = room_tone(_ROOM_MS, seed, ROOM_DBFS)
        self._sounds: list[tuple[int, Samples]] = []
        self._sent = 0
        self._changed = asyncio.Event()
        self.player = Player()
        self.events: list[Event] = []

    @property
    def now_ms(self) -> float:
        """Milliseconds of audio sent."""
        return 1000 * self._sent / count(1000)

    def say(self, sound: Samples | Line, after_ms: float = 0.0) -> tuple[float, float]:
        """Let the microphone hear a sound from now on, or later.

        Returns:
            When it begins and when it ends, in milliseconds of audio.
        """
        samples = sound.samples if isinstance(sound, Line) else sound
        start = self._sent + count(after_ms)
        self._sounds.append((start, samples))
        begin = 1000 * start / count(1000)
        return begin, begin + length_ms(samples)

    async def send(self, type_: str, **fields: Any) -> None:
        """Send an event."""
        await self._socket.send(json.dumps({"type": type_, **fields}))

    async def until(self, holds: Callable[[], Any], ms: float = 1000 * PATIENCE_S) -> bool:
        """Wait until something holds; False if it does not within so many ms of audio."""
        deadline = self.now_ms + ms
        while not holds():
            if self.now_ms >= deadline:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def rest(self, ms: float) -> None:
        """Let time pass."""
        await self.until(lambda: False, ms)

    def since(self, at_ms: float, *types: str) -> list[Event]:
        """Return the events of some types from a moment on."""
        return [one for one in self.events if one.at_ms >= at_ms and one.type in types]

    async def answer(self, text: str, **more: Any) -> None:
        """Have the model say a text, and wait until it can be heard."""
        begun = len(self.player.heard)
        instructions = json.dumps({"say": text, **more})
        await self.send("response.create", response={"instructions": instructions})
        if not await self.until(lambda: len(self.player.heard) > begun):
            raise AssertionError(f"no audio came: {[one.type for one in self.events][-5:]}")

    async def listen(self) -> None:
        """Read events until the connection is closed."""
        async for message in self._socket:
            event = json.loads(message)
            kind = event["type"]
            if kind == "error":
                raise AssertionError(event["error"]["message"])
            if kind == DELTA:
                sound = from_pcm(base64.b64decode(event["delta"]))
                self.player.queue.append((event["item_id"], sound))
                event["delta"] = ""
            self.events.append(Event(kind, self.now_ms, event))
            stopping = self._stops and kind == STARTED
            if stopping and (cut := self.player.stop()) is not None:
                await self.send(
                    "conversation.item.truncate",
                    item_id=cut[0],
                    content_index=0,
                    audio_end_ms=cut[1],
                )
            self._changed.set()

    async def speak(self) -> None:
        """Send what the microphone hears, in real time, for ever."""
        start = perf_counter()
        number = 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, start + number * CHUNK_MS / 1000 - perf_counter()))
            await self._append(self._next_chunk())
            self._changed.set()

    async def pour(self, samples: Samples, chunk_ms: float = 200.0) -> None:
        """Send audio as fast as the server takes it, in chunks; `processed` waits until it has."""
        step = count(chunk_ms)
        for at in range(0, len(samples), step):
            await self._append(samples[at : at + step])

    async def processed(self) -> None:
        """Wait until the server has heard all that was sent, and drop what is not committed."""
        await self.ask("input_audio_buffer.clear", "input_audio_buffer.cleared")

    async def ask(self, type_: str, awaited: str, **fields: Any) -> Event:
        """Send an event, and wait for one of a type that comes behind it."""
        before = len(self.events)
        await self.send(type_, **fields)
        return await self.event(awaited, before)

    async def event(self, type_: str, behind: int) -> Event:
        """Wait for the first event of a type behind the first so many events.

        Raises:
            TimeoutError: It does not come.
        """
        async with asyncio.timeout(4 * PATIENCE_S):
            while not (come := [one for one in self.events[behind:] if one.type == type_]):
                self._changed.clear()
                await self._changed.wait()
        return come[0]

    async def settled(self, seconds: float) -> None:
        """Wait until nothing has come for so long, by the clock on the wall."""
        known = -1
        while known != len(self.events):
            known = len(self.events)
            await asyncio.sleep(seconds)

    def _next_chunk(self) -> Samples:
        at = self._sent % (len(self._room) - _CHUNK)
        chunk = self._room[at : at + _CHUNK].copy()
        played = self.player.take(_CHUNK)
        if self._echo is not None:
            chunk += self._echo.take(played)
        for start, sound in self._sounds:
            skipped = self._sent - start
            if -_CHUNK < skipped < len(sound):
                piece = sound[max(0, skipped) : skipped + _CHUNK]
                into = max(0, -skipped)
                chunk[into : into + len(piece)] += piece
        self._sounds = [one for one in self._sounds if one[0] + len(one[1]) > self._sent + _CHUNK]
        return chunk

    async def _append(self, chunk: Samples) -> None:
        audio = base64.b64encode(to_pcm(chunk)).decode()
        await self.send("input_audio_buffer.append", audio=audio)
        self._sent += len(chunk)


@asynccontextmanager
async def calling(
    url: str,
    detection: dict[str, Any] | None,
    *,
    script: dict[str, Any] | None = None,
    say: str = "Certainly.",
    seed: int = 0,
    echo: EchoPath | None = None,
    live: bool = True,
    stops: bool = True,
    **more: Any,
) -> AsyncIterator[Caller]:
    """Open a session for as long as the block lasts.

    Args:
        url: The server's.
        detection: `turn_detection` of the session.
        script: What the prompted recogniser is told; None: it hears nothing.
        say: What the model says to each turn.
        seed: Of the room's hiss.
        echo: How the loudspeaker is heard.
        live: Whether the microphone runs in real time; otherwise `pour` sends audio.
        stops: Whether the client stops playing when speech begins.
        **more: `voice`, `speed`, `noise_reduction` or `transcription` of the session.

    Raises:
        AssertionError: The server sent an error.
    """
    hearing = {"model": "whisper-1", "prompt": json.dumps(script or {})}
    listening: dict[str, Any] = {
        "transcription": more.pop("transcription", hearing),
        "turn_detection": detection,
    }
    if "noise_reduction" in more:
        listening["noise_reduction"] = {"type": more.pop("noise_reduction")}
    session = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": json.dumps({"say": say, **more.pop("told", {})}),
        "audio": {"input": listening, "output": more},
    }
    async with connect(f"{url}?model=gpt-realtime", max_size=None, proxy=None) as socket:
        caller = Caller(socket, seed, echo, stops)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(caller.listen())]
            await caller.ask("session.update", "session.updated", session=session)
            if live:
                running.append(tasks.create_task(caller.speak()))
            try:
                yield caller
            finally:
                for task in running:
                    task.cancel()


def words_of(line: Line) -> dict[str, Any]:
    """Return what the prompted recogniser is told of a line."""
    begun = 0.0
    words = []
    for word, end_ms in line.words:
        words.append([word, begun, end_ms])
        begun = end_ms
    return {"words": words}
