"""A processor of one's own that raises, or is set up wrongly, fails one answer or transcription."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    LLMContextFrame,
    LLMTextFrame,
    StartFrame,
    TextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.filters.null_filter import NullFilter
from pipecat.processors.frame_processor import FrameProcessor

from audio.pcm import silence
from own_processors.places import PLACES
from providers.frames import CompletionFrame, TurnAudioFrame, TurnCommittedFrame
from tests.e2e.processed_sessions import (
    ECHO,
    HEARD,
    OF_ANSWERS,
    OWN,
    TEXT,
    Armed,
    answer,
    failure,
    said,
    session,
    spoken_turn,
    transcripts,
    upper,
)
from tests.own_processors import people
from tests.own_processors.people import Doing, Watcher, watcher
from tests.support.wire_client import PATIENCE_S, speech

NO: Any = None
NO_CONTEXT = "a context that is no LLMContext but NoneType"


@pytest.mark.parametrize(("place", "kind"), OF_ANSWERS)
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (people.raises, "RuntimeError: cannot take it"),
        (people.exits, "SystemExit: gone"),
        (people.is_interrupted, "KeyboardInterrupt: enough"),
        (people.awaits_a_cancelled_task, "CancelledError"),
        (people.gives_up_generating, "GeneratorExit"),
        (people.pushes_an_error, "this is wrong"),
        (people.reports_an_error, "this is wrong"),
    ],
    ids=["raises", "exits", "interrupted", "cancelled", "generator", "pushes", "reports"],
)
async def test_an_error_fails_one_answer_and_names_the_processor(
    place: str, kind: Any, act: Any, reason: str, lines: list[str]
):
    broken = Armed(kind, act)
    async with session(**{place: [IdentityFilter, broken, IdentityFilter]}) as wire:
        before = said_by_the_log(lines)
        message = failure(await answer(wire))
        assert message.startswith(f"The processor Broken (processors.{place}) failed: {reason}")
        broken.on = False
        assert said(await answer(wire)) == TEXT
    told = said_by_the_log(lines)[len(before) :]
    assert any("Broken" in line for line in told)
    assert not any("cannot take it" in line for line in told), "it may quote what was said"


def a_pipeline(*makers: Callable[[], FrameProcessor]) -> FrameProcessor:
    return Pipeline([make() for make in makers])


def branches(*makers: Callable[[], FrameProcessor]) -> FrameProcessor:
    return ParallelPipeline([make() for make in makers], [NullFilter()])


@pytest.mark.parametrize("nest", [a_pipeline, branches])
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (people.raises, "RuntimeError: cannot take it"),
        (people.exits, "SystemExit: gone"),
        (people.pushes_no_frame, "it pushed what is no frame but str"),
        (people.pushes_an_error, "this is wrong"),
    ],
    ids=["raises", "exits", "no-frame", "pushes"],
)
@pytest.mark.parametrize(("place", "kind"), OF_ANSWERS)
async def test_an_error_within_a_nested_pipeline_fails_the_answer(
    nest: Any, act: Any, reason: str, place: str, kind: Any
):
    broken = Armed(kind, act)
    async with session(**{place: [lambda: nest(IdentityFilter, broken)]}) as wire:
        message = failure(await answer(wire))
        name = "Pipeline" if nest is a_pipeline else "ParallelPipeline"
        name = f"Broken in {name} (processors.{place})"
        assert message.startswith(f"The processor {name} failed: {reason}")
        broken.on = False
        assert said(await answer(wire)) == TEXT


async def test_what_is_made_of_several_is_called_by_the_function_that_makes_it():
    def with_manners() -> FrameProcessor:
        return a_pipeline(IdentityFilter, people.doing(LLMTextFrame, people.raises))

    async with session(before_voice=[with_manners]) as wire:
        message = failure(await answer(wire))
    assert message.startswith("The processor Broken in with_manners (processors.before_voice) fai")


async def test_a_nested_pipeline_fails_one_transcription_or_changes_it():
    broken = Armed(TurnAudioFrame, people.raises)
    own: dict[str, Any] = {
        "vad": {"speculative": False},
        "stt": {"provider": f"{OWN}:StreamSTT"},
        "before_recogniser": [lambda: a_pipeline(IdentityFilter, broken)],
        "before_model": [lambda: a_pipeline(IdentityFilter, upper)],
    }
    async with session(**own) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        assert "The processor Broken in Pipeline (processors.before_recogniser)" in message
        broken.on = False
        await wire.append(speech())
        await wire.until("conversation.item.input_audio_transcription.completed")
        assert transcripts(wire)[0].isupper()


@pytest.mark.parametrize(
    ("place", "kind", "act", "reason"),
    [
        ("before_voice", CompletionFrame, people.counts_wrong, "usage is no TokenUsage but int"),
        ("before_client", TTSAudioRawFrame, people.forgets_the_rate, "sample_rate is no number"),
        ("before_model", LLMContextFrame, people.changes_the_context_late, "to a context with"),
    ],
)
async def test_what_a_stage_behind_cannot_take_fails_the_answer_by_the_processors_name(
    place: str, kind: Any, act: Any, reason: str
):
    broken = Armed(kind, act)
    async with session(**{place: [broken]}) as wire:
        message = failure(await answer(wire))
        assert f"Broken (processors.{place}) failed: " in message
        assert reason in message
        broken.on = False
        assert said(await answer(wire)) == TEXT


@pytest.mark.parametrize("place", ["before_voice", "before_client"])
async def test_an_error_of_the_servers_own_stage_fails_the_answer_by_the_processors_name(
    place: str,
):
    class Late(TextFrame):
        """Is a text as long as it is on its way."""

        def __getattribute__(self, name: str) -> Any:
            caller = sys._getframe(1).f_globals["__name__"]
            if name == "text" and caller == "answering.processed_answer":
                return None
            return super().__getattribute__(name)

    async def pushes(one: Doing, _frame: Any) -> bool:
        await one.push_frame(Late("Hello"))
        return False

    broken = Armed(TextFrame, pushes)
    async with session(**{place: [IdentityFilter, broken]}) as wire:
        message = failure(await answer(wire))
        name = f"IdentityFilter (processors.{place}), Broken (processors.{place})"
        assert message.startswith(f"The processor {name} failed: the server cannot go on with")
        broken.on = False
        assert said(await answer(wire)) == TEXT


@pytest.mark.parametrize("place", ["before_voice", "before_client"])
async def test_what_a_push_of_ones_own_makes_of_a_frame_fails_the_answer(place: str):
    async with session(**{place: [people.PushesByItself]}) as wire:
        message = failure(await answer(wire))
        name = f"The processor PushesByItself (processors.{place}) failed: "
        assert message.startswith(f"{name}it pushed what is no frame but str")


def by_itself(kind: Any, pushed: Any) -> Any:
    return lambda: people.PushesByItself(kind, pushed)


@pytest.mark.parametrize(
    ("place", "kind", "pushed", "reason"),
    [
        ("before_model", LLMContextFrame, LLMContextFrame(None), f"it pushed {NO_CONTEXT}"),  # type: ignore[arg-type]
        ("before_model", LLMContextFrame, TTSSpeakFrame(NO), "it pushed a text that is no str"),
        ("before_voice", LLMTextFrame, EndFrame(), "it pushed a frame of its own that ends"),
        ("before_voice", StartFrame, EndFrame(), "it pushed a frame of its own that ends"),
        ("before_voice", CompletionFrame, EndFrame(), "it pushed a frame of its own that ends"),
        ("before_client", TTSAudioRawFrame, EndFrame(), "it pushed a frame of its own that ends"),
        ("before_client", Frame, EndFrame(), "it pushed a frame of its own that ends"),
    ],
)
async def test_so_does_what_it_pushes_in_place_of_what_it_was_given(
    place: str, kind: Any, pushed: Any, reason: str
):
    """What is pushed past the guarded method is judged where it leaves, and by its one name."""
    others = {one: [IdentityFilter] for one in ("before_model", "before_voice") if one != place}
    own = {**others, place: [IdentityFilter, by_itself(kind, pushed), IdentityFilter]}
    async with session(**own) as wire:
        message = failure(await answer(wire))
        name = f"The processor PushesByItself (processors.{place}) failed: "
        assert message.startswith(f"{name}{reason}"), message


async def test_half_a_character_that_is_pushed_in_place_of_a_text_spoils_no_later_answer():
    spoils = {"on": True}

    def make() -> FrameProcessor:
        half = LLMTextFrame("half \ud800")
        return people.PushesByItself(LLMTextFrame, half) if spoils["on"] else IdentityFilter()

    async with session(llm=ECHO, before_client=[make]) as wire:
        assert said(await answer(wire)).startswith("half \ufffd")
        spoils["on"] = False
        assert "assistant: half \ufffd" in said(await answer(wire))


@pytest.mark.parametrize("place", ["before_voice", "before_client"])
async def test_half_a_character_is_replaced_and_the_session_goes_on(place: str):
    broken = Armed(TextFrame, people.halves_a_character)
    async with session(llm=ECHO, **{place: [broken]}) as wire:
        assert said(await answer(wire)).startswith("half \ufffd ")
        broken.on = False
        assert "assistant: half \ufffd" in said(await answer(wire))


@pytest.mark.parametrize("place", PLACES)
async def test_one_that_keeps_the_start_to_itself_is_named_and_deafens_nobody(
    place: str, lines: list[str]
):
    async with session(timeout_s=2, **{place: [people.KeepsStart]}) as wire:
        assert said(await spoken_turn(wire)) == TEXT
        assert transcripts(wire) == ["hello there"]
        assert said(await answer(wire)) == TEXT
    kept = f"The processor KeepsStart (processors.{place}) did not push on the StartFrame"
    assert sum(kept in line for line in lines) == 1, "once, however many answers there are"


def said_by_the_log(lines: list[str]) -> list[str]:
    return [line for line in lines if "failed" in line]


@pytest.mark.parametrize(
    ("place", "kind"),
    [("before_recogniser", TurnCommittedFrame), ("before_model", TranscriptionFrame)],
)
@pytest.mark.parametrize(
    ("act", "timeout_s"),
    [
        (people.raises, 20),
        (people.exits, 20),
        (people.pushes_an_error, 20),
        (people.reports_an_error, 20),
        (people.swallows, 0.3),
    ],
    ids=["raises", "exits", "pushes", "reports", "swallows"],
)
async def test_an_error_fails_one_transcription_and_names_the_processor(
    place: str, kind: Any, act: Any, timeout_s: float
):
    class Always(Doing):
        """Does it each time, also when the turn is recognised again."""

        async def process_frame(self, frame: Any, direction: Any) -> None:
            self._act = act if always["on"] else None
            await super().process_frame(frame, direction)

    always = {"on": True}
    own = {place: [IdentityFilter, lambda: Always(kind, act), IdentityFilter]}
    async with session(timeout_s=timeout_s, **own) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        assert message.startswith(f"The processor Always (processors.{place}) failed: ")
        always["on"] = False
        await wire.append(speech())
        completed = await wire.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello there"


async def test_an_error_while_a_turn_is_spoken_fails_that_turn():
    broken = people.doing(TurnAudioFrame, people.raises)
    ears = {"stt": {"provider": f"{OWN}:StreamSTT"}}
    own: dict[str, Any] = {"vad": {"speculative": False}, "before_recogniser": [broken]}
    async with session(**own, **ears) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        assert (
            "The processor Broken (processors.before_recogniser) failed: RuntimeError"
            in (failed["error"]["message"])
        )
        await wire.append(speech())
        await wire.until("conversation.item.input_audio_transcription.completed")


@pytest.mark.parametrize("place", ["before_model", "before_voice", "before_client"])
async def test_one_that_cannot_be_set_up_fails_the_answer_by_name(place: str):
    async with session(**{place: [people.Unprepared]}) as wire:
        message = failure(await answer(wire))
        assert message.startswith(f"The processor Unprepared (processors.{place}) failed: ")
        assert "the index cannot be reached" in message


@pytest.mark.parametrize("place", ["before_recogniser", "before_model"])
async def test_one_that_cannot_be_set_up_fails_each_transcription_by_name(place: str):
    async with session(**{place: [people.Unprepared]}) as wire:
        for _again in range(2):
            await wire.append(speech())
            failed = await wire.until("conversation.item.input_audio_transcription.failed")
            assert (
                f"The processor Unprepared (processors.{place}) failed"
                in (failed["error"]["message"])
            )


@pytest.mark.parametrize("place", ["before_model", "before_voice", "before_client"])
async def test_one_that_is_never_set_up_fails_the_answer_by_name(place: str):
    soon = {"timeout_s": 0.2, "connect_timeout_s": 0.1, "retries": 0}
    llm = {"provider": "scripted", "options": {"text": TEXT}, **soon}
    others = {one: [IdentityFilter] for one in ("before_model", "before_client") if one != place}
    own: dict[str, Any] = {**others, place: [people.HangsAtSetup]}
    # The model's own time-out would have come before.
    async with session(timeout_s=2.0, llm=llm, **own) as wire:
        message = failure(await answer(wire))
    assert message.startswith(f"The processor HangsAtSetup (processors.{place}) failed: Timeout")
    assert "its setup did not end within 2 s" in message


@pytest.mark.parametrize("place", ["before_recogniser", "before_model"])
async def test_one_that_is_never_set_up_fails_each_transcription_by_name(place: str):
    others = {one: [IdentityFilter] for one in ("before_recogniser", "before_model")}
    own: dict[str, Any] = {**others, place: [people.HangsAtSetup]}
    async with session(timeout_s=0.3, **own) as wire:
        for _again in range(2):
            await wire.append(speech())
            failed = await wire.until("conversation.item.input_audio_transcription.failed")
            assert (
                f"The processor HangsAtSetup (processors.{place}) failed"
                in (failed["error"]["message"])
            )


@pytest.mark.parametrize(("place", "kind"), OF_ANSWERS)
async def test_what_it_raises_is_told_in_one_short_line_without_keys(place: str, kind: Any):
    broken = Armed(kind, people.raises_at_length)
    async with session(**{place: [broken]}) as wire:
        message = failure(await answer(wire))
    assert message.startswith(f"The processor Broken (processors.{place}) failed: ValueError: one ")
    assert len(message) < 1000
    assert message.isprintable()
    assert "somebody-else" not in message


@pytest.mark.parametrize(
    ("place", "kind"),
    [("before_recogniser", TurnCommittedFrame), ("before_model", TranscriptionFrame)],
)
async def test_what_cannot_be_written_fails_one_transcription_too(place: str, kind: Any):
    broken = Armed(kind, people.raises_unsayable)
    async with session(vad={"speculative": False}, **{place: [broken]}) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        assert "Broken" in failed["error"]["message"]
        assert "Unsayable: (RuntimeError" in failed["error"]["message"]
        broken.on = False
        await wire.append(speech())
        await wire.until("conversation.item.input_audio_transcription.completed")


async def test_an_answer_begun_early_that_fails_is_made_anew():
    failed = asyncio.Event()

    async def once(_one: Doing, _frame: Any) -> bool:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("only once")
        return False

    broken = people.doing(LLMContextFrame, once)
    pause = {"vad": {"speculative": True, "silence_duration_ms": 800}}
    async with session(before_model=[broken], turns={"file_mode": False}, **pause) as wire:
        await wire.append(speech(after_ms=300))
        async with asyncio.timeout(PATIENCE_S):
            await failed.wait()
        await wire.update(audio=HEARD)
        await wire.append(silence(900))
        response = (await wire.until("response.done"))["response"]
        assert said(response) == TEXT


def test_watchers_are_apart():
    one, other = watcher(), watcher()
    assert one is not other
    assert issubclass(one, Watcher)
    assert one.made is not other.made
