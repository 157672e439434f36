"""Frames as processors leave them, and what the server's stages make of them."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import Frame, LLMTextFrame, TTSAudioRawFrame, TTSSpeakFrame

from own_processors.unfit_frames import repair, unfit
from providers.frames import CompletionFrame, SpokenClauseFrame, ToolCallFrame, WordTimesFrame
from session.ports import TokenUsage

NO: Any = None


@pytest.mark.parametrize(
    "frame",
    [
        LLMTextFrame("one"),
        TTSAudioRawFrame(b"\0\0", 24000, 1),
        CompletionFrame("stop"),
        CompletionFrame("tool_calls", TokenUsage(1, 2, 0, 1)),
        ToolCallFrame(0, "call", "look", "{}"),
        SpokenClauseFrame("one"),
        WordTimesFrame([(0, -3.5), (4, 7)]),
    ],
)
def test_what_stages_make_themselves_is_fit(frame: Frame):
    assert unfit(frame) is None


@pytest.mark.parametrize(
    ("frame", "wrong"),
    [
        (LLMTextFrame(NO), "a text that is no str but NoneType (LLMTextFrame)"),
        (TTSSpeakFrame(NO), "a text that is no str but NoneType (TTSSpeakFrame)"),
        (CompletionFrame("ended"), "an end whose reason is none of stop, "),  # type: ignore[arg-type]
        (CompletionFrame("stop", 5), "no TokenUsage but int (CompletionFrame)"),  # type: ignore[arg-type]
        (CompletionFrame("stop", TokenUsage(NO, 1)), "usage has no counts of tokens"),
        (ToolCallFrame(0, NO, NO, NO), "a tool call without its index and its three texts"),
        (ToolCallFrame(NO, "call", "look", "{}"), "a tool call without its index"),
        (SpokenClauseFrame(NO), "a clause that is no str but NoneType"),
        (WordTimesFrame(5), "word times that are no pairs"),  # type: ignore[arg-type]
        (WordTimesFrame([(0, float("nan"))]), "word times that are no pairs"),
        (WordTimesFrame([(0,)]), "word times that are no pairs"),  # type: ignore[list-item]
    ],
)
def test_what_they_cannot_take_is_told(frame: Frame, wrong: str):
    assert wrong in str(unfit(frame))


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        (
            "sample_rate",
            None,
            "audio whose sample_rate is no number of Hz from 4000 to 384000 but NoneType",
        ),
        ("sample_rate", 0, "audio whose sample_rate is no number of Hz from 4000 to 384000 but 0"),
        ("audio", "x", "audio that is no bytes but str"),
    ],
)
def test_audio_that_was_spoilt_is_told(name: str, value: Any, wrong: str):
    frame = TTSAudioRawFrame(b"\0\0", 24000, 1)
    setattr(frame, name, value)
    assert wrong in str(unfit(frame))


def test_half_a_character_is_replaced_and_a_whole_one_is_not():
    text = LLMTextFrame("a\ud800b \U0001f600")
    clause = SpokenClauseFrame("\udc00")
    call = ToolCallFrame(0, "\ud800", "look\ud800", "\ud83d")
    for frame in (text, clause, call):
        repair(frame)
    assert text.text == "a\ufffdb \U0001f600"
    assert clause.clause == "\ufffd"
    assert (call.call_id, call.function) == ("\ufffd", "look\ufffd")
    assert call.arguments == "\ud83d", "its other half may come with the next delta"
