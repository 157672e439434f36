"""The queue of frames to a client, with back-pressure.

State machines emit events without waiting. Whatever feeds them (a pipeline, the receive loop) waits
for `room` first when the client reads slowly, so that the queue stays bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from flow.steps import Steps, in_turns

HIGH_WATER_BYTES = 4 * 1024 * 1024
"""Queued bytes above which there is no room: about 60 s of audio."""
STALL_TIMEOUT_S = 30.0
"""Seconds after which a client that reads nothing is disconnected."""


class Writable(Protocol):
    """A frame whose text is written only when it is sent."""

    def __len__(self) -> int:
        """Return the length of the text."""

    def write(self) -> Steps[str]:
        """Return the text, in steps."""


class SlowReader(Exception):
    """The client stopped reading."""


class Outbox:
    """Text frames for one client."""

    def __init__(self) -> None:
        self._frames: deque[str | Writable] = deque()
        self._bytes = 0
        self._finished = False
        self._sending = False
        """Whether a frame waits for the client; only then does the stall time-out apply."""
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, frame: str | Writable) -> None:
        """Queue a frame; never waits. After `finish` it is dropped."""
        if self._finished:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._filled.set()
        if self._bytes > HIGH_WATER_BYTES:
            self._room.clear()

    def finish(self) -> None:
        """Accept no more frames: `drain_into` returns when the queued ones are sent."""
        self._finished = True
        self._filled.set()

    @property
    def has_room(self) -> bool:
        """Whether the queue is below the high-water mark."""
        return self._room.is_set()

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self._bytes

    async def room(self) -> None:
        """Wait until the queue is below the high-water mark."""
        await self._room.wait()

    async def drain_into(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send frames in order; return after `finish`, when all are sent.

        Raises:
            SlowReader: The client took nothing for 30 s.
        """
        while True:
            try:
                async with asyncio.timeout(STALL_TIMEOUT_S) as patience:
                    await self._drain(send, patience)
                return
            except TimeoutError:
                if self._sending:
                    raise SlowReader from None

    async def _drain(
        self, send: Callable[[str], Awaitable[None]], patience: asyncio.Timeout
    ) -> None:
        # One timer for many frames, postponed now and then: one per frame would be too costly.
        clock = asyncio.get_running_loop().time
        put_off = 0.0
        while True:
            await self._filled.wait()
            while self._frames:
                if clock() - put_off > STALL_TIMEOUT_S / 10:
                    put_off = clock()
                    patience.reschedule(put_off + STALL_TIMEOUT_S)
                frame = self._frames.popleft()
                text = frame if isinstance(frame, str) else await in_turns(frame.write())
                self._sending = True
                await send(text)
                self._sending = False
                self._bytes -= len(frame)
                if self._bytes <= HIGH_WATER_BYTES:
                    self._room.set()
            if self._finished:
                return
            self._filled.clear()
