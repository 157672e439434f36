"""What engines in this process still compute for a call that is over.

Whoever gives up a call stops waiting, but some engines finish what they have begun. Whoever gives
out an engine's time has to know when it is idle: what runs within `watched` is followed there by
the context of its tasks, so that no provider has to hand anything on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any


class _Work:
    """The work of one block."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._unfinished: set[Future[Any]] = set()
        self._then: Callable[[], None] | None = None

    def follow(self, work: Future[Any]) -> None:
        self._unfinished.add(work)
        work.add_done_callback(self._tell)

    def then(self, call: Callable[[], None]) -> None:
        """Call it when nothing is unfinished any more: now, if nothing is."""
        self._then = call
        self._check()

    def _tell(self, work: Future[Any]) -> None:
        # On the engine's thread. Behind a loop that is closed nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over, work)

    def _over(self, work: Future[Any]) -> None:
        self._unfinished.discard(work)
        self._check()

    def _check(self) -> None:
        if not self._unfinished and self._then is not None:
            then, self._then = self._then, None
            then()


_WORK: ContextVar[_Work | None] = ContextVar("engine_work", default=None)


def followed(work: Future[Any]) -> None:
    """Note that an engine's thread has been given work, for whoever watches the caller."""
    watching = _WORK.get()
    if watching is not None:
        watching.follow(work)


@contextmanager
def watched(when_idle: Callable[[], None]) -> Iterator[None]:
    """Watch what engines are given within the block.

    Args:
        when_idle: Called once, on the event loop: at the end of the block, or when the last engine
            is done that was given work within it.
    """
    work = _Work()
    token = _WORK.set(work)
    try:
        yield
    finally:
        _WORK.reset(token)
        work.then(when_idle)
