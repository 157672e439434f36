"""Ends a process whose shutdown hangs.

An event loop waits for its executor's threads, and the interpreter for all threads, for ever. So
two threads watch the deadline: one logs what hangs, the other ends the process even if logging
blocks. They run from the start, because an interpreter that is shutting down starts no threads.
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
"""Seconds that the process may take after the grace period to close its sessions
(`serving/open_sessions.py`), connections and providers."""
_SAYING_S = 3
"""Seconds that logging and tidying up may take."""


class HardEnd:
    """Ends the process when its deadline has passed."""

    def __init__(self, left: Callable[[], str], tidy: Callable[[], None]) -> None:
        """Start the watching threads; there is no deadline yet.

        Args:
            left: Describes what has not ended yet, for the log.
            tidy: Called before the process ends by force, to leave nothing behind.
        """
        self.status = 0
        """The exit status then; 0 for who serves: the end was asked for."""
        self._left = left
        self._tidy = tidy
        # A SimpleQueue is reentrant, so a signal handler that interrupts another may use it.
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
        os._exit(self.status)

    def _say(self) -> None:
        self._over.wait()
        logger.warning(f"{self._left()} did not end: the process is ended by force")
        self._tidy()
        self._said.set()


END_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def taking_end_signals(take: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `take` with each end signal within the block, and after it too if one has come."""
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
