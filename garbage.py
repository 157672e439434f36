"""Keeps the garbage collector's pauses short: every session waits while it looks at all objects."""

from __future__ import annotations

import gc

YOUNG = 10_000
"""Objects made before the young ones are looked at. Most of a response's are gone again by then,
and what is not looked at twice does not count as old."""


def settle() -> None:
    """Leave out what is there for good, once a server is ready: libraries and models.

    These are some 180,000 objects; to look through them takes about 100 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
