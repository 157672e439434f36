"""Measures the event loop's lag: how long one session's work blocks all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

TICK_S = 0.05


@asynccontextmanager
async def watching(on_lag: Callable[[float], None], tick_s: float = TICK_S) -> AsyncIterator[None]:
    """Measure the lag within the block.

    Args:
        on_lag: Takes the seconds that the loop was late for a timer, once per tick.
        tick_s: Seconds between two timers.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def ticked(due: float) -> None:
        nonlocal timer
        on_lag(max(0.0, loop.time() - due))
        timer = arm()

    def arm() -> asyncio.TimerHandle:
        due = loop.time() + tick_s
        return loop.call_at(due, ticked, due)

    timer = arm()
    try:
        yield
    finally:
        timer.cancel()
