"""Blocks lie one behind the other, and near the clock."""

from __future__ import annotations

import random

from clients.terminal.timeline import Timeline

RATE = 1000


def test_blocks_follow_each_other_although_they_arrive_early_and_late() -> None:
    line, told = Timeline(RATE, began=5.0), random.Random(1)
    starts = [line.place(20, 5 + 0.02 * n + told.uniform(-0.01, 0.01)) for n in range(500)]
    assert [start - starts[0] for start in starts] == [20 * n for n in range(500)]
    assert abs(starts[0]) <= 10


def test_a_device_that_stops_and_goes_on_leaves_a_gap() -> None:
    line = Timeline(RATE)
    assert line.place(20, 1.0) == 1000
    assert line.place(20, 3.0) == 3000
    assert line.place(20, 3.02) == 3020


def test_after_a_stop_the_clock_counts_however_short_the_gap_is() -> None:
    line = Timeline(RATE)
    line.place(100, 1.0)
    line.break_off()
    assert line.place(20, 1.05) == 1050


def test_a_device_that_counts_too_fast_stays_near_the_clock() -> None:
    line, off = Timeline(RATE), list[float]()
    for number in range(20_000):  # 1 in 1000 too fast: 400 ms in 400 s
        at = 0.02 * number * 0.999
        off.append(line.place(20, at) - line.at(at))
    assert max(map(abs, off)) < 50
