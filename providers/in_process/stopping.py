"""Stops an engine in the middle of its computing, whoever runs it and on whichever thread.

An engine's own stream can be left between two pieces of its work. What can be stopped within one
says so by `halted_by`, which finds the stop of the work that it belongs to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Stop:
    """Stops one piece of work, which runs on a thread."""

    def __init__(self) -> None:
        """Prepare."""
        self._lock = threading.Lock()
        self._is_called = False
        self._halt: Callable[[], None] | None = None

    def __call__(self) -> None:
        """Stop the work, from any thread: what it computes now, and what it would compute next."""
        with self._lock:
            self._is_called = True
            if self._halt is not None:
                self._halt()

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Do the work in the block, on the thread that calls."""
        token = _STOP.set(self)
        try:
            yield
        finally:
            _STOP.reset(token)

    @contextmanager
    def _halting(self, halt: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._halt = halt
            if self._is_called:
                halt()
        try:
            yield
        finally:
            with self._lock:
                self._halt = None


_STOP: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def halted_by(halt: Callable[[], None]) -> Iterator[None]:
    """Compute in the block what `halt` ends when the work is stopped; at once if it has been."""
    stop = _STOP.get()
    if stop is None:
        yield
        return
    with stop._halting(halt):
        yield
