"""Whether a frame that a processor pushes is one that the server's stages behind it can take.

What is wrong with it would be found there, by an error in code that is not at fault, or in a
request to a service. So everything is looked at here that a stage of the server's, or Pipecat's
base of a model or a voice, reads of a frame.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import Any, get_args

from pipecat.frames.frames import (
    AudioRawFrame,
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    FrameProcessorPauseFrame,
    FrameProcessorPauseUrgentFrame,
    FrameProcessorResumeFrame,
    FrameProcessorResumeUrgentFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMThoughtTextFrame,
    ServiceUpdateSettingsFrame,
    StartFrame,
    StopFrame,
    TextFrame,
    TTSSpeakFrame,
    WorkerFrame,
    WorkerSystemFrame,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.settings import ServiceSettings

from audio.pcm import BYTES_PER_SAMPLE
from own_processors.contexts import unfit_context
from providers.frames import (
    LANGUAGES,
    LOGPROBS,
    NO_SPEECH,
    RECOGNITION,
    CompletionFrame,
    SpokenClauseFrame,
    ToolCallFrame,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
    WordTimesFrame,
)
from session.ports import FinishReason, TokenLogprob, TokenUsage, TranscriptionSettings
from wire.session_fields import Delay

RATES = range(4_000, 384_001)
"""Rates of audio in Hz that there are: of others a second would be hours, or nothing."""
ENDS = CancelFrame | EndFrame | StopFrame
STEERS = (
    StartFrame
    | InterruptionFrame
    | FrameProcessorPauseFrame
    | FrameProcessorPauseUrgentFrame
    | FrameProcessorResumeFrame
    | FrameProcessorResumeUrgentFrame
    | WorkerFrame
    | WorkerSystemFrame
)
"""Frames that start, interrupt or hold a pipeline, or ask a worker for it, which there is none of.
"""
_AUDIO = "audio"
"""What frames of several families call theirs."""
_TURNS = TurnStartedFrame | TurnAudioFrame | TurnCommittedFrame | TurnDiscardedFrame


class UnfitFrame(Exception):
    """A processor pushed a frame that no stage behind it can take; it quotes nothing of it."""


def judged(frame: Any, given: Collection[int]) -> str | None:
    """Return what is wrong with what a processor pushes, after repairing what can be repaired.

    Args:
        frame: What it pushes: any object at all.
        given: Ids of the frames that end or steer the pipeline which it got, and may pass on.

    Returns:
        What is wrong, of which nothing is quoted; None: the stages behind can take it.
    """
    kind = type(frame).__name__
    if not isinstance(frame, Frame):
        return f"it pushed what is no frame but {kind}"
    try:
        if isinstance(frame, ENDS | STEERS) and frame.id not in given:
            does = "ends" if isinstance(frame, ENDS) else "steers"
            return f"it pushed a frame of its own that {does} the pipeline ({kind})"
        if (why := _wrong(frame)) is not None:
            return f"it pushed {why} ({kind})"
        repair(frame)
    # Its class, and whatever it holds, may be somebody's own.
    except Exception as error:
        return f"it pushed a frame that cannot be read: {type(error).__name__} ({kind})"
    return None


def unfit(frame: Frame) -> str | None:
    """Return what is wrong with a frame, as what follows "it pushed"; None: nothing is.

    It quotes nothing of it.
    """
    try:
        wrong = _wrong(frame)
    except Exception as error:
        wrong = f"a frame that cannot be read: {type(error).__name__}"
    return None if wrong is None else f"{wrong} ({type(frame).__name__})"


def repair(frame: Frame) -> None:
    """Put U+FFFD for each half of a character that a frame's text holds alone; make audio bytes.

    Neither the wire nor a later request to a model can carry one. Arguments of a tool call may be
    split between two frames; they are joined where they are taken.
    """
    names: tuple[str, ...] = ()
    if isinstance(frame, TextFrame | TTSSpeakFrame | LLMThoughtTextFrame):
        names = ("text",)
    elif isinstance(frame, SpokenClauseFrame):
        names = ("clause",)
    elif isinstance(frame, ToolCallFrame):
        names = ("call_id", "function")
    for name in names:
        text: str = getattr(frame, name)
        if not text.isascii():
            whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            setattr(frame, name, whole)
    audio = getattr(frame, _AUDIO, b"")
    if isinstance(audio, bytearray | memoryview):
        # What is counted is bytes, and what may still change is nobody's to hand on.
        setattr(frame, _AUDIO, bytes(audio))


def _wrong(frame: Any) -> str | None:
    wrong = _wrong_everywhere(frame)
    if wrong is not None:
        return wrong
    found = (judge(frame) for kind, judge in _JUDGES if isinstance(frame, kind))
    return next((one for one in found if one is not None), None)


def _wrong_everywhere(frame: Any) -> str | None:
    """Return what is wrong with what all frames have."""
    if not isinstance(frame.id, int) or not isinstance(frame.metadata, dict):
        return "a frame without its id and its metadata"
    known = frame.metadata
    if not isinstance(known.get(RECOGNITION, ""), str):
        return f"a frame whose {RECOGNITION} is no str but {type(known[RECOGNITION]).__name__}"
    if not _are(str, known.get(LANGUAGES, ())):
        return f"a frame whose {LANGUAGES} are no sequence of codes"
    scored = known.get(LOGPROBS, ())
    if not (_is_sequence(scored) and all(map(_is_logprob, scored))):
        return f"a frame whose {LOGPROBS} are no sequence of TokenLogprob"
    if not _is_number(known.get(NO_SPEECH, 0.0)):
        return f"a frame whose {NO_SPEECH} is no number"
    audio = getattr(frame, _AUDIO, b"")
    if not isinstance(audio, bytes | bytearray | memoryview):
        return f"audio that is no bytes but {type(audio).__name__}"
    return None


def _wrong_text(frame: Any) -> str | None:
    if isinstance(frame.text, str):
        return None
    return f"a text that is no str but {type(frame.text).__name__}"


def _wrong_clause(frame: SpokenClauseFrame) -> str | None:
    clause: Any = frame.clause
    kind = type(clause).__name__
    return None if isinstance(clause, str) else f"a clause that is no str but {kind}"


def _wrong_audio(frame: AudioRawFrame) -> str | None:
    rate: Any = frame.sample_rate
    if not _is_count(rate) or rate not in RATES:
        bounds = f"{RATES[0]} to {RATES[-1]}"
        return f"audio whose sample_rate is no number of Hz from {bounds} but {_said(rate)}"
    if frame.num_channels != 1:
        return f"audio of {_said(frame.num_channels)} channels, where one is played"
    # All that follows would be shifted by the rest of it, which is noise.
    return "audio that ends within a sample of 16 bits" if _is_cut(frame.audio) else None


def _wrong_context(frame: LLMContextFrame) -> str | None:
    why = unfit_context(frame.context)
    return None if why is None else f"a context {why}"


def _wrong_completion(frame: CompletionFrame) -> str | None:
    if frame.reason not in get_args(FinishReason):
        return f"an end whose reason is none of {', '.join(get_args(FinishReason))}"
    usage: Any = frame.usage
    if usage is None:
        return None
    if not isinstance(usage, TokenUsage):
        return f"an end whose usage is no TokenUsage but {type(usage).__name__}"
    counts = [usage.input_tokens, usage.output_tokens, usage.cached_tokens]
    if usage.audio_tokens is not None:
        counts.append(usage.audio_tokens)
    return None if all(map(_is_count, counts)) else "an end whose usage has no counts of tokens"


def _wrong_call(frame: ToolCallFrame) -> str | None:
    texts = (frame.call_id, frame.function, frame.arguments)
    if not _is_count(frame.index) or not all(isinstance(text, str) for text in texts):
        return "a tool call without its index and its three texts"
    if not frame.call_id or not frame.function:
        return "a tool call without the id or the name of what is called"
    return None


def _wrong_times(frame: WordTimesFrame) -> str | None:
    words: Any = frame.words
    pairs = isinstance(words, Sequence) and all(
        isinstance(word, Sequence) and len(word) == 2 and _is_count(word[0]) and _is_number(word[1])
        for word in words
    )
    return None if pairs else "word times that are no pairs of a count and a time in ms"


def _wrong_turn(frame: Any) -> str | None:
    if not isinstance(frame.recognition_id, str):
        return f"a turn whose recognition_id is no str but {type(frame.recognition_id).__name__}"
    if isinstance(frame, TurnStartedFrame | TurnCommittedFrame):
        settings: Any = frame.settings
        if not isinstance(settings, TranscriptionSettings):
            kind = type(settings).__name__
            return f"a turn whose settings are no TranscriptionSettings but {kind}"
        if not (
            _are(str, settings.languages)
            and _are(str, settings.keywords)
            and isinstance(settings.prompt, str | None)
            and (settings.delay is None or settings.delay in get_args(Delay))
        ):
            return "a turn whose settings name no languages, words, prompt or delay"
    if isinstance(frame, TurnCommittedFrame) and not isinstance(frame.item_id, str):
        return f"a turn whose item_id is no str but {type(frame.item_id).__name__}"
    if isinstance(frame, TurnAudioFrame | TurnCommittedFrame) and _is_cut(frame.audio):
        return "audio of a turn that ends within a sample of 16 bits"
    return None


def _wrong_error(frame: ErrorFrame) -> str | None:
    if not isinstance(frame.error, str):
        return f"an error whose text is no str but {type(frame.error).__name__}"
    if not isinstance(frame.exception, Exception | None):
        return f"an error whose exception is none but {type(frame.exception).__name__}"
    if not isinstance(frame.processor, FrameProcessor | None):
        return f"an error whose processor is none but {type(frame.processor).__name__}"
    return None


def _wrong_settings(frame: ServiceUpdateSettingsFrame[Any]) -> str | None:
    if not isinstance(frame.settings, Mapping) or not isinstance(
        frame.delta, ServiceSettings | None
    ):
        return "settings of a service that are neither a dict nor a ServiceSettings"
    if not _are_names(frame.settings):
        return "settings of a service whose names are no str"
    # It goes to the service as arguments of its request.
    more: Any = frame.settings.get("extra", {}) if frame.delta is None else frame.delta.extra
    if not isinstance(more, Mapping) or not _are_names(more):
        return "settings of a service whose extra is no dict of names"
    return None


_JUDGES: tuple[tuple[Any, Any], ...] = (
    (TextFrame | TTSSpeakFrame | LLMThoughtTextFrame, _wrong_text),
    (AudioRawFrame, _wrong_audio),
    (LLMContextFrame, _wrong_context),
    (CompletionFrame, _wrong_completion),
    (ToolCallFrame, _wrong_call),
    (SpokenClauseFrame, _wrong_clause),
    (WordTimesFrame, _wrong_times),
    (_TURNS, _wrong_turn),
    (ErrorFrame, _wrong_error),
    (ServiceUpdateSettingsFrame, _wrong_settings),
)
"""Kind of frame → what judges what that kind has."""


def _are_names(values: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) for name in values)


def _is_cut(audio: Any) -> bool:
    """Return whether bytes of audio end within a sample."""
    length = audio.nbytes if isinstance(audio, memoryview) else len(audio)
    return bool(length % BYTES_PER_SAMPLE)


def _are(kind: type[Any], values: Any) -> bool:
    return _is_sequence(values) and all(isinstance(one, kind) for one in values)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_logprob(value: Any) -> bool:
    return (
        isinstance(value, TokenLogprob)
        and isinstance(value.token, str)
        and isinstance(value.bytes, bytes)
        and _is_number(value.logprob)
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    # An integer may be larger than any float.
    except OverflowError:
        return False


def _said(value: Any) -> str:
    small = isinstance(value, int) and abs(value) < 10**12
    return str(value) if small else type(value).__name__
