"""How many calls an engine is given at a time, and how many wait: further ones are refused at once.

An engine's own queue has no end, and who waits in it for long has given up before the answer comes.
A refusal lets a balancer, or the client's next attempt, find a server with room. So a call takes a
seat before its request is read, and leaves it when the engine is done with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

from providers.in_process.engine_work import watched


class Full(Exception):
    """As many calls have come as may."""


class Places:
    """The places of one engine, and the seats of those who wait for one."""

    def __init__(self, parallel: int, queue: int) -> None:
        """Begin with all of them free.

        Args:
            parallel: Calls that are worked on at a time.
            queue: Calls that may wait beside them, or be on their way in.
        """
        self.parallel = parallel
        self.queue = queue
        self._free = asyncio.Semaphore(parallel)
        self._seated = 0
        self._running = 0
        self._waiting = 0

    @property
    def running(self) -> int:
        """Calls that are worked on, also those whose client has gone while the engine computes."""
        return self._running

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return self._waiting

    @property
    def reading(self) -> int:
        """Calls whose request is still being read."""
        return self._seated - self._running - self._waiting

    def widen(self, parallel: int) -> None:
        """Set how many calls are worked on at a time, before the first one."""
        self.parallel = parallel
        self._free = asyncio.Semaphore(parallel)

    def seat(self) -> Seat:
        """Return a seat: `with places.seat() as seat`, in which it may be given a place.

        Raises:
            Full: There is none.
        """
        if self._seated >= self.parallel + self.queue:
            raise Full
        self._seated += 1
        return Seat(self)

    async def _enter(self) -> None:
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        self._running += 1

    def _leave(self, *, was_placed: bool) -> None:
        self._seated -= 1
        if was_placed:
            self._running -= 1
            self._free.release()


class Seat:
    """One call's seat, which it leaves at the end of the block, or when it has had its place."""

    def __init__(self, places: Places) -> None:
        """Sit down; `Places.seat` does it."""
        self._places = places
        self._is_placed = False

    def __enter__(self) -> Self:
        """Keep the seat."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Leave it, unless there is a place to leave first."""
        if not self._is_placed:
            self._places._leave(was_placed=False)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it within the block, and until the engine is idle behind it.

        Some engines compute what they have begun to its end, though the client has gone: the next
        call would share its cores with a dead one.
        """
        await self._places._enter()
        self._is_placed = True
        with watched(partial(self._places._leave, was_placed=True)):
            yield
