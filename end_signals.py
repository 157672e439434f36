"""The signals that tell a process to end, until it is gone.

The interpreter gives signals back to the system before it is gone itself. One that came then would
kill a process that is ending as it was told, and its exit status would be the signal's.
"""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

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
