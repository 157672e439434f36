"""The end of a process that was told to end, when something in it cannot.

An event loop waits for its executor's threads, and the interpreter for all threads, for ever. So
two threads of its own count the time: one says in the log what hangs, the other one ends the
process, even where the log cannot be written. They run from the start: an interpreter that is
ending starts no threads any more.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from loguru import logger

BEYOND_GRACE_S = 10
"""How long the process may go on after the grace period: its sessions are being closed
(`serving/open_sessions.py`), then connections and providers."""
_SAYING_S = 1
"""How long the log, and tidying up, may take."""


class HardEnd:
    """Ends the process, with status 0: it does what it was told."""

    def __init__(self, left: Callable[[], str], tidy: Callable[[], None]) -> None:
        """Be ready to.

        Args:
            left: Says what has not ended yet, for people.
            tidy: Called before the process ends by force, to leave nothing behind.
        """
        self._left = left
        self._tidy = tidy
        # Unlike other ways to tell a thread something, this one may be used by a signal handler
        # that has interrupted another one.
        self._told: SimpleQueue[float] = SimpleQueue()
        self._over = threading.Event()
        self._said = threading.Event()
        for target in (self._end, self._say):
            threading.Thread(target=target, name="hard end", daemon=True).start()

    def within(self, seconds: float) -> None:
        """End the process if it has not ended by then; the earliest time counts."""
        self._told.put(time.monotonic() + seconds)

    def _end(self) -> None:
        ends_at = self._told.get()
        while (left_s := ends_at - time.monotonic()) > 0:
            try:
                ends_at = min(ends_at, self._told.get(timeout=left_s))
            except Empty:
                break
        self._over.set()
        self._said.wait(_SAYING_S)
        os._exit(0)

    def _say(self) -> None:
        self._over.wait()
        logger.warning(f"{self._left()} did not end: the process is ended by force")
        self._tidy()
        self._said.set()


END_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def taking_end_signals(take: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have `take` called with each of them within the block, and after it too once one has come."""
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        take(number, frame)

    before = {number: signal.signal(number, note) for number in END_SIGNALS}
    try:
        yield
    finally:
        if came:
            atexit.register(_ignore)
        else:
            for number, handler in before.items():
                signal.signal(number, handler)


def _ignore() -> None:
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
