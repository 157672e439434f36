"""Keeps the garbage collector's pauses short: a full collection delays every session."""

from __future__ import annotations

import gc

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
