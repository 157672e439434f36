"""Frames that Pipecat lacks: the user's turns for the recogniser, and details of a response."""

from __future__ import annotations

from dataclasses import dataclass

from pipecat.frames.frames import DataFrame, SystemFrame

from session.ports import FinishReason, TokenUsage

RECOGNITION = "recognition_id"
"""Key in the metadata of a recogniser's frames: the id of the recognition that they belong to. A
turn may be recognised several times, at each of its pauses, so this is not its item's id."""


@dataclass
class TurnStartedFrame(SystemFrame):
    """A turn has begun; audio of it may follow before it is known where it ends.

    `language` and `prompt` are the session's at this moment; those of the commit replace them.
    """

    recognition_id: str
    language: str | None = None
    prompt: str | None = None


@dataclass
class TurnAudioFrame(SystemFrame):
    """Audio of an open turn as it arrives: 16-bit mono PCM at 16 kHz, a head start for the STT."""

    recognition_id: str
    audio: bytes


@dataclass
class TurnCommittedFrame(SystemFrame):
    """A turn is over. `audio` is exactly the committed turn: 16-bit mono PCM at 16 kHz.

    The turn's `TurnAudioFrame`s have carried a prefix of it, possibly an empty one.
    """

    recognition_id: str
    audio: bytes
    language: str | None = None
    prompt: str | None = None


@dataclass
class TurnDiscardedFrame(SystemFrame):
    """The open turn is dropped, and its audio with it."""

    recognition_id: str


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
