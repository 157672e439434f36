"""The beat of all calls of a process: one timer, and a tick for each call every 20 ms.

The calls are spread over four phases of 5 ms, so that many of them do not all encode in one moment.
A late tick comes once: what was missed is not made up for, since that would send several frames at
once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL_S = 0.02
_PHASES = 4
_STEP_S = INTERVAL_S / _PHASES


class Metronome:
    """Ticks; the timer runs only while there is somebody to tick for."""

    def __init__(self) -> None:
        self._phases: list[dict[Callable[[], None], None]] = [{} for _ in range(_PHASES)]
        self._phase = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(len(phase) for phase in self._phases)

    def add(self, tick: Callable[[], None]) -> None:
        """Call `tick` every 20 ms from now on."""
        min(self._phases, key=len)[tick] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + _STEP_S
            self._timer = loop.call_at(self._due, self._fire)

    def remove(self, tick: Callable[[], None]) -> None:
        """Call it no more."""
        for phase in self._phases:
            phase.pop(tick, None)
        if self._timer is not None and not len(self):
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        for tick in self._phases[self._phase]:
            # One that fails must not keep the others from ticking.
            loop.call_soon(tick)
        # No wake-up for a phase without calls.
        for steps in range(1, _PHASES + 1):
            phase = (self._phase + steps) % _PHASES
            if self._phases[phase]:
                break
        self._phase = phase
        self._due += steps * _STEP_S
        now = loop.time()
        if now - self._due > INTERVAL_S:
            self._due = now + _STEP_S
        self._timer = loop.call_at(self._due, self._fire)
