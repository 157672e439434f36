"""uvicorn, ending politely: the first signal lets answers finish, the second cuts them.

A third one gives up what will not end even then.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Collection
from types import FrameType

import uvicorn


class DrainingServer(uvicorn.Server):
    """A server that is told when to let nobody in any more, before it closes its connections."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Callable[[], Awaitable[None]],
        hurry: Callable[[], None],
        signals: Collection[int] = (signal.SIGINT, signal.SIGTERM),
    ) -> None:
        """Prepare.

        Args:
            config: uvicorn's configuration.
            drain: Called at the first signal; the server ends when it returns.
            hurry: Called at the second one, to make it return soon.
            signals: Those that end it.
        """
        super().__init__(config)
        self._drain = drain
        self._hurry = hurry
        self._signals = signals
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = 0
        """How often it has been told to end."""
        self._drained: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Remember the loop: signals arrive outside of it."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal. uvicorn would raise it once more at the end, and the exit code be its."""
        if self._loop is not None and sig in self._signals:
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._signalled += 1
        if self._signalled == 1:
            self._drained = asyncio.create_task(self._drain_and_end(), name="drain")
        elif self._signalled == 2:
            self._hurry()
        else:
            self.should_exit = self.force_exit = True

    async def _drain_and_end(self) -> None:
        try:
            await self._drain()
        finally:
            self.should_exit = True
