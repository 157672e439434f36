"""Frames that Pipecat lacks: the user's turns for the recogniser, and details of a response.

And what a recogniser knows beyond words: the metadata of Pipecat's `TranscriptionFrame`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipecat.frames.frames import DataFrame, Frame, SystemFrame, TranscriptionFrame

from session.ports import (
    NO_WISHES,
    FinishReason,
    TokenLogprob,
    TokenUsage,
    Transcript,
    TranscriptionSettings,
)

RECOGNITION = "recognition_id"
"""Key in the metadata of a recogniser's frames: the id of the recognition that they belong to. A
turn may be recognised several times, at each of its pauses, so this is not its item's id."""
LANGUAGES = "languages"
"""Key in the metadata of a `TranscriptionFrame`: ISO 639-1 codes of the languages that were heard,
a sequence. Absent: the recogniser does not tell, or was told the language."""
LOGPROBS = "logprobs"
"""Key in the metadata of a `TranscriptionFrame`: a `TokenLogprob` for each token of its text, a
sequence. Only for turns whose settings ask for `logprobs`."""
NO_SPEECH = "no_speech"
"""Key in the metadata of a `TranscriptionFrame`: how probable it is (0–1) that nobody spoke.
Absent: the recogniser does not tell."""


@dataclass
class TurnStartedFrame(SystemFrame):
    """A turn has begun; audio of it may follow before it is known where it ends.

    `settings` are the session's at this moment; those of the commit replace them.
    """

    recognition_id: str
    settings: TranscriptionSettings = NO_WISHES


@dataclass
class TurnAudioFrame(SystemFrame):
    """Audio of an open turn as it arrives: 16-bit mono PCM at 16 kHz, a head start for the STT.

    A `TurnProcessor` gets it at the rate that it names.
    """

    recognition_id: str
    audio: bytes


@dataclass
class TurnCommittedFrame(SystemFrame):
    """A turn is over. `audio` is exactly the committed turn: 16-bit mono PCM at 16 kHz.

    The turn's `TurnAudioFrame`s have carried a prefix of it, possibly an empty one.
    """

    recognition_id: str
    audio: bytes
    settings: TranscriptionSettings = NO_WISHES
    so_far: bool = False
    """Whether the user speaks on, and only what kind of words there are so far is of interest: a
    quick transcript serves better than a good one."""
    item_id: str = ""
    """The item that the turn is, or will become."""


@dataclass
class TurnDiscardedFrame(SystemFrame):
    """The open turn is dropped, and its audio with it."""

    recognition_id: str


@dataclass
class WordTimesFrame(DataFrame):
    """When words of the clause are spoken: pushed before the audio that speaks them, or behind it.

    A word is named by how many characters of the clause are before it, spaces not counted; its time
    is in ms from where the audio that follows begins, and below zero for what was said before.
    """

    words: Sequence[tuple[int, float]]


@dataclass
class SpokenClauseFrame(DataFrame):
    """The audio that follows speaks this clause; for processors of one's own before the client.

    No `TextFrame`: there, those are what the client reads, and a filter of them should not meet a
    text twice.
    """

    clause: str


@dataclass
class ToolCallFrame(DataFrame):
    """A delta of a call of `function`; `index` tells parallel calls apart."""

    index: int
    call_id: str
    function: str
    arguments: str


@dataclass
class CompletionFrame(DataFrame):
    """How the model ended: pushed once, before `LLMFullResponseEndFrame`."""

    reason: FinishReason
    usage: TokenUsage | None = None


def counted_so_far(service: object) -> TokenUsage | None:
    """Return what the service of a model has counted before its `CompletionFrame`.

    A service that is told tokens while it streams keeps them as its `usage`.
    """
    usage = getattr(service, "usage", None)
    return usage if isinstance(usage, TokenUsage) else None


def describe(frame: TranscriptionFrame, transcript: Transcript) -> None:
    """Note in a frame's metadata what is known of its words."""
    if transcript.languages is not None:
        frame.metadata[LANGUAGES] = transcript.languages
    if transcript.logprobs is not None:
        frame.metadata[LOGPROBS] = transcript.logprobs
    if transcript.no_speech is not None:
        frame.metadata[NO_SPEECH] = transcript.no_speech


def whole(text: str, parts: Sequence[Frame]) -> Transcript:
    """Return a turn's transcript.

    Args:
        text: All its words.
        parts: The recogniser's final results, in order, with what it knows in their metadata.
    """
    languages: dict[str, None] | None = None
    for part in parts:
        if LANGUAGES in part.metadata:
            languages = {**(languages or {}), **dict.fromkeys(part.metadata[LANGUAGES])}
    logprobs: list[TokenLogprob] | None = [] if parts else None
    for part in parts:
        if logprobs is not None:
            scored = part.metadata.get(LOGPROBS)
            logprobs = None if scored is None else [*logprobs, *scored]
    doubts = [part.metadata[NO_SPEECH] for part in parts if NO_SPEECH in part.metadata]
    return Transcript(
        text,
        None if languages is None else tuple(languages),
        None if logprobs is None else tuple(logprobs),
        # Somebody spoke if somebody spoke in one part of the turn.
        min(doubts, default=None),
    )
