"""Long work in short steps, so that it does not block the event loop.

The session and its pure functions never await. What takes longer than a few milliseconds is written
as a generator instead, and the caller decides what happens between two steps. Coroutines whose
awaits never actually wait use a `Breather`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")
Steps = Generator[None, None, _Result]
AT_A_STRETCH_S = 0.002
"""Longest work, in seconds, before a `Breather` yields to the event loop."""


def at_once(steps: Steps[_Result]) -> _Result:
    """Run all steps now."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result


async def in_turns(steps: Steps[_Result]) -> _Result:
    """Run the steps one by one, yielding to the event loop in between."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result
        await asyncio.sleep(0)


class Breather:
    """Yields to the event loop after a long stretch of work."""

    def __init__(self) -> None:
        self._began: float | None = None
        """When the stretch of work began; None: the event loop has run other work since."""

    async def breathe(self) -> None:
        """Yield to the event loop if the stretch is longer than `AT_A_STRETCH_S`."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._loop_ran)
        elif now - self._began > AT_A_STRETCH_S:
            await asyncio.sleep(0)

    def _loop_ran(self) -> None:
        self._began = None
