"""Whether a frame that a processor pushes is one that the server's stages behind it can take.

What is wrong with it would be found there, by an error in code that is not at fault.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from pipecat.frames.frames import AudioRawFrame, Frame, LLMContextFrame, TextFrame, TTSSpeakFrame

from own_processors.contexts import unfit_context
from providers.frames import CompletionFrame, SpokenClauseFrame, ToolCallFrame, WordTimesFrame
from session.ports import FinishReason, TokenUsage


class UnfitFrame(Exception):
    """A processor pushed a frame that no stage behind it can take; it quotes nothing of it."""


def unfit(frame: Frame) -> str | None:
    """Return what is wrong with a frame, as what follows "it pushed"; None: nothing is.

    It quotes nothing of it.
    """
    wrong = _wrong(frame)
    return None if wrong is None else f"{wrong} ({type(frame).__name__})"


def repair(frame: Frame) -> None:
    """Put U+FFFD for each half of a character that a frame's text holds alone.

    Neither the wire nor a later request to a model can carry one. Arguments of a tool call may be
    split between two frames; they are joined where they are taken.
    """
    names: tuple[str, ...] = ()
    if isinstance(frame, TextFrame | TTSSpeakFrame):
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


def _wrong(frame: Any) -> str | None:
    if isinstance(frame, LLMContextFrame):
        why = unfit_context(frame.context)
        return None if why is None else f"a context {why}"
    if isinstance(frame, TextFrame | TTSSpeakFrame) and not isinstance(frame.text, str):
        return f"a text that is no str but {type(frame.text).__name__}"
    audio = getattr(frame, "audio", b"")
    if not isinstance(audio, bytes | bytearray | memoryview):
        return f"audio that is no bytes but {type(audio).__name__}"
    if isinstance(frame, AudioRawFrame) and not _is_count(frame.sample_rate, 1):
        return f"audio whose sample_rate is no number of Hz but {_said(frame.sample_rate)}"
    if isinstance(frame, CompletionFrame):
        return _wrong_completion(frame)
    if isinstance(frame, ToolCallFrame):
        texts = (frame.call_id, frame.function, frame.arguments)
        if not _is_count(frame.index) or not all(isinstance(text, str) for text in texts):
            return "a tool call without its index and its three texts"
    if isinstance(frame, SpokenClauseFrame) and not isinstance(frame.clause, str):
        return f"a clause that is no str but {type(frame.clause).__name__}"
    if isinstance(frame, WordTimesFrame) and not _are_times(frame.words):
        return "word times that are no pairs of a count and a time in ms"
    return None


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


def _are_times(words: Any) -> bool:
    return isinstance(words, Sequence) and all(
        isinstance(word, Sequence)
        and len(word) == 2
        and _is_count(word[0])
        and isinstance(word[1], int | float)
        and math.isfinite(word[1])
        for word in words
    )


def _is_count(value: Any, least: int = 0) -> bool:
    return isinstance(value, int) and value >= least


def _said(value: Any) -> str:
    return str(value) if isinstance(value, int) else type(value).__name__
