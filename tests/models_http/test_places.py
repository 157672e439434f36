"""Places: how many work, how many wait, who is refused."""

from __future__ import annotations

import asyncio

import pytest

from models_http.places import Full, Places


class Caller:
    """Holds a place until it is told to leave."""

    def __init__(self, places: Places) -> None:
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._hold(places))

    async def _hold(self, places: Places) -> None:
        async with places.place():
            await self.leave.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_work_and_wait_as_may_and_one_more_is_refused():
    places = Places(2, 1)
    callers = [Caller(places) for _ in range(3)]
    await settled()
    assert (places.running, places.waiting) == (2, 1)
    with pytest.raises(Full):
        places.check()
    with pytest.raises(Full):
        async with places.place():
            pass
    callers[0].leave.set()
    await callers[0].task
    await settled()
    assert (places.running, places.waiting) == (2, 0)
    places.check()
    for caller in callers:
        caller.leave.set()
    await asyncio.gather(*(caller.task for caller in callers))
    assert (places.running, places.waiting) == (0, 0)


async def test_who_gives_up_waiting_or_working_frees_its_place():
    places = Places(1, 1)
    working, waiting = Caller(places), Caller(places)
    await settled()
    waiting.task.cancel()
    await settled()
    assert (places.running, places.waiting) == (1, 0)
    working.task.cancel()
    await settled()
    assert (places.running, places.waiting) == (0, 0)
    async with places.place():
        assert places.running == 1


async def test_without_a_queue_nobody_waits():
    places = Places(1, 0)
    async with places.place():
        with pytest.raises(Full):
            places.check()


async def test_an_engine_may_tell_later_what_it_takes():
    places = Places(1, 0)
    places.widen(2)
    async with places.place(), places.place():
        assert places.running == 2
