"""How many calls an engine is given at a time, and how many wait: further ones are refused at once.

An engine's own queue has no end, and who waits in it for long has given up before the answer comes.
A refusal lets a balancer, or the client's next attempt, find a server with room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):
    """As many calls wait as may."""


class Places:
    """The places of one engine."""

    def __init__(self, parallel: int, queue: int) -> None:
        """Begin with all of them free.

        Args:
            parallel: Calls that are worked on at a time.
            queue: Calls that may wait beside them.
        """
        self.parallel = parallel
        self.queue = queue
        self._free = asyncio.Semaphore(parallel)
        self._running = 0
        self._waiting = 0

    @property
    def running(self) -> int:
        """Calls that are worked on."""
        return self._running

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return self._waiting

    def widen(self, parallel: int) -> None:
        """Set how many calls are worked on at a time, before the first one."""
        self.parallel = parallel
        self._free = asyncio.Semaphore(parallel)

    def check(self) -> None:
        """Raise `Full` if a call would be refused now: before its body is read."""
        if self._running + self._waiting >= self.parallel + self.queue:
            raise Full

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it within the block.

        Raises:
            Full: There is none, and as many calls wait as may.
        """
        self.check()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._free.release()
