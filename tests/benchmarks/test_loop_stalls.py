"""One session cannot stop another: the heaviest things a client can ask for, one after the other.

The server runs in a process of its own, so nothing that the client does counts. How long others
wait is compared with what the same machine takes, at the same time, to read the largest event in
one go; a busy machine makes both longer, and of several tries the best counts. The milliseconds
are what `benchmarks/loop_stalls.py` prints.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.loop_stalls import TASKS, Server, Task, at_once_ms, measure, server

TRIES = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Server]:
    async with server() as started:
        yield started


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
async def test_nothing_keeps_the_event_loop_for_long(task: Task, running: Server) -> None:
    ratios: list[float] = []
    while len(ratios) < TRIES and min(ratios, default=1.0) >= 1:
        ratios.append((await measure(running, task)).longest_ms / at_once_ms())
    assert min(ratios) < 1, ratios
