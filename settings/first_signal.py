"""Lets SIGTERM end a container's only process from its first moment on.

The kernel ends no process that is number 1 by a signal's usual effect: without a handler of its own
it would hear nothing of `docker stop` while it imports its libraries, which takes seconds, and be
killed when the time for stopping is over. So a program does this before anything else, and this
module imports next to nothing. Any other process is ended by the usual effect, at once too.
"""

from __future__ import annotations

import os
import signal
from types import FrameType


def heed_first_signal() -> None:
    """End at SIGTERM, with status 143, until somebody handles it who has something to finish."""
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    # Nothing has begun that would have to be finished; an exception might be caught by an import.
    os._exit(128 + number)
