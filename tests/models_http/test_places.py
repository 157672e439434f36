"""Places: how many work, how many wait, who is refused."""

from __future__ import annotations

import asyncio
import threading

import pytest

from models_http.places import Full, Places
from providers.in_process.engine_pool import EnginePool


class Caller:
    """Holds a place until it is told to leave."""

    def __init__(self, places: Places) -> None:
        self.leave = asyncio.Event()
        self.task = asyncio.create_task(self._hold(places))

    async def _hold(self, places: Places) -> None:
        with places.seat() as seat:
            async with seat.place():
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
        places.seat()
    callers[0].leave.set()
    await callers[0].task
    await settled()
    assert (places.running, places.waiting) == (2, 0)
    with places.seat():
        assert places.reading == 1
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
    assert (places.running, places.waiting, places.reading) == (0, 0, 0)
    with places.seat() as first, places.seat():
        async with first.place():
            assert (places.running, places.reading) == (1, 1)
            with pytest.raises(Full):
                places.seat()


async def test_without_a_queue_nobody_waits():
    places = Places(1, 0)
    with places.seat(), pytest.raises(Full):
        places.seat()
    with places.seat():
        assert places.reading == 1


async def test_an_engine_may_tell_later_what_it_takes():
    places = Places(1, 0)
    places.widen(2)
    with places.seat() as first, places.seat() as second:
        async with first.place(), second.place():
            assert places.running == 2


async def test_a_place_is_free_when_the_engine_is_idle():
    """What an engine computes to its end takes its place until then, whoever waits for it."""
    places = Places(1, 0)
    pool = EnginePool("test", 1)
    begun, finish = threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        assert finish.wait(30)

    async def call() -> None:
        with places.seat() as seat:
            async with seat.place():
                await pool.run(compute)

    caller = asyncio.create_task(call())
    assert await asyncio.to_thread(begun.wait, 30)
    caller.cancel()
    await asyncio.wait([caller])
    assert places.running == 1
    with pytest.raises(Full):
        places.seat()
    finish.set()
    async with asyncio.timeout(30):
        while places.running:
            await asyncio.sleep(0)
    with places.seat():
        pass
    pool.close()
