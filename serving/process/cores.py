"""How the event loop and the threads that compute share the cores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

SWITCH_INTERVAL_S = 0.0005
"""Seconds that a computing thread may hold the GIL while the event loop wants it. Numpy releases it
many times in a row; at Python's default of 5 ms each, one session with noise reduction, or one
engine, would delay all others."""


@contextmanager
def shared_cores() -> Iterator[None]:
    """Let computing threads leave the event loop its time; BLAS has one thread in the block."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # BLAS's own threads wait for the next product by spinning, and every window of audio brings
    # one: with them a single conversation keeps half a core busy doing nothing.
    with threadpool_limits(1, user_api="blas"):
        yield
