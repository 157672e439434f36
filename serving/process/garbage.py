"""Keeps the garbage collector's pauses short: every session waits while it looks at all objects."""

from __future__ import annotations

import gc

YOUNG = 10_000
"""Objects made before the young ones are looked at. Most of a response's are gone again by then,
and what is not looked at twice does not count as old."""
OLD = 2
"""Looks at the middle-aged objects before one at the old ones. Sessions grow old, and what one
leaves behind refers to each other in circles: it stays in the memory until then."""


def settle() -> None:
    """Leave out what is there for good, once a server is ready: libraries and models.

    These are some 180,000 objects; to look through them takes about 100 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, OLD)
