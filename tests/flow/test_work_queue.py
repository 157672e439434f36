"""Work in its order; whoever makes it waits when there is much."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from flow.work_queue import MANY, WorkQueue


async def test_whoever_makes_work_waits_when_there_is_much() -> None:
    work, done, gate = WorkQueue(), list[int](), asyncio.Event()

    async def step(number: int) -> None:
        await gate.wait()
        done.append(number)

    async def make() -> None:
        for number in range(2 * MANY):
            await work.room()
            work.put(partial(step, number))

    carrying = asyncio.create_task(work.carry_out())
    making = asyncio.create_task(make())
    for _ in range(4 * MANY):
        await asyncio.sleep(0)
    assert not making.done()
    gate.set()
    async with asyncio.timeout(20):
        await making
        while len(done) < 2 * MANY:
            await asyncio.sleep(0)
    assert done == list(range(2 * MANY))
    carrying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await carrying
