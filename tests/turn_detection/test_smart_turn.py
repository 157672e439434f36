"""Questions about pauses: in order, in time or not at all, and never in each other's way (§C.4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from threading import Semaphore

import pytest

from turn_detection import smart_turn
from turn_detection.smart_turn import MOST_WAITING, SmartTurnQueue


class Judge:
    """Judges when it is told to, and tells what it was asked: a sound's length is its verdict."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.go = Semaphore(0)

    def __call__(self, pcm: bytes) -> float:
        self.asked.append(pcm)
        self.go.acquire()
        return len(pcm) / 10


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def queue(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmartTurnQueue]:
    monkeypatch.setattr(smart_turn, "PATIENCE_S", 30.0)
    built = SmartTurnQueue(judge)
    yield built
    for _ in range(100):
        judge.go.release()
    built.close()


async def test_questions_are_answered_in_the_order_in_which_they_are_due(
    queue: SmartTurnQueue, judge: Judge
) -> None:
    asked = [queue.ask(partial(bytes, count)) for count in range(5)]
    for _ in asked:
        judge.go.release()
    assert [await question.answered() for question in asked] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert judge.asked == [bytes(count) for count in range(5)]


async def test_a_question_that_was_taken_back_costs_nothing(
    queue: SmartTurnQueue, judge: Judge
) -> None:
    first, second, third = (queue.ask(partial(bytes, count)) for count in range(3))
    second.take_back()
    judge.go.release()
    judge.go.release()
    assert [await one.answered() for one in (first, second, third)] == [0.0, None, 0.2]
    assert judge.asked == [b"", bytes(2)]


async def test_an_overdue_question_is_not_judged_and_not_waited_for(
    queue: SmartTurnQueue, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = queue.ask(bytes)
    monkeypatch.setattr(smart_turn, "PATIENCE_S", 0.0)
    overdue = queue.ask(partial(bytes, 1))
    # The judge is still busy with the first, which nobody lets go.
    assert await overdue.answered() is None
    monkeypatch.setattr(smart_turn, "PATIENCE_S", 30.0)
    last = queue.ask(partial(bytes, 2))
    judge.go.release()
    judge.go.release()
    assert [await first.answered(), await last.answered()] == [0.0, 0.2]
    assert judge.asked == [b"", bytes(2)]


async def test_of_too_many_questions_the_last_ones_are_not_answered(
    queue: SmartTurnQueue, judge: Judge
) -> None:
    asked = [queue.ask(partial(bytes, 1)) for _ in range(MOST_WAITING + 3)]
    assert [await question.answered() for question in asked[-2:]] == [None, None]
    for _ in asked:
        judge.go.release()
    assert await asyncio.gather(*(one.answered() for one in asked[:-2])) == [0.1] * 33


async def test_a_broken_judge_is_told_where_the_answer_is_awaited_and_the_rest_goes_on(
    queue: SmartTurnQueue, judge: Judge
) -> None:
    def broken() -> bytes:
        raise ValueError("no sound")

    bad, good = queue.ask(broken), queue.ask(partial(bytes, 2))
    judge.go.release()
    with pytest.raises(ValueError, match="no sound"):
        await bad.answered()
    assert await good.answered() == 0.2


async def test_a_judge_that_waited_for_a_core_rests_for_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smart_turn, "PATIENCE_S", 30.0)
    begun: list[float] = []
    ended: list[float] = []

    def waits(pcm: bytes) -> float:
        begun.append(time.monotonic())
        time.sleep(0.05)
        ended.append(time.monotonic())
        return len(pcm) / 10

    queue = SmartTurnQueue(waits)
    try:
        asked = [queue.ask(partial(bytes, count)) for count in (1, 2)]
        assert [await one.answered() for one in asked] == [0.1, 0.2]
        assert begun[1] - ended[0] > 0.04
    finally:
        queue.close()
