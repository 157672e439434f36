"""A stream per turn: what `StreamedTurns` makes of services that hear an endless stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory

from config import STTConfig
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.stt.streams import CHUNK_BYTES, StreamEndFrame, StreamSTT, join_text
from session.ports import NO_WISHES, TranscriptionSettings
from tests.providers.stage import HANG_S, Stage, running

SECOND = bytes(range(250)) * 128


@dataclass
class Plan:
    """What one connection does."""

    reachable: bool = True
    """False: connecting takes for ever."""
    refusal: tuple[str, ErrorCategory] | None = None
    """Why it cannot connect."""
    breaks: str | None = None
    """Why it breaks at the first audio."""
    ends_early: bool = False
    languages: tuple[tuple[str, ...], ...] = ()
    """The languages of each final result."""
    results: tuple[str, ...] = ("all of it",)
    """Final results, of which the last comes after the end of the turn."""
    interim: str | None = None
    """An interim result at the first audio."""
    answers: bool = True
    """Whether it says anything after the end of the turn."""
    wants_silence: bool = False
    """Whether it says so only when it hears something behind the end."""


class Line(STTService):
    """A streaming service."""

    def __init__(self, plan: Plan, announces_end: bool) -> None:
        super().__init__(settings=STTSettings(model=None, language=None), ttfs_p99_latency=0.0)
        self.plan = plan
        self.announces_end = announces_end
        self.asked = NO_WISHES
        self.heard: list[bytes] = []
        self.closed = asyncio.Event()
        self.ended = False

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        await super().setup(setup)
        if not self.plan.reachable:
            await asyncio.get_running_loop().create_future()
        if self.plan.refusal:
            await self.push_error(self.plan.refusal[0], category=self.plan.refusal[1])

    async def cleanup(self) -> None:
        await super().cleanup()
        self.closed.set()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        first = not self.heard
        self.heard.append(audio)
        if first and self.plan.breaks:
            await self.push_error(self.plan.breaks, category=ErrorCategory.CONNECTIVITY)
        if first and self.plan.interim:
            yield InterimTranscriptionFrame(self.plan.interim, "", "")
        if first and self.plan.ends_early:
            yield StreamEndFrame()
        if first:
            for text in self.plan.results[:-1]:
                yield self._result(text)
        if self.ended and self.plan.wants_silence:
            await self._answer()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self.ended = True
            if self.plan.answers and not self.plan.wants_silence:
                await self._answer()

    def _result(self, text: str) -> TranscriptionFrame:
        frame = TranscriptionFrame(text, "", "")
        if self.plan.languages:
            frame.metadata["languages"] = self.plan.languages[self.plan.results.index(text)]
        return frame

    async def _answer(self) -> None:
        await self.push_frame(self._result(self.plan.results[-1]))
        if self.announces_end:
            await self.push_frame(StreamEndFrame())


@dataclass
class Switchboard:
    """Connects lines according to plan; the last plan is good for all further ones."""

    plans: list[Plan] = field(default_factory=lambda: [Plan()])
    lines: list[Line] = field(default_factory=list)


class Provider(StreamSTT):
    def __init__(self, board: Switchboard, announces_end: bool = True, **config: Any) -> None:
        super().__init__(STTConfig(**config))
        self.announces_end = announces_end
        self.board = board

    @property
    def label(self) -> str:
        return "switchboard"

    def connect(self, settings: TranscriptionSettings) -> STTService:
        plans = self.board.plans
        line = Line(plans[min(len(self.board.lines), len(plans) - 1)], self.announces_end)
        line.asked = settings
        self.board.lines.append(line)
        return line


def switchboard(*plans: Plan) -> Switchboard:
    return Switchboard(list(plans) or [Plan()])


def transcripts(stage: Stage) -> list[tuple[str, str]]:
    return [
        (frame.metadata["recognition_id"], frame.text) for frame in stage.of(TranscriptionFrame)
    ]


async def outcome(board: Switchboard, **config: Any) -> Stage:
    """Let one turn of a second be transcribed; half of it is heard before its end."""
    async with running(Provider(board, **config).create()) as pipeline:
        await pipeline.push(
            TurnStartedFrame("one"),
            TurnAudioFrame("one", SECOND[:16000]),
            TurnCommittedFrame("one", SECOND),
        )
        stage = pipeline.stage
        waiting = [stage.until(TranscriptionFrame), stage.until(ErrorFrame)]
        tasks = [asyncio.create_task(wait) for wait in waiting]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
    return stage


def failure(stage: Stage) -> ErrorFrame:
    assert not stage.of(TranscriptionFrame)
    (error,) = stage.of(ErrorFrame)
    assert error.metadata["recognition_id"] == "one"
    return error


async def test_a_turn_is_heard_once_in_pieces_and_its_line_is_hung_up():
    board = switchboard()
    stage = await outcome(board)
    assert transcripts(stage) == [("one", "all of it")]
    (line,) = board.lines
    assert b"".join(line.heard) == SECOND
    assert max(len(piece) for piece in line.heard) <= CHUNK_BYTES
    assert line.ended and line.closed.is_set()


async def test_turns_run_in_parallel_on_lines_of_their_own():
    board = switchboard(Plan(results=("first",)), Plan(results=("second",)))
    async with running(Provider(board).create()) as pipeline:
        await pipeline.push(
            TurnStartedFrame("one"),
            TurnAudioFrame("one", b"\1\1"),
            TurnStartedFrame("two"),
            TurnAudioFrame("two", b"\2\2"),
            TurnAudioFrame("one", b"\1\1"),
            TurnCommittedFrame("two", b"\2\2\2\2"),
        )
        await pipeline.stage.until(TranscriptionFrame, recognition_id="two")
        assert not board.lines[0].ended
        await pipeline.push(TurnCommittedFrame("one", b"\1\1\1\1"))
        await pipeline.stage.until(TranscriptionFrame, recognition_id="one")
    assert transcripts(pipeline.stage) == [("two", "second"), ("one", "first")]
    assert [b"".join(line.heard) for line in board.lines] == [b"\1\1\1\1", b"\2\2\2\2"]


@pytest.mark.parametrize("reachable", [True, False])
async def test_a_discarded_turn_is_hung_up_even_while_it_connects(reachable):
    board = switchboard(Plan(reachable=reachable), Plan())
    async with running(Provider(board).create()) as pipeline:
        await pipeline.push(TurnStartedFrame("one"), TurnAudioFrame("one", SECOND))
        await pipeline.push(TurnDiscardedFrame("one"), TurnCommittedFrame("two", SECOND))
        await pipeline.stage.until(TranscriptionFrame, recognition_id="two")
        for line in board.lines:
            async with asyncio.timeout(HANG_S):
                await line.closed.wait()
    assert transcripts(pipeline.stage) == [("two", "all of it")]
    assert not pipeline.stage.of(ErrorFrame)


@pytest.mark.parametrize("reachable", [True, False])
async def test_nothing_is_left_when_the_session_ends_in_the_middle_of_a_turn(reachable):
    board = switchboard(Plan(reachable=reachable))
    before = asyncio.all_tasks()
    async with running(Provider(board, connect_timeout_s=60).create()) as pipeline:
        await pipeline.push(TurnStartedFrame("one"), TurnAudioFrame("one", SECOND))
        async with asyncio.timeout(HANG_S):
            while not board.lines:
                await asyncio.sleep(0)
    assert board.lines[0].closed.is_set()
    assert asyncio.all_tasks() == before


async def test_settings_that_changed_during_the_turn_make_it_heard_again():
    board = switchboard(Plan(results=("wrong language",)), Plan())
    async with running(Provider(board).create()) as pipeline:
        await pipeline.push(
            TurnStartedFrame("one", TranscriptionSettings(("de",))),
            TurnAudioFrame("one", SECOND[:16000]),
            TurnCommittedFrame("one", SECOND, TranscriptionSettings(("fr",), "Bo")),
        )
        await pipeline.stage.until(TranscriptionFrame)
    assert transcripts(pipeline.stage) == [("one", "all of it")]
    assert [line.asked for line in board.lines] == [
        TranscriptionSettings(("de",)),
        TranscriptionSettings(("fr",), "Bo"),
    ]
    assert b"".join(board.lines[1].heard) == SECOND
    assert not board.lines[0].ended and board.lines[0].closed.is_set()


async def test_the_languages_of_all_results_are_told_in_order():
    spoken = (("de",), ("en", "de"), ())
    board = switchboard(Plan(results=("eins", "two", "."), languages=spoken))
    (frame,) = (await outcome(board)).of(TranscriptionFrame)
    assert (frame.text, frame.metadata["languages"]) == ("eins two .", ("de", "en"))


BROKEN = [
    Plan(refusal=("no route", ErrorCategory.CONNECTIVITY)),
    Plan(refusal=("status 503", ErrorCategory.SERVER)),
    Plan(refusal=("odd", ErrorCategory.UNKNOWN)),
    Plan(breaks="cut"),
    Plan(ends_early=True),
    Plan(reachable=False),
    Plan(answers=False),
]


@pytest.mark.parametrize("plan", BROKEN)
async def test_a_failed_line_is_replaced_by_one_that_hears_the_whole_turn(plan):
    board = switchboard(plan, Plan())
    stage = await outcome(board, connect_timeout_s=0.5, timeout_s=0.5)
    assert transcripts(stage) == [("one", "all of it")]
    assert b"".join(board.lines[1].heard) == SECOND
    assert all(line.closed.is_set() for line in board.lines)


@pytest.mark.parametrize("retries", [0, 2])
async def test_it_is_tried_as_often_as_the_settings_say(retries):
    board = switchboard(Plan(refusal=("status 503", ErrorCategory.SERVER)))
    error = failure(await outcome(board, retries=retries))
    assert (error.error, error.category) == ("status 503", ErrorCategory.SERVER)
    assert len(board.lines) == retries + 1


@pytest.mark.parametrize(
    "category",
    [
        ErrorCategory.AUTHENTICATION,
        ErrorCategory.AUTHORIZATION,
        ErrorCategory.INVALID_REQUEST,
        ErrorCategory.RATE_LIMIT,
        ErrorCategory.QUOTA,
    ],
)
async def test_a_refusal_is_not_tried_again(category):
    board = switchboard(Plan(refusal=("no", category)), Plan())
    assert failure(await outcome(board)).category is category
    assert len(board.lines) == 1


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (Plan(reachable=False), "the service could not be reached within 0.2 s"),
        (Plan(answers=False), "the service gave no result within 0.2 s"),
    ],
)
async def test_silence_of_the_service_is_a_failure(plan, reason):
    board = switchboard(plan)
    error = failure(await outcome(board, connect_timeout_s=0.2, timeout_s=0.2))
    assert (error.error, error.category) == (reason, ErrorCategory.CONNECTIVITY)
    assert len(board.lines) == 2


async def test_a_failure_of_a_turn_that_is_discarded_is_none():
    board = switchboard(Plan(breaks="cut"), Plan())
    async with running(Provider(board).create()) as pipeline:
        await pipeline.push(TurnStartedFrame("one"), TurnAudioFrame("one", SECOND))
        await pipeline.push(TurnDiscardedFrame("one"), TurnCommittedFrame("two", SECOND))
        await pipeline.stage.until(TranscriptionFrame, recognition_id="two")
    assert not pipeline.stage.of(ErrorFrame)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Plan(answers=False, interim="half of"), "half of"),
        (Plan(answers=False, results=("The first.", "never")), "The first."),
    ],
)
async def test_what_was_understood_is_used_if_the_end_is_never_confirmed(plan, text):
    board = switchboard(plan)
    assert transcripts(await outcome(board, timeout_s=0.2)) == [("one", text)]
    assert len(board.lines) == 1


async def test_all_results_are_put_together_and_shown_as_they_come():
    board = switchboard(Plan(interim="turn", results=("Turn on", "the light.")))
    stage = await outcome(board)
    assert transcripts(stage) == [("one", "Turn on the light.")]
    interims = [frame.text for frame in stage.of(InterimTranscriptionFrame)]
    assert interims == ["turn", "Turn on", "Turn on the light."]


async def test_without_an_announced_end_the_first_result_after_the_turn_is_the_last():
    board = switchboard(Plan(results=("Turn on", "the light.")))
    stage = await outcome(board, announces_end=False)
    assert transcripts(stage) == [("one", "Turn on the light.")]


async def test_silence_follows_a_turn_for_services_that_want_to_hear_it():
    board = switchboard(Plan(wants_silence=True))
    provider = Provider(board)
    provider.trailing_silence_ms = 100
    async with running(provider.create()) as pipeline:
        await pipeline.push(TurnCommittedFrame("one", SECOND))
        await pipeline.stage.until(TranscriptionFrame)
    assert b"".join(board.lines[0].heard) == SECOND + bytes(CHUNK_BYTES)


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (("Hello", "there."), "Hello there."),
        (("", "Hello", ""), "Hello"),
        (("你好", "世界"), "你好世界"),
        (("你好", "Bo"), "你好Bo"),
    ],
)
def test_pieces_are_joined_as_the_script_is_written(parts, joined):
    assert join_text(*parts) == joined
