"""Pipecat frames that Pipecat does not have: turns on the way in, model details on the way out."""

from __future__ import annotations

from dataclasses import dataclass

from pipecat.frames.frames import DataFrame, SystemFrame

from session.ports import FinishReason, TokenUsage

RECOGNITION = "recognition_id"
"""Key in the metadata of a recogniser's frames: the recognition that they are the result of. A turn
may be recognised several times, at each of its pauses, so this is not the id of its item."""


@dataclass
class TurnStartedFrame(SystemFrame):
    """A turn has begun; audio of it may follow before it is known where it ends.

    `language` and `prompt` are those of the session now; the commit has the last word.
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

    `TurnAudioFrame`s of the turn carried a prefix of it, or none of it.
    """

    recognition_id: str
    audio: bytes
    language: str | None = None
    prompt: str | None = None


@dataclass
class TurnDiscardedFrame(SystemFrame):
    """The open turn is dropped; its audio is to be forgotten."""

    recognition_id: str


@dataclass
class ToolCallFrame(DataFrame):
    """A piece of a call of `function`, as it streams; `index` tells parallel calls apart."""

    index: int
    call_id: str
    function: str
    arguments: str


@dataclass
class CompletionFrame(DataFrame):
    """How the model ended: pushed once, before `LLMFullResponseEndFrame`."""

    reason: FinishReason
    usage: TokenUsage | None = None
