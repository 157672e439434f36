"""What a coroutine of somebody's own may catch, and what it may not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import pytest

from own_processors import steps
from own_processors.steps import ContainedCoroutine, ProgramEnded, Step, raised, running_step


class Owner:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.steps = 0
        self.stays = 0

    def took(self, step: Step) -> None:
        self.steps += 1

    def overstayed(self) -> None:
        self.stays += 1


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "GRACE_S", 0.05)


async def started(coroutine: Coroutine[Any, Any, Any], owner: Owner) -> asyncio.Task[Any]:
    """Run it in a task, to its first `await`."""

    async def run() -> Any:
        return await ContainedCoroutine(coroutine, owner)

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    return task


async def test_a_cancellation_that_nobody_asked_for_is_an_exception():
    async def awaits_a_cancelled_task() -> None:
        task = asyncio.create_task(asyncio.sleep(0))
        task.cancel()
        await task

    with pytest.raises(ProgramEnded) as ended:
        await ContainedCoroutine(awaits_a_cancelled_task(), Owner())
    assert isinstance(raised(ended.value), asyncio.CancelledError)


async def test_one_that_was_asked_for_is_none():
    owner = Owner()
    task = await started(asyncio.sleep(60), owner)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert owner.stays == 0


async def test_what_returns_although_it_is_cancelled_is_cancelled():
    async def returns() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "done"

    task = await started(returns(), Owner())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_waits_on_is_ended_where_it_waits():
    ended: list[str] = []

    async def waits_on() -> None:
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        finally:
            ended.append("tidied up")

    owner = Owner()
    task = await started(waits_on(), owner)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["tidied up"]
    assert owner.stays == 1


async def test_so_is_what_catches_everything():
    over = asyncio.Event()

    async def catches_everything() -> None:
        while not over.is_set():
            try:
                await asyncio.Event().wait()
            except BaseException:
                continue

    owner = Owner()
    task = await started(catches_everything(), owner)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert owner.stays == 1
    over.set()


async def test_a_time_out_around_it_still_tells_that_it_was_one():
    async def waits_on() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ContainedCoroutine(waits_on(), Owner())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_time_out_of_its_own_is_its_own_affair():
    async def asks_again_and_again() -> str:
        for _again in range(3):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.03):
                    await asyncio.Event().wait()
        return "done"

    owner = Owner()
    assert await ContainedCoroutine(asks_again_and_again(), owner) == "done"
    assert owner.stays == 0


async def test_who_stays_is_told_and_not_who_waits_for_it():
    async def inner() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    owners = Owner(), Owner()

    async def outer() -> None:
        await ContainedCoroutine(inner(), owners[1])

    task = await started(outer(), owners[0])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [owner.stays for owner in owners] == [0, 1]


async def test_what_began_within_a_step_keeps_nothing_of_its_owner():
    kept: list[Step | None] = []

    async def notes() -> None:
        kept.append(running_step())

    await ContainedCoroutine(notes(), Owner())
    assert kept[0] is not None
    assert kept[0].owner is None


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)


async def test_what_it_asks_of_its_own_task_is_taken_back():
    async def twice() -> str:
        await cancels_itself()
        await cancels_itself()
        return "done"

    owner = Owner()
    assert await ContainedCoroutine(twice(), owner) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert owner.stays == 0


@pytest.mark.parametrize("error", [None, ValueError, asyncio.CancelledError])
async def test_so_is_what_it_asks_as_the_last_that_it_does(error: type[BaseException] | None):
    async def asks() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if error is not None:
            raise error
        return "done"

    async def outer() -> Any:
        return await ContainedCoroutine(asks(), Owner())

    if error is None:
        assert await ContainedCoroutine(outer(), Owner()) == "done"
    else:
        with pytest.raises(ProgramEnded if error is asyncio.CancelledError else error):
            await ContainedCoroutine(outer(), Owner())
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_one_that_does_so_still_ends_when_others_ask():
    async def waits_on() -> None:
        await cancels_itself()
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    owner = Owner()
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ContainedCoroutine(waits_on(), owner)
    assert task.cancelling() == 0
    assert owner.stays == 1


async def test_who_knows_how_often_others_asked_is_believed():
    asked = 0

    async def is_cancelled_by_its_time_out() -> str:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "done"

    task = asyncio.current_task()
    assert task is not None
    known = ContainedCoroutine(is_cancelled_by_its_time_out(), Owner(), asked=lambda _task: asked)
    assert await known == "done"
    assert task.cancelling() == 0
    asked = 1
    with pytest.raises(asyncio.CancelledError):
        await ContainedCoroutine(is_cancelled_by_its_time_out(), Owner(), asked=lambda _task: asked)
    assert task.uncancel() == 0
