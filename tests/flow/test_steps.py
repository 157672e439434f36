"""Long work in steps: all of it is done, and others have their turn in between."""

from __future__ import annotations

import asyncio

import pytest

from flow import steps
from flow.steps import Breather, Steps, at_once, in_turns


def count_to(last: int, done: list[str]) -> Steps[int]:
    for number in range(last):
        done.append(f"step {number}")
        yield
    return last


async def others(done: list[str], turns: int) -> None:
    for _ in range(turns):
        done.append("other")
        await asyncio.sleep(0)


def test_all_of_it_can_be_done_at_once() -> None:
    done: list[str] = []
    assert at_once(count_to(3, done)) == 3
    assert done == ["step 0", "step 1", "step 2"]


async def test_others_have_their_turn_between_two_steps() -> None:
    done: list[str] = []
    counting = asyncio.create_task(in_turns(count_to(3, done)))
    await asyncio.gather(counting, others(done, 3))
    assert counting.result() == 3
    assert done == ["step 0", "other", "step 1", "other", "step 2", "other"]


@pytest.mark.parametrize(("at_a_stretch_s", "steps_before"), [(-1.0, 1), (3600.0, 20)])
async def test_whoever_has_worked_for_long_takes_a_breath(
    at_a_stretch_s: float, steps_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of no time at all count as long, or as short, by what is called long."""
    monkeypatch.setattr(steps, "AT_A_STRETCH_S", at_a_stretch_s)
    done: list[str] = []

    async def work() -> None:
        breather = Breather()
        for number in range(20):
            await breather.breathe()
            done.append(f"step {number}")

    await asyncio.gather(work(), others(done, 1))
    assert done.index("other") == steps_before
