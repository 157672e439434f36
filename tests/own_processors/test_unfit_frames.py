"""Frames as processors leave them, and what the server's stages make of them."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.services.settings import LLMSettings

from own_processors.unfit_frames import judged, repair, unfit
from providers.frames import (
    LANGUAGES,
    LOGPROBS,
    NO_SPEECH,
    RECOGNITION,
    CompletionFrame,
    SpokenClauseFrame,
    ToolCallFrame,
    TurnCommittedFrame,
    TurnStartedFrame,
    WordTimesFrame,
)
from session.ports import TokenLogprob, TokenUsage, TranscriptionSettings

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
        LLMUpdateSettingsFrame({"temperature": 0.5}),
        LLMUpdateSettingsFrame({"extra": {"top_a": 1}}),
        LLMUpdateSettingsFrame(delta=LLMSettings(model="other")),
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
        (WordTimesFrame([(0, 10**400)]), "word times that are no pairs"),
        (ToolCallFrame(0, "", "look", "{}"), "without the id or the name of what is called"),
        (ToolCallFrame(0, "call", "", "{}"), "without the id or the name of what is called"),
        (TTSAudioRawFrame(b"", 24000, 2), "audio of 2 channels, where one is played"),
        (ErrorFrame(NO), "an error whose text is no str"),
        (LLMUpdateSettingsFrame(NO), "settings of a service that are neither"),
        (LLMUpdateSettingsFrame({5: 6}), "settings of a service whose names are no str"),  # type: ignore[dict-item]
        (LLMUpdateSettingsFrame({"extra": 5}), "whose extra is no dict of names"),
        (LLMUpdateSettingsFrame(delta=LLMSettings(extra={5: 6})), "whose extra is no dict"),  # type: ignore[dict-item]
        (TurnStartedFrame(NO), "a turn whose recognition_id is no str"),
        (TurnStartedFrame("turn", NO), "settings are no TranscriptionSettings but NoneType"),
        (TurnStartedFrame("turn", TranscriptionSettings(languages=NO)), "name no languages, words"),
        (TurnCommittedFrame("turn", b"abc"), "ends within a sample of 16 bits"),
        (TurnCommittedFrame("turn", b"", item_id=NO), "a turn whose item_id is no str"),
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
        ("sample_rate", 24, "audio whose sample_rate is no number of Hz"),
        ("sample_rate", 10**30, "audio whose sample_rate is no number of Hz"),
        ("sample_rate", True, "audio whose sample_rate is no number of Hz"),
        ("num_channels", None, "audio of NoneType channels"),
        ("num_channels", 0, "audio of 0 channels"),
        ("audio", "x", "audio that is no bytes but str"),
        ("audio", b"abc", "audio that ends within a sample of 16 bits"),
        ("audio", memoryview(b"abc"), "audio that ends within a sample of 16 bits"),
        ("id", None, "a frame without its id and its metadata"),
        ("metadata", None, "a frame without its id and its metadata"),
    ],
)
def test_audio_that_was_spoilt_is_told(name: str, value: Any, wrong: str):
    frame = TTSAudioRawFrame(b"\0\0", 24000, 1)
    setattr(frame, name, value)
    assert wrong in str(unfit(frame))


@pytest.mark.parametrize(
    ("metadata", "wrong"),
    [
        ({RECOGNITION: 5}, "a frame whose recognition_id is no str but int"),
        ({RECOGNITION: []}, "a frame whose recognition_id is no str but list"),
        ({LANGUAGES: 5}, "a frame whose languages are no sequence of codes"),
        ({LANGUAGES: "en"}, "a frame whose languages are no sequence of codes"),
        ({LOGPROBS: 6}, "a frame whose logprobs are no sequence of TokenLogprob"),
        ({LOGPROBS: [6]}, "a frame whose logprobs are no sequence of TokenLogprob"),
        ({NO_SPEECH: "no"}, "a frame whose no_speech is no number"),
        ({NO_SPEECH: float("nan")}, "a frame whose no_speech is no number"),
    ],
)
def test_what_is_known_of_a_transcript_is_looked_at(metadata: dict[str, Any], wrong: str):
    frame = TranscriptionFrame("one", "", "")
    known = {LANGUAGES: ["en"], LOGPROBS: [TokenLogprob("one", b"one", -0.1)], NO_SPEECH: 0.1}
    frame.metadata.update({RECOGNITION: "turn", **known, "of_somebody_else": object()})
    assert judged(frame, ()) is None
    frame.metadata.update(metadata)
    assert wrong in str(judged(frame, ()))


def test_what_cannot_be_read_is_told():
    class Closed(LLMTextFrame):
        @property
        def metadata(self) -> dict[str, Any]:
            raise PermissionError("not yours")

        @metadata.setter
        def metadata(self, value: dict[str, Any]) -> None:
            pass

    told = judged(Closed("one"), ())
    assert told == "it pushed a frame that cannot be read: PermissionError (Closed)"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_audio_becomes_bytes(kind: Any):
    frame: Any = TTSAudioRawFrame(b"\1\2", 24000, 1)
    frame.audio = kind(b"\1\2")
    assert judged(frame, ()) is None
    assert isinstance(frame.audio, bytes)
    frame.audio = memoryview(b"\1\2\3\4").cast("H")
    assert judged(frame, ()) is None
    assert frame.audio == b"\1\2\3\4"


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
