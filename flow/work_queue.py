"""What a session has to do that may have to wait, in order, with a bound.

State machines ask for work without waiting; whoever makes them do so (the receive loop) waits here
first when much is due, say because a recogniser's service is slow to take what it is given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Step = Callable[[], Awaitable[None]]

MANY = 256
"""Steps that may wait: some 25 s of audio in slices of 100 ms."""


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
        """Whether not much is due."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until not much is due any more."""
        await self._room.wait()

    async def carry_out(self) -> None:
        """Carry out what is put, for ever."""
        while True:
            await self._some.wait()
            while self._steps:
                step = self._steps.popleft()
                if len(self._steps) <= MANY:
                    self._room.set()
                await step()
                # Steps that need not wait after all must not keep others waiting.
                await asyncio.sleep(0)
            self._some.clear()
