"""Processors of one's own at every place, through the socket: what they change.

`README.md`, "Your own processors", has the table of what passes where.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import (
    LLMContextFrame,
    LLMFullResponseEndFrame,
    TextFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.aggregators.llm_text_processor import LLMTextProcessor
from pipecat.processors.aggregators.sentence import SentenceAggregator
from pipecat.processors.filters.frame_filter import FrameFilter
from pipecat.processors.filters.function_filter import FunctionFilter
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.logger import FrameLogger

from answering import response_pipeline
from hearing import recogniser_pipeline
from own_processors.places import PLACES
from providers.frames import TurnCommittedFrame
from tests.e2e.processed_sessions import (
    ECHO,
    OWN,
    TEXT,
    answer,
    said,
    serving,
    session,
    spoken_turn,
    transcripts,
    upper,
)
from tests.own_processors import people
from tests.own_processors.people import watcher
from tests.support.leftovers import Leftovers
from tests.support.places import ROOT
from tests.support.wire_client import WireClient, client, speech

TOOLS = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]


def audio_of(wire: WireClient, since: int = 0) -> bytes:
    deltas = [e for e in wire.events[since:] if e["type"] == "response.output_audio.delta"]
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


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
