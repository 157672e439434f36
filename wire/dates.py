"""The date on the wire: Unix time in seconds (§C.1), which a test may stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_stopped: ContextVar[float | None] = ContextVar("stopped", default=None)


def unix_time() -> float:
    """Return the time now, in seconds."""
    stopped = _stopped.get()
    return time.time() if stopped is None else stopped


@contextmanager
def stopped_at(unix_s: float) -> Iterator[None]:
    """Let it be one date in the code within, and in the tasks that it begins."""
    token = _stopped.set(unix_s)
    try:
        yield
    finally:
        _stopped.reset(token)
