"""Settles memory when the server is ready: what loading has left, and the collector's pauses.

A full collection delays every session.
"""

from __future__ import annotations

import ctypes
import gc
import sys

YOUNG = 10_000
"""Allocations between collections of the youngest generation. Most of a response's objects are
freed by then, so few of them are promoted to an older generation."""
OLD = 2
"""Collections of the middle generation per full one. A session's objects reach the oldest
generation and form cycles, so their memory is only freed by a full collection."""


def settle() -> None:
    """Exclude permanent objects (libraries, models) from collections, once the server is ready.

    These are some 180,000 objects, which take about 100 ms to traverse.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, OLD)
    _give_back()


def _give_back() -> None:
    """Return freed memory to the system: models are read through buffers of their own size."""
    if sys.platform == "linux":
        # Only glibc keeps what is freed, and only glibc has this.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
