"""The server's states: starting while models load, ready for sessions, draining.

The port is open from the beginning, so that `/health` can say what the server is waiting for.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, Protocol

from loguru import logger

from config import ConfigError
from providers.base import ProviderSetupError
from serving.stacks import Stacks
from settings.localisation import _

State = Literal["starting", "healthy", "draining", "failed"]


class Doors(Protocol):
    """What clients come through beside the server's own socket."""

    async def open(self) -> None:
        """Open; raises `ConfigError`."""

    async def close(self) -> None:
        """Close, also what was never opened."""


def _end_process() -> None:
    signal.raise_signal(signal.SIGTERM)


class Lifecycle:
    """Starts and closes the providers, which all sessions share, and holds the server's state."""

    def __init__(
        self,
        stacks: Stacks,
        announce: Callable[[], Awaitable[None]],
        give_up: Callable[[], None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            stacks: Starts and closes the providers.
            announce: Called when the server is ready, and not waited for.
            give_up: Called when the providers cannot start; None ends the process as a signal
                would.
        """
        self.state: State = "starting"
        self._stacks = stacks
        self._announce = announce
        self._give_up = give_up or _end_process
        self._start_over = asyncio.Event()
        self._drain_begun = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether sessions can be opened."""
        return self.state == "healthy"

    async def started(self) -> None:
        """Wait until the server is ready, or has failed to become so."""
        await self._start_over.wait()

    def drain(self) -> None:
        """Refuse new sessions from now on."""
        if self.ready:
            self.state = "draining"
            self._drain_begun.set()

    async def draining(self) -> None:
        """Wait until new sessions are refused because the server ends."""
        await self._drain_begun.wait()

    @asynccontextmanager
    async def running(self, doors: Doors) -> AsyncIterator[None]:
        """Start the providers in the background; close them when the block ends.

        Args:
            doors: What is opened before, and closed first.
        """
        start = asyncio.create_task(self._start(doors), name="start")
        try:
            yield
        finally:
            start.cancel()
            await asyncio.wait([start])
            await doors.close()
            if self.state in ("healthy", "draining"):
                await self._stacks.close()

    async def _start(self, doors: Doors) -> None:
        try:
            await doors.open()
            await self._stacks.start()
        # uvicorn's own log is off, so a failure to start is logged here.
        except Exception as error:
            logger.opt(exception=True).debug("the start failed")
            kind = (
                ""
                if isinstance(error, ProviderSetupError | ConfigError)
                else f"{type(error).__name__}: "
            )
            told = self._stacks.redacted(f"{kind}{error}")
            print(_("error: {error}").format(error=told), file=sys.stderr, flush=True)
            self.state = "failed"
            self._give_up()
        else:
            self.state = "healthy"
            self._start_over.set()
            await self._announce()
        finally:
            self._start_over.set()
