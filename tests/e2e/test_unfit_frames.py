"""Frames of one's own processors that no stage can take fail the answer, or the transcription."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import (
    LLMContextFrame,
    LLMTextFrame,
    TextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.filters.identity_filter import IdentityFilter

from providers.frames import TurnCommittedFrame
from tests.e2e.processed_sessions import TEXT, Armed, answer, failure, said, session
from tests.own_processors import people
from tests.support.wire_client import speech

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
