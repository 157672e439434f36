"""What a guarded processor does to itself alone, and who is named where processors are nested."""

from __future__ import annotations

import asyncio
import time
import warnings
from typing import Any

import pytest
from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, LLMTextFrame, TextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.asyncio.task_manager import TaskManager

from own_processors.guard import Guard, guarded
from own_processors.steps import ProgramEnded, raised
from tests.own_processors.people import Doing, blocks, doing, exits

DOWN = FrameDirection.DOWNSTREAM


class Direct(FrameProcessor):
    """Has what stands behind it run in its own step."""

    def __init__(self, behind: FrameProcessor) -> None:
        super().__init__(enable_direct_mode=True)
        self._behind = behind

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self._behind.process_frame(frame, direction)


@pytest.fixture
def lines() -> Any:
    told: list[str] = []
    sink = logger.add(lambda line: told.append(str(line)), level="WARNING", format="{message}")
    yield told
    logger.remove(sink)


async def test_what_would_end_the_program_keeps_its_cause():
    broken = doing(TextFrame, exits)()
    guarded(broken, "Broken", 20, set())
    with pytest.raises(ProgramEnded) as ended:
        await broken.process_frame(LLMTextFrame("one"), DOWN)
    assert isinstance(raised(ended.value), SystemExit)
    assert str(ended.value) == "SystemExit: gone"


async def test_so_it_does_in_a_processor_within_another():
    inner = doing(TextFrame, exits)()
    guarded(Pipeline([IdentityFilter(), inner]), "Outer", 20, set())
    with pytest.raises(ProgramEnded):
        await inner.process_frame(LLMTextFrame("one"), DOWN)


async def test_who_blocks_is_named_and_not_who_stands_before_it(lines: list[str]):
    inner: Doing = doing(TextFrame, blocks)()
    outer = Direct(inner)
    guards = Guard(outer, "Outer", 20, set()), Guard(inner, "Inner", 20, set())
    await outer.process_frame(LLMTextFrame("one"), DOWN)
    assert guards[0].held_beyond(0.3) is None
    assert (guards[1].held_beyond(0.3) or 0) >= 0.4
    assert guards[1].held_beyond(0.3) is None, "told once"
    assert [line for line in lines if "Inner" in line]
    assert not [line for line in lines if "Outer" in line]


async def test_waiting_is_not_blocking(lines: list[str]):
    async def waits(_one: Doing, _frame: Frame) -> bool:
        await asyncio.to_thread(time.sleep, 0.4)
        return False

    patient = doing(TextFrame, waits)()
    guard = Guard(patient, "Patient", 20, set())
    await patient.process_frame(LLMTextFrame("one"), DOWN)
    assert guard.held_beyond(0.3) is None
    assert not lines


async def test_a_frame_that_ends_the_pipeline_is_passed_on_by_who_got_it():
    one = IdentityFilter()
    guard = Guard(one, "One", 20, set())
    given = EndFrame()
    await one.process_frame(given, DOWN)
    assert guard.lets_out(given)
    assert not guard.lets_out(EndFrame())


async def test_a_task_that_never_began_leaves_nothing():
    one = IdentityFilter(task_manager=TaskManager())
    Guard(one, "One", 20, set())

    async def work() -> None:
        raise AssertionError("never begun")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task = one.create_task(work())
        assert task.get_name().endswith("::work")
        await one.cancel_task(task)
    assert task.cancelled()
