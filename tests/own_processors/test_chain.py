"""Who of several processors is named, and which job fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pipecat.frames.frames import DataFrame, ErrorFrame, Frame, LLMTextFrame, TextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.frame_processor import FrameProcessor

from own_processors.chain import Chain, Job
from own_processors.places import Processors
from providers.running_pipeline import RunningPipeline
from session.ports import FailureReason
from tests.own_processors.people import doing, hangs, pushes_an_error, raises, swallows


class Jobs(Chain):
    """Each text is a job: it has to come out."""

    def __init__(self, makers: list[Callable[[], FrameProcessor]], timeout_s: float) -> None:
        self.failed: asyncio.Queue[tuple[Job, FailureReason]] = asyncio.Queue()
        built = Processors(before_voice=makers).make("before_voice")
        super().__init__(built, timeout_s, lambda *told: self.failed.put_nowait(told))

    def job(self, frame: Frame) -> Job | None:
        return frame.text if isinstance(frame, TextFrame) else None

    def is_last(self, frame: Frame) -> bool:
        return isinstance(frame, TextFrame)

    async def failure(self) -> tuple[Job, str]:
        async with asyncio.timeout(30):
            job, reason = await self.failed.get()
        return job, reason.message


@asynccontextmanager
async def running(
    *makers: Callable[[], FrameProcessor], timeout_s: float = 0.2
) -> AsyncIterator[tuple[Jobs, RunningPipeline]]:
    chain = Jobs(list(makers), timeout_s)
    pipeline = RunningPipeline(Pipeline(chain.processors), "chain")
    yield chain, pipeline
    await pipeline.stop()
    assert not chain.watches


def direct() -> FrameProcessor:
    return IdentityFilter(enable_direct_mode=True)


async def test_the_innermost_of_those_that_wait_for_each_other_is_named():
    async with running(direct, IdentityFilter, doing(TextFrame, hangs, "Stuck")) as (chain, line):
        await line.push(LLMTextFrame("one"))
        job, message = await chain.failure()
        assert job == "one"
        assert message.startswith("The processor Stuck (processors.before_voice) failed: ")


async def test_the_last_that_got_what_is_due_is_named():
    makers = (IdentityFilter, doing(TextFrame, swallows, "Thief"), IdentityFilter)
    async with running(*makers) as (chain, line):
        chain.entered("one")
        await line.push(LLMTextFrame("one"))
        job, message = await chain.failure()
        assert job == "one"
        assert message.startswith("The processor Thief (processors.before_voice) failed: ")


async def test_all_are_named_where_nothing_came_to_any():
    async with running(IdentityFilter, doing(TextFrame, hangs)) as (chain, _line):
        chain.entered("one")
        job, message = await chain.failure()
        assert job == "one"
        names = "IdentityFilter (processors.before_voice), Broken (processors.before_voice)"
        assert f"The processor {names} failed: " in message


async def test_what_has_come_out_is_not_waited_for():
    async with running(IdentityFilter, timeout_s=0.05) as (chain, line):
        chain.entered("one")
        chain.entered("two")
        chain.left("one")
        await line.push(LLMTextFrame("two"))
        assert (await chain.failure())[0] == "two"
        assert chain.failed.empty()


async def test_an_error_fails_the_job_it_happened_at():
    async with running(doing(TextFrame, raises), timeout_s=30) as (chain, line):
        chain.entered("another")
        await line.push(LLMTextFrame("one"))
        job, message = await chain.failure()
        assert job == "one"
        assert "RuntimeError: cannot take it: one. " in message
        assert chain.failed.empty()


async def test_an_error_of_no_job_fails_those_in_progress():
    async with running(doing(DataFrame, pushes_an_error), timeout_s=30) as (chain, line):
        chain.entered("one")
        chain.entered("two")
        await line.push(DataFrame())
        assert {(await chain.failure())[0], (await chain.failure())[0]} == {"one", "two"}


async def test_an_error_that_is_passed_on_is_told_once():
    makers = (doing(TextFrame, pushes_an_error, "First"), IdentityFilter, direct)
    async with running(*makers, timeout_s=30) as (chain, line):
        await line.push(LLMTextFrame("one"))
        _job, message = await chain.failure()
        assert message.startswith("The processor First ")
        # Somebody else's error.
        await line.push(ErrorFrame("of another stage"))
        await line.push(LLMTextFrame("two"))
        await asyncio.wait_for(_reached(chain, "two"), 30)
        assert chain.failed.empty()


async def _reached(chain: Jobs, text: str) -> None:
    """Wait until the last processor has had a text."""
    came = asyncio.Event()

    async def note(_processor: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, TextFrame) and frame.text == text:
            came.set()

    chain.processors[-1].add_event_handler("on_after_process_frame", note)
    await came.wait()
