"""Long work in short steps: a generator that yields wherever others may have their turn.

The session never awaits, and its pure functions never do. What takes longer than a few milliseconds
is written as a generator instead; whoever runs it decides what happens between two steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")
Steps = Generator[None, None, _Result]


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
