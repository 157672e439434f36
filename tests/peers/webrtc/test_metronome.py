"""Calls tick every 20 ms, spread over the time, and not at all when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

from peers.webrtc.metronome import Metronome


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until it is moved."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass, and run what is due."""
        self.now += seconds
        # What is due, what that calls soon, and what follows from it.
        for _ in range(8):
            self.call_soon(self.stop)
            self.run_forever()


def beat(clock: Clock, steps: int, metronome: Metronome, calls: int) -> list[tuple[int, float]]:
    """Add calls and let `steps` times 5 ms pass; returns which call ticked when, in ms."""
    ticked: list[tuple[int, float]] = []

    def noted(number: int) -> Callable[[], None]:
        return lambda: ticked.append((number, round(clock.now * 1000)))

    async def add() -> None:
        for number in range(calls):
            metronome.add(noted(number))

    clock.run_until_complete(add())
    for _ in range(steps):
        clock.move(0.005)
    return ticked


def test_every_call_ticks_every_20_ms_and_four_are_spread() -> None:
    clock, metronome = Clock(), Metronome()
    try:
        ticked = beat(clock, 40, metronome, 4)
    finally:
        clock.close()
    times = {number: [at for one, at in ticked if one == number] for number in range(4)}
    assert all(len(at) == 10 for at in times.values())
    assert all(b - a == 20 for at in times.values() for a, b in pairwise(at))
    assert len({at[0] % 20 for at in times.values()}) == 4


def test_a_late_tick_comes_once() -> None:
    clock, metronome = Clock(), Metronome()
    try:
        ticked = beat(clock, 8, metronome, 1)
        before = len(ticked)
        clock.move(3.0)
        assert len(ticked) - before <= 1
        for _ in range(40):
            clock.move(0.005)
        assert 9 <= len(ticked) - before <= 11
    finally:
        clock.close()


def test_without_calls_no_timer_runs() -> None:
    clock, metronome = Clock(), Metronome()
    tick = list[int]().clear

    async def add() -> None:
        metronome.add(tick)

    try:
        clock.run_until_complete(add())
        assert len(metronome) == 1
        metronome.remove(tick)
        metronome.remove(tick)
        assert len(metronome) == 0
        assert metronome._timer is None
    finally:
        clock.close()
