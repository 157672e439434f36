"""The queue of a session's asynchronous work, in order, with back-pressure.

State machines ask for work without waiting. The receive loop, which feeds them, waits for `room`
first when the queue is long, say because a recogniser's service takes audio slowly.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Step = Callable[[], Awaitable[None]]

MANY = 256
"""Queued steps above which there is no room: about 25 s of audio in slices of 100 ms."""


class WorkQueue:
    """Steps that are carried out one after the other."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, step: Step) -> None:
        """Queue a step; never waits."""
        self._steps.append(step)
        self._some.set()
        if len(self._steps) > MANY:
            self._room.clear()

    @property
    def has_room(self) -> bool:
        """Whether the queue is short."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until the queue is short."""
        await self._room.wait()

    async def carry_out(self) -> None:
        """Run queued steps in order, until cancelled."""
        while True:
            await self._some.wait()
            while self._steps:
                step = self._steps.popleft()
                if len(self._steps) <= MANY:
                    self._room.set()
                await step()
                # Steps that never actually wait must not block the event loop.
                await asyncio.sleep(0)
            self._some.clear()
