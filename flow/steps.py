"""Long work in short steps: everybody else has their turn in between.

The session never awaits, and its pure functions never do. What takes longer than a few milliseconds
is written as a generator instead; whoever runs it decides what happens between two steps. What does
await, but of things that are always there already, takes a `Breather` along.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")
Steps = Generator[None, None, _Result]
AT_A_STRETCH_S = 0.002
"""How long somebody may work before others have their turn."""


def at_once(steps: Steps[_Result]) -> _Result:
    """Do all of it now."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result


async def in_turns(steps: Steps[_Result]) -> _Result:
    """Do it step by step, with everybody else's work in between."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _Result = done.value
            return result
        await asyncio.sleep(0)


class Breather:
    """Lets others have their turn wherever it is asked after a long stretch of work."""

    def __init__(self) -> None:
        self._began: float | None = None
        """When the stretch began; None: others had their turn since."""

    async def breathe(self) -> None:
        """Go on, or wait until everybody else had their turn."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._others_had_their_turn)
        elif now - self._began > AT_A_STRETCH_S:
            await asyncio.sleep(0)

    def _others_had_their_turn(self) -> None:
        self._began = None
