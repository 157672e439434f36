"""Processors of one's own at every place, through the socket: what they change, and how they fail.

`README.md`, "Your own processors", has the table of what passes where.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    StartFrame,
    TextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_text_processor import LLMTextProcessor
from pipecat.processors.aggregators.sentence import SentenceAggregator
from pipecat.processors.filters.frame_filter import FrameFilter
from pipecat.processors.filters.function_filter import FunctionFilter
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.filters.null_filter import NullFilter
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.processors.logger import FrameLogger
from pipecat.processors.text_transformer import StatelessTextTransformer

from answering import response_pipeline
from audio.pcm import silence
from hearing import recogniser_pipeline
from own_processors import steps
from own_processors.places import PLACES, Processors
from pipeline_manager import PipelineManager
from providers import running_pipeline
from providers.frames import CompletionFrame, TurnAudioFrame, TurnCommittedFrame
from tests.own_processors import people
from tests.own_processors.people import Doing, Watcher, watcher
from tests.support.leftovers import Leftovers
from tests.support.places import ROOT
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.wire_client import PATIENCE_S, WireClient, client, speech

OWN = "tests.providers.own_backends"
ECHO = {"provider": f"{OWN}:EchoLLM"}
"""A model that says what it is asked."""
TEXT = "Well, this is fine. A second sentence, and 3.5 more!"
HEARD = {"input": {"transcription": {"model": "whisper-1"}}}
TOOLS = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]


@asynccontextmanager
async def serving(timeout_s: float = 20, **places: Any) -> AsyncIterator[RunningServer]:
    """The server with processors; a place that is none of theirs is a group of settings."""
    groups = {name: places.pop(name) for name in list(places) if name not in PLACES}
    settings = scripted_settings(**{"llm": {"text": TEXT}, **groups})
    processors = Processors(**places, timeout_s=timeout_s)
    async with running(settings, PipelineManager(settings, processors=processors)) as server:
        yield server


@asynccontextmanager
async def session(**options: Any) -> AsyncIterator[WireClient]:
    async with serving(**options) as server, client(server.url) as wire:
        await wire.update(audio=HEARD)
        yield wire


async def answer(wire: WireClient, text: str = "Hello") -> dict[str, Any]:
    await wire.say(text)
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


async def spoken_turn(wire: WireClient) -> dict[str, Any]:
    """Say something; return the response, behind the transcript of what was said."""
    await wire.append(speech())
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


def said(response: dict[str, Any]) -> str:
    content = response["output"][0]["content"][0]
    return str(content.get("transcript", content.get("text")))


def failure(response: dict[str, Any]) -> str:
    assert response["status"] == "failed", response
    return str(response["status_details"]["error"]["message"])


def audio_of(wire: WireClient, since: int = 0) -> bytes:
    deltas = [e for e in wire.events[since:] if e["type"] == "response.output_audio.delta"]
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


def transcripts(wire: WireClient) -> list[str]:
    completed = wire.of("conversation.item.input_audio_transcription.completed")
    return [str(event["transcript"]) for event in completed]


def upper() -> FrameProcessor:
    return StatelessTextTransformer(str.upper)


# --- what passes, and what is changed ------------------------------------------------------------


async def test_the_table_of_the_readme_has_what_passes_at_each_place():
    watchers = {place: watcher() for place in PLACES}
    voice = {"provider": f"{OWN}:ToneTTS"}
    ears = {"provider": f"{OWN}:StreamSTT"}
    tool = {"text": TEXT, "tool": "look"}
    async with session(
        llm=tool, stt=ears, tts=voice, **{place: [one] for place, one in watchers.items()}
    ) as wire:
        await wire.update(tools=TOOLS)
        response = await spoken_turn(wire)
        assert [item["type"] for item in response["output"]] == ["message", "function_call"]
    for readme, word in (("README.md", "before_"), ("README.zh-CN.md", "before_")):
        text = (ROOT / readme).read_text(encoding="utf-8")
        rows = re.findall(rf"^\| `({word}\w+)` \|(.*)$", text, re.MULTILINE)
        named: dict[str, set[str]] = {}
        for place, row in rows:
            named.setdefault(place, set()).update(re.findall(r"`(\w+Frame)`", row))
        for place, one in watchers.items():
            usual = {"StartFrame", "CancelFrame", "TTSTextFrame"}
            seen = {kind for kind in one.kinds() if "Metadata" not in kind} - usual
            assert seen <= named[place], place
            rare = {"ErrorFrame", "TurnDiscardedFrame", "InterimTranscriptionFrame"}
            assert named[place] - rare - {"WordTimesFrame", "LLMThoughtTextFrame"} <= seen, place


async def test_a_transcript_is_changed_for_the_client_and_for_the_model():
    async with session(llm=ECHO, before_model=[people.Corrected]) as wire:
        response = await spoken_turn(wire)
        assert transcripts(wire) == ["hello Theresa"]
        assert "user: hello Theresa" in said(response)


async def test_what_is_added_for_the_model_stays_out_of_the_conversation():
    class Adds(people.Watcher):
        async def process_frame(self, frame: Any, direction: Any) -> None:
            if isinstance(frame, LLMContextFrame):
                frame.context.add_message({"role": "user", "content": f"note {len(self.made)}"})
                # What is changed in place is not the conversation's either.
                first: dict[str, Any] = frame.context.get_messages()[0]  # type: ignore[assignment]
                first["content"] += " (changed)"
            await super().process_frame(frame, direction)

    async with session(llm=ECHO, before_model=[Adds]) as wire:
        await wire.update(output_modalities=["text"])
        first = said(await answer(wire, "One"))
        assert re.search(r"user: One \(changed\) / user: note \d+$", first)
        second = said(await answer(wire, "Two"))
        assert "user: One (changed) / assistant: " in second
        assert second.count("note") == 2, "the first answer's own words, and one note of its own"


@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_text_is_changed_before_the_voice_clause_by_clause(modality: str):
    async with session(before_voice=[people.Counting]) as wire:
        await wire.update(output_modalities=[modality])
        for _again in range(2):
            # Each answer begins to count anew.
            assert said(await answer(wire)) == (
                " 1:Well, 2: this is fine. 3: A second sentence, and 3.5 more!"
            )


async def test_what_the_client_reads_may_differ_from_what_is_said():
    async with session() as wire:
        await answer(wire)
        plain = audio_of(wire)
    async with session(before_client=[upper]) as wire:
        assert said(await answer(wire)) == TEXT.upper()
        assert audio_of(wire) == plain


async def test_the_answers_audio_is_changed():
    async with session() as wire:
        await answer(wire)
        plain = np.frombuffer(audio_of(wire), np.int16)
    async with session(before_client=[people.Louder]) as wire:
        assert said(await answer(wire)) == TEXT
        assert np.array_equal(np.frombuffer(audio_of(wire), np.int16), plain * 2)


@pytest.mark.parametrize("place", ["before_model", "before_voice"])
async def test_processors_may_say_more(place: str):
    async with session(**{place: [people.Talkative]}) as wire:
        whole = {
            "before_model": f"Let me see. {TEXT}",
            "before_voice": f"{TEXT} That is all.",
        }
        before = len(wire.events)
        assert said(await answer(wire)) == whole[place]
        longer = len(audio_of(wire, before))
        assert longer >= len(TEXT.replace(" ", "")) * 20 * 48 + 20 * 48 * len("Let me see")


async def test_tool_calls_keep_their_place_and_their_arguments():
    script = {"text": TEXT, "tool": "look", "arguments": '{"where": "there"}'}
    everywhere = {place: [IdentityFilter, upper] for place in PLACES if place != "before_client"}
    async with session(llm=script, before_client=[IdentityFilter], **everywhere) as wire:
        await wire.update(tools=TOOLS)
        message, call = (await answer(wire))["output"]
        assert message["content"][0]["transcript"] == TEXT.upper()
        assert (call["name"], call["arguments"]) == ("look", '{"where": "there"}')


# --- stock processors of Pipecat's ----------------------------------------------------------------


async def no_emoji(text: str, _kind: Any) -> str:
    return text.replace("fine", "good")


async def no_second(frame: Any) -> bool:
    return "second" not in getattr(frame, "text", "")


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ({place: [FrameLogger, IdentityFilter] for place in PLACES}, TEXT),
        ({"before_voice": [upper]}, TEXT.upper()),
        (
            {"before_voice": [lambda: LLMTextProcessor(text_transforms=[("*", no_emoji)])]},
            TEXT.replace("fine", "good"),
        ),
        ({"before_voice": [lambda: FunctionFilter(no_second)]}, "Well, this is fine."),
        ({"before_voice": [SentenceAggregator]}, TEXT),
        ({"before_voice": [lambda: FrameFilter((TextFrame, LLMFullResponseEndFrame))]}, TEXT),
        ({"before_client": [lambda: FunctionFilter(no_second)]}, "Well, this is fine."),
    ],
    ids=["log", "transformer", "processor", "function", "sentences", "frames", "client"],
)
@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_stock_processors_of_an_answer(places: dict[str, Any], text: str, modality: str):
    async with session(**places) as wire:
        await wire.update(output_modalities=[modality])
        assert said(await answer(wire)).strip() == text
        assert bool(audio_of(wire)) == (modality == "audio")


async def test_a_stock_processor_of_transcripts():
    async with session(llm=ECHO, before_model=[upper]) as wire:
        response = await spoken_turn(wire)
        assert transcripts(wire) == ["HELLO THERE"]
        assert "user: HELLO THERE" in said(response)


@pytest.mark.parametrize("ears", ["SegmentSTT", "StreamSTT"])
async def test_an_audio_filter_of_pipecats_before_the_recogniser(ears: str):
    heard = watcher()
    settings = {"stt": {"provider": f"{OWN}:{ears}"}}
    async with session(before_recogniser=[people.Quiet, heard], **settings) as wire:
        await spoken_turn(wire)
    frames = [frame for one in heard.made for frame in one.seen]
    turns = [frame for frame in frames if isinstance(frame, TurnCommittedFrame)]
    assert turns
    assert all(len(turn.audio) > 16000 and not any(turn.audio) for turn in turns)


async def test_an_audio_filter_of_pipecats_before_the_client():
    async with session(before_client=[people.Quiet]) as wire:
        assert said(await answer(wire)) == TEXT
        assert len(audio_of(wire)) >= 48000
        assert not any(audio_of(wire))


# --- what stays as it is --------------------------------------------------------------------------


async def test_without_processors_there_is_nothing_of_them(monkeypatch: pytest.MonkeyPatch):
    def none(*_arguments: Any) -> None:
        raise AssertionError("nothing was asked for")

    for module, name in (
        (response_pipeline, "processed_stages"),
        (response_pipeline, "ModelInput"),
        (recogniser_pipeline, "TurnChain"),
        (recogniser_pipeline, "TranscriptChain"),
    ):
        monkeypatch.setattr(module, name, none)
    async with session() as wire:
        assert said(await spoken_turn(wire)) == TEXT


@pytest.mark.parametrize(
    ("voice", "times"),
    [
        ({}, (900, 700, 350)),
        # By its own word times: letters alone would take other words for heard.
        ({"provider": "tests.own_processors.people:SlowThenFastVoices"}, (4050, 2050, 1050)),
    ],
    ids=["by-letters", "by-word-times"],
)
async def test_what_was_heard_of_an_answer_is_known_as_well(
    voice: dict[str, str], times: tuple[int, ...]
):
    """A clause, its words and the audio that speaks it stay together (§A.8)."""
    kept = []
    passing: dict[str, Any] = {place: [IdentityFilter] for place in PLACES}
    changing: dict[str, Any] = {"before_voice": [upper]}
    for own in ({}, passing, changing):
        async with session(llm=ECHO, tts=voice, **own) as wire:
            item = (await answer(wire, "One two three. Four five six; seven eight."))["output"][0]
            parts = []
            for ms in times:
                place = {"item_id": item["id"], "content_index": 0}
                await wire.send("conversation.item.truncate", **place, audio_end_ms=ms)
                await wire.until("conversation.item.truncated")
                again = {"conversation": "none", "output_modalities": ["text"]}
                await wire.send("response.create", response=again)
                told = said((await wire.until("response.done"))["response"])
                parts.append(re.sub(r".*assistant: ", "", told, flags=re.IGNORECASE))
            kept.append(parts)
    plain, passed, changed = kept
    assert plain == passed
    assert [text.upper() for text in plain] == changed
    assert len(set(plain)) == 3


async def test_an_answer_that_was_begun_early_runs_through_them_once():
    seen = {place: watcher() for place in PLACES}
    async with session(
        vad={"speculative": True}, **{place: [one] for place, one in seen.items()}
    ) as wire:
        response = await spoken_turn(wire)
        assert response["status"] == "completed"
    contexts = [
        frame
        for one in seen["before_model"].made
        for frame in one.seen
        if isinstance(frame, LLMContextFrame)
    ]
    ends = [
        frame
        for one in seen["before_client"].made
        for frame in one.seen
        if isinstance(frame, LLMFullResponseEndFrame)
    ]
    assert len(contexts) >= len(ends) == 1


async def test_cancelled_and_interrupted_answers_leave_nothing_behind():
    slow: dict[str, Any] = {"llm": {"text": "A word. " * 300, "word_ms": 5}}
    everywhere: dict[str, Any] = {place: [IdentityFilter, FrameLogger] for place in PLACES}
    async with serving(**everywhere, **slow) as server:
        leftovers = Leftovers(server)
        async with client(server.url) as wire:
            for _again in range(3):
                await wire.say("Hello")
                await wire.until("response.output_audio.delta")
                await wire.send("response.cancel")
                done = (await wire.until("response.done"))["response"]
                assert done["status"] == "cancelled"
            await wire.say("Hello")
            await wire.until("response.output_audio.delta")
            await wire.append(speech())
            done = (await wire.until("response.done"))["response"]
            assert done["status_details"]["reason"] == "turn_detected"
        await server.emptied()
        await leftovers.none()


async def test_a_long_answer_is_not_held_up_by_audio_that_became_shorter():
    """A voice may be 2 MiB ahead: what is on its way is counted as it is, and not as it was."""

    async def every_second(frame: Any) -> bool:
        if isinstance(frame, TTSAudioRawFrame):
            every_second.count += 1  # type: ignore[attr-defined]
            return bool(every_second.count % 2)  # type: ignore[attr-defined]
        return True

    every_second.count = 0  # type: ignore[attr-defined]
    long = {"llm": {"text": "word " * 1200, "word_ms": 0}}
    async with session(before_client=[lambda: FunctionFilter(every_second)], **long) as wire:
        assert (await answer(wire))["status"] == "completed"
        assert len(audio_of(wire)) > 2 * 1024 * 1024


# --- failures -------------------------------------------------------------------------------------


class Armed:
    """Makes processors that do something as long as this is armed."""

    def __init__(self, kind: Any, act: Callable[[Doing, Any], Any], name: str = "Broken") -> None:
        self.on = True
        self._broken = people.doing(kind, self._act, name)
        self._does = act
        self.__name__ = name

    async def _act(self, one: Doing, frame: Any) -> bool:
        return bool(await self._does(one, frame)) if self.on else False

    def __call__(self) -> Doing:
        return self._broken()


NO: Any = None
NO_CONTEXT = "a context that is no LLMContext but NoneType"
OF_ANSWERS = [
    ("before_model", LLMContextFrame),
    ("before_voice", LLMTextFrame),
    ("before_voice", LLMFullResponseEndFrame),
    ("before_client", TTSAudioRawFrame),
    ("before_client", TextFrame),
]


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


async def test_one_that_drops_everything_is_named():
    async with session(timeout_s=0.3, before_voice=[NullFilter]) as wire:
        assert "The processor NullFilter (processors.before_voice)" in failure(await answer(wire))


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


HELD = "nobody else was heard or answered for so long"
ENDS = "it pushed a frame of its own that ends the pipeline"
STEERS = "it pushed a frame of its own that steers the pipeline"
CONTEXT = "it pushed a context with a message"
RATE = "it pushed audio whose sample_rate is no number of Hz from 4000 to 384000 but 24"
UNPLAYED = "it pushed audio where nothing plays it (OutputAudioRawFrame)"
NO_VOICE = "it pushed a TTSSpeakFrame where no voice follows"


@pytest.mark.parametrize(
    ("place", "kind", "act", "reason"),
    [
        ("before_model", LLMContextFrame, people.ends_the_pipeline, f"{ENDS} (EndFrame)"),
        ("before_voice", LLMTextFrame, people.ends_the_pipeline, f"{ENDS} (EndFrame)"),
        ("before_voice", LLMTextFrame, people.cancels_the_pipeline, f"{ENDS} (CancelFrame)"),
        ("before_client", TTSAudioRawFrame, people.ends_the_pipeline, f"{ENDS} (EndFrame)"),
        (
            "before_voice",
            LLMTextFrame,
            people.pushes_no_frame,
            "it pushed what is no frame but str",
        ),
        (
            "before_client",
            TTSAudioRawFrame,
            people.pushes_nothing,
            "it pushed what is no frame but NoneType",
        ),
        ("before_model", LLMContextFrame, people.interrupts, f"{STEERS} (InterruptionFrame)"),
        ("before_voice", LLMTextFrame, people.interrupts, f"{STEERS} (InterruptionFrame)"),
        ("before_voice", LLMTextFrame, people.asks_for_the_end, f"{STEERS} (EndWorkerFrame)"),
        (
            "before_client",
            TTSAudioRawFrame,
            people.interrupts_upstream,
            f"{STEERS} (InterruptionFrame)",
        ),
        (
            "before_client",
            TTSAudioRawFrame,
            people.interrupts_everybody,
            f"{STEERS} (InterruptionFrame)",
        ),
        (
            "before_model",
            LLMContextFrame,
            people.writes_words_for_messages,
            f"{CONTEXT} that is no dict but str (LLMContextFrame)",
        ),
        (
            "before_model",
            LLMContextFrame,
            people.adds_an_object,
            f"{CONTEXT} whose content is no text but object (LLMContextFrame)",
        ),
        ("before_client", TTSAudioRawFrame, people.writes_khz_for_hz, f"{RATE} (TTSAudioRawFrame)"),
        ("before_client", TextFrame, people.pushes_audio_that_nothing_plays, UNPLAYED),
        ("before_voice", LLMTextFrame, people.pushes_audio_that_nothing_plays, UNPLAYED),
        ("before_client", TTSAudioRawFrame, people.speaks, NO_VOICE),
        ("before_client", TextFrame, people.speaks, NO_VOICE),
        (
            "before_client",
            TTSAudioRawFrame,
            people.spoils_a_sample,
            "it pushed audio that ends within a sample of 16 bits (TTSAudioRawFrame)",
        ),
        (
            "before_voice",
            LLMTextFrame,
            people.forgets_the_text,
            "it pushed a text that is no str but NoneType (LLMTextFrame)",
        ),
        (
            "before_client",
            TTSAudioRawFrame,
            people.forgets_the_bytes,
            "it pushed audio that is no bytes but ndarray (TTSAudioRawFrame)",
        ),
    ],
)
async def test_a_frame_that_no_stage_can_take_fails_the_answer_at_once_and_by_name(
    place: str, kind: Any, act: Any, reason: str, lines: list[str]
):
    broken = Armed(kind, act)
    async with session(**{place: [IdentityFilter, broken, IdentityFilter]}) as wire:
        message = failure(await answer(wire))
        assert message.startswith(f"The processor Broken (processors.{place}) failed: {reason}. ")
        broken.on = False
        assert said(await answer(wire)) == TEXT
    assert any(reason in line for line in lines)


@pytest.mark.parametrize(
    "act",
    [
        people.ends_the_pipeline,
        people.forgets_the_text,
        people.pushes_no_frame,
        people.interrupts,
        people.speaks,
    ],
)
async def test_a_frame_that_no_stage_can_take_fails_one_transcription(act: Any):
    broken = Armed(TranscriptionFrame, act)
    async with session(vad={"speculative": False}, before_model=[broken]) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        assert message.startswith("The processor Broken (processors.before_model) failed: it push")


@pytest.mark.parametrize(
    ("place", "kind", "act", "reason"),
    [
        ("before_model", TranscriptionFrame, people.counts_scores_wrong, "whose logprobs are no"),
        ("before_model", TranscriptionFrame, people.forgets_whose_it_is, "without its id and its"),
        (
            "before_recogniser",
            TurnCommittedFrame,
            people.forgets_the_settings,
            "whose settings are",
        ),
    ],
)
async def test_what_is_known_of_a_turn_is_looked_at_too(
    place: str, kind: Any, act: Any, reason: str
):
    own: dict[str, Any] = {"vad": {"speculative": False}, place: [people.doing(kind, act)]}
    async with session(**own) as wire:
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        message = failed["error"]["message"]
        assert message.startswith(f"The processor Broken (processors.{place}) failed: it pushed a ")
        assert reason in message
        await wire.append(speech())
        completed = await wire.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == "hello there"


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
