"""A processor of one's own that hangs, blocks or will not end keeps no session from going on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from pipecat.frames.frames import (
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.filters.null_filter import NullFilter
from pipecat.processors.frame_processor import FrameProcessor

from own_processors import steps
from providers import running_pipeline
from providers.frames import TurnCommittedFrame
from tests.e2e.processed_sessions import (
    HEARD,
    OF_ANSWERS,
    TEXT,
    Armed,
    answer,
    failure,
    said,
    serving,
    session,
    spoken_turn,
    transcripts,
)
from tests.own_processors import people
from tests.own_processors.people import Doing
from tests.support.leftovers import Leftovers
from tests.support.wire_client import client, speech


@pytest.mark.parametrize(
    ("place", "kind", "act"),
    [
        *((place, kind, people.hangs) for place, kind in OF_ANSWERS),
        ("before_model", LLMContextFrame, people.swallows),
        ("before_voice", LLMFullResponseEndFrame, people.swallows),
        ("before_client", LLMFullResponseEndFrame, people.swallows),
    ],
)
async def test_one_that_hangs_or_drops_what_is_due_is_named(place: str, kind: Any, act: Any):
    broken = Armed(kind, act)
    own = {place: [IdentityFilter, broken, IdentityFilter]}
    async with session(timeout_s=0.3, **own) as wire:
        message = failure(await answer(wire))
        assert message.startswith(f"The processor Broken (processors.{place}) failed: ")
        assert "processors.timeout_s" in message
        broken.on = False
        assert said(await answer(wire)) == TEXT


@pytest.mark.parametrize(("place", "kind"), OF_ANSWERS)
async def test_no_stage_is_blamed_for_the_time_of_a_processor(place: str, kind: Any):
    soon = {"timeout_s": 0.2, "connect_timeout_s": 0.1, "retries": 0}
    script = {"provider": "scripted", "options": {"first_token_ms": 5, "word_ms": 1, "text": TEXT}}
    voice = {"provider": "scripted", "options": {"delay_ms": 5, "ms_per_character": 20}}
    stages: dict[str, Any] = {"llm": {**script, **soon}, "tts": {**voice, **soon}}
    own: dict[str, Any] = {place: [people.doing(kind, people.thinks)]}
    async with session(**own, **stages) as wire:
        assert said(await answer(wire)) == TEXT


@pytest.mark.parametrize("beside_first", [True, False])
async def test_a_branch_that_drops_what_is_due_is_named_and_not_the_one_beside_it(
    beside_first: bool,
):
    broken = Armed(LLMFullResponseEndFrame, people.swallows)

    def split() -> FrameProcessor:
        lists: list[list[FrameProcessor]] = [[broken()], [IdentityFilter(), NullFilter()]]
        return ParallelPipeline(*(lists[::-1] if beside_first else lists))

    async with session(timeout_s=0.3, before_voice=[split]) as wire:
        message = failure(await answer(wire))
        name = "Broken in split (processors.before_voice)"
        assert message.startswith(f"The processor {name} failed: what the next stage waits for")
        broken.on = False
        assert said(await answer(wire)) == TEXT


async def test_where_all_branches_drop_what_is_due_all_are_named():
    def split() -> FrameProcessor:
        return ParallelPipeline([NullFilter()], [NullFilter()])

    async with session(timeout_s=0.3, before_voice=[split]) as wire:
        one = "NullFilter in split (processors.before_voice)"
        assert f"The processor {one}, {one} failed" in failure(await answer(wire))


async def test_one_that_drops_everything_is_named():
    async with session(timeout_s=0.3, before_voice=[NullFilter]) as wire:
        assert "The processor NullFilter (processors.before_voice)" in failure(await answer(wire))


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("before_recogniser", TurnCommittedFrame),
        ("before_recogniser", StartFrame),
        ("before_model", TranscriptionFrame),
        ("before_model", StartFrame),
    ],
)
async def test_one_that_hangs_fails_one_transcription_and_hears_the_next_turn(
    place: str, kind: Any
):
    """The session's pipeline has no other: what it is at is given up."""
    own: dict[str, Any] = {"vad": {"speculative": False}, place: [people.doing(kind, people.hangs)]}
    async with session(timeout_s=0.3, **own) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        assert message.startswith(f"The processor Broken (processors.{place}) failed: ")
        assert f"at one {kind.__name__}" in message
        await wire.append(speech())
        completed = await wire.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello there"


@pytest.mark.parametrize(
    ("place", "kind", "act"),
    [
        ("before_recogniser", TurnCommittedFrame, people.awaits_a_cancelled_task),
        ("before_recogniser", StartFrame, people.raises),
        ("before_model", TranscriptionFrame, people.awaits_a_cancelled_task),
        ("before_model", TranscriptionFrame, people.gives_up_generating),
        ("before_model", StartFrame, people.raises),
        ("before_model", StartFrame, people.awaits_a_cancelled_task),
    ],
)
async def test_one_that_raises_what_would_end_its_task_hears_the_next_turn(
    place: str, kind: Any, act: Any
):
    own: dict[str, Any] = {"vad": {"speculative": False}, place: [people.doing(kind, act)]}
    async with session(**own) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        raised = {people.raises: "RuntimeError: cannot", people.gives_up_generating: "GeneratorExi"}
        kind_of_error = raised.get(act, "CancelledError. ")
        assert message.startswith(f"The processor Broken (processors.{place}) failed: ")
        assert kind_of_error in message
        await wire.append(speech())
        completed = await wire.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello there"


@pytest.mark.parametrize(
    "act",
    [people.cancels_itself, people.cancels_itself_at_last, people.is_cancelled_by_its_time_out],
)
@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("before_recogniser", StartFrame),
        ("before_recogniser", TurnCommittedFrame),
        ("before_model", StartFrame),
        ("before_model", TranscriptionFrame),
        ("before_model", LLMContextFrame),
        ("before_voice", LLMTextFrame),
        ("before_client", TTSAudioRawFrame),
    ],
)
async def test_one_that_cancels_its_own_task_and_catches_that_goes_on(
    place: str, kind: Any, act: Any
):
    own: dict[str, Any] = {"vad": {"speculative": False}, place: [Armed(kind, act)]}
    async with session(timeout_s=2, **own) as wire:
        for _turn in range(3):
            assert said(await spoken_turn(wire)) == TEXT
        assert transcripts(wire) == ["hello there"] * 3


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cancelled has to end sooner than usual."""
    monkeypatch.setattr(steps, "GRACE_S", 0.1)


OVERSTAYS = "Broken (processors.{place}) was cancelled and went on: it is ended where it waits"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("place", "kind"), OF_ANSWERS)
async def test_one_that_catches_its_cancellation_keeps_no_session(
    place: str, kind: Any, lines: list[str]
):
    broken = Armed(kind, people.catches_its_cancellation)
    own: dict[str, Any] = {place: [IdentityFilter, broken], "limits": {"sessions": 1}}
    async with serving(timeout_s=0.3, **own) as server:
        leftovers = Leftovers(server)
        async with client(server.url) as wire:
            assert "at one" in failure(await answer(wire))
        await server.emptied()
        broken.on = False
        async with client(server.url) as wire:
            assert said(await answer(wire)) == TEXT
        await server.emptied()
        await leftovers.none()
    assert len([line for line in lines if OVERSTAYS.format(place=place) in line]) == 1


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("place", "kind"),
    [("before_recogniser", TurnCommittedFrame), ("before_model", TranscriptionFrame)],
)
async def test_nor_does_it_keep_a_session_from_its_next_turn(
    place: str, kind: Any, lines: list[str]
):
    broken = people.doing(kind, people.catches_its_cancellation)
    own: dict[str, Any] = {"vad": {"speculative": False}, place: [broken]}
    async with serving(timeout_s=0.3, **own) as server:
        async with client(server.url) as wire:
            await wire.update(audio=HEARD)
            await wire.append(speech())
            failed = await wire.until("conversation.item.input_audio_transcription.failed")
            assert f"at one {kind.__name__}" in failed["error"]["message"]
            await wire.append(speech())
            completed = await wire.until("conversation.item.input_audio_transcription.completed")
            assert completed["transcript"] == "hello there"
        await server.emptied()
    assert len([line for line in lines if OVERSTAYS.format(place=place) in line]) == 1


@pytest.mark.usefixtures("soon")
async def test_a_task_that_nobody_can_end_keeps_no_session(monkeypatch: pytest.MonkeyPatch):
    """One of plain asyncio, which a processor waits for: no guard stands around it."""
    monkeypatch.setattr(running_pipeline, "PATIENCE_S", 0.2)
    over = asyncio.Event()
    tasks: list[asyncio.Task[Any]] = []

    async def never_ends() -> None:
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    async def waits(_one: Doing, _frame: Any) -> bool:
        tasks.append(asyncio.create_task(never_ends()))
        await tasks[0]
        return True

    broken = Armed(LLMTextFrame, waits)
    async with serving(timeout_s=0.3, before_voice=[broken]) as server:
        async with client(server.url) as wire:
            assert "Broken" in failure(await answer(wire))
        await server.emptied()
        assert not tasks[0].done()
        over.set()
        await asyncio.wait(tasks)


async def test_one_that_hangs_within_another_is_given_up_too():
    async def once(one: Doing, frame: Any) -> bool:
        return await people.hangs(one, frame)

    def nested() -> Pipeline:
        inner = people.doing(TurnCommittedFrame, once)()
        return Pipeline([IdentityFilter(), inner])

    own: dict[str, Any] = {"vad": {"speculative": False}, "before_recogniser": [nested]}
    async with session(timeout_s=0.3, **own) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        assert "The processor Broken in nested (processors.before_recogniser)" in message
        await wire.append(speech())
        completed = await wire.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello there"


HELD = "nobody else was heard or answered for so long"


@pytest.mark.parametrize(("place", "kind"), OF_ANSWERS)
async def test_one_that_blocks_everybody_for_too_long_fails_the_answer_by_name(
    place: str, kind: Any, lines: list[str]
):
    broken = Armed(kind, people.blocks)
    async with session(timeout_s=0.3, **{place: [IdentityFilter, broken]}) as wire:
        message = failure(await answer(wire))
        assert message.startswith(f"The processor Broken (processors.{place}) failed: it held the ")
        assert "asyncio.to_thread" in message
        broken.on = False
        assert said(await answer(wire)) == TEXT
    assert sum(HELD in line for line in lines) == 1


async def test_one_that_blocks_everybody_for_less_is_logged_once(lines: list[str]):
    async def each_time(one: Doing, frame: Any) -> bool:
        one._act = each_time
        return await people.blocks(one, frame)

    async with session(before_voice=[people.doing(LLMTextFrame, each_time)]) as wire:
        assert said(await answer(wire)) == TEXT
    assert (
        len([line for line in lines if "Broken" in line and "event loop for 0.4 s: " in line]) == 1
    )


async def test_an_error_in_a_task_of_its_own_is_logged_without_what_it_says(lines: list[str]):
    async def begins_a_task(one: Doing, frame: Any) -> bool:
        one.create_task(people.raises(one, frame))
        return False

    broken = people.doing(LLMTextFrame, begins_a_task)
    async with session(before_voice=[broken]) as wire:
        assert said(await answer(wire)) == TEXT
    told = [line for line in lines if "Broken" in line]
    assert len(told) == 1
    assert "failed in a task of its own: RuntimeError" in told[0]
    assert not any("cannot take it" in line for line in lines)


async def test_one_that_ends_the_program_in_a_task_of_its_own_ends_nothing():
    async def begins_a_task(one: Doing, _frame: Any) -> bool:
        one.create_task(people.exits(one, _frame))
        return False

    broken = people.doing(LLMTextFrame, begins_a_task)
    async with session(before_voice=[broken]) as wire:
        assert said(await answer(wire)) == TEXT
        assert said(await answer(wire)) == TEXT


async def test_one_that_ends_the_program_where_it_is_set_up_fails_the_answer_by_name():
    async with session(before_voice=[people.ExitsAtSetup]) as wire:
        for _again in range(2):
            message = failure(await answer(wire))
            assert message.startswith("The processor ExitsAtSetup (processors.before_voice) failed")
            assert "SystemExit: gone" in message
