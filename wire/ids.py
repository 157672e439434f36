"""Ids in the service's form (§B)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pybase64

_LETTERS = bytes.maketrans(b"+/", b"xy")
"""Replaces the characters of base64 that are neither letters nor digits."""
_LENGTH = {"call": 16}
_random: ContextVar[Callable[[int], bytes]] = ContextVar("random", default=os.urandom)


def new_id(prefix: str) -> str:
    """Mint an id such as `item_` + 21 base62 characters; at most 32 in all (§B, §F.5.13)."""
    # Every delta needs an id: translating bytes is sixteen times faster than translating text.
    letters = pybase64.b64encode(_random.get()(18)).translate(_LETTERS)
    return f"{prefix}_{letters[: _LENGTH.get(prefix, 21)].decode()}"


@contextmanager
def ids_from(random: Callable[[int], bytes]) -> Iterator[None]:
    """Mint ids of other bytes in the code within, and in the tasks that it begins.

    Args:
        random: Returns as many bytes as it is asked for.
    """
    token = _random.set(random)
    try:
        yield
    finally:
        _random.reset(token)
