"""Threads of in-process engines: streaming, bounds, abandonment and closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from providers.in_process.engine_pool import EnginePool


@pytest.fixture
def pool():
    pool = EnginePool("test", 1)
    yield pool
    pool.close()


async def test_items_come_as_they_are_made(pool):
    received = threading.Event()

    def work() -> Iterator[int]:
        yield 1
        assert received.wait(10)
        yield 2

    async with aclosing(pool.stream(work)) as items:
        assert await anext(items) == 1
        received.set()
        assert [item async for item in items] == [2]


async def test_what_the_engine_raises_comes_after_its_items(pool):
    def work() -> Iterator[int]:
        yield 1
        raise ValueError("no such voice")

    items = pool.stream(work)
    assert await anext(items) == 1
    with pytest.raises(ValueError, match="no such voice"):
        await anext(items)


async def test_an_abandoned_engine_stops_after_its_item_and_queued_work_never_begins(pool):
    made: list[str] = []
    half_way, go_on = threading.Event(), threading.Event()

    def work() -> Iterator[str]:
        yield "first"
        half_way.set()
        assert go_on.wait(10)
        made.append("second")
        yield "second"
        made.append("third")
        yield "third"

    def queued() -> Iterator[str]:
        made.append("queued")
        yield "queued"

    first = pool.stream(work)
    assert await anext(first) == "first"
    await asyncio.to_thread(half_way.wait)
    second = asyncio.create_task(anext(pool.stream(queued)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    await first.aclose()
    go_on.set()
    # The pool has one thread: what it does now comes after all of that.
    await pool.run(lambda: None)
    assert made == ["second"]


async def test_work_that_waits_when_the_pool_closes_says_so():
    pool = EnginePool("test", 1)
    busy, go_on = threading.Event(), threading.Event()

    def work() -> Iterator[int]:
        busy.set()
        assert go_on.wait(10)
        yield 1

    running = pool.stream(work)
    first = asyncio.create_task(anext(running))
    await asyncio.to_thread(busy.wait)
    waiting = asyncio.create_task(anext(pool.stream(work)))
    await asyncio.sleep(0)
    pool.close()
    with pytest.raises(RuntimeError, match="test was closed"):
        await waiting
    go_on.set()
    assert await first == 1
    await running.aclose()
