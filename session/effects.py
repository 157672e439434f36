"""What a session wants done: commands from its state machines to whoever drives them.

The session core neither awaits nor sends; it returns these, in the order in which they are to be
carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from session.ports import ResponseRequest, TranscriptionSettings
from wire.envelope import ServerEvent


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the client."""

    event: ServerEvent


@dataclass(frozen=True, slots=True)
class OutputAudio:
    """Play this to the client: audio in the format that the response was asked for."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    audio: bytes


@dataclass(frozen=True, slots=True)
class SetInputFormat:
    """What is appended from here on has this format."""

    format: AudioFormat


@dataclass(frozen=True, slots=True)
class SetNoiseReduction:
    """Clean what is heard from here on; None: take it as it is."""

    settings: NoiseReduction | None


@dataclass(frozen=True, slots=True)
class SetTurnDetection:
    """Detect turns with these settings (§C.4) from here on; None: the client commits them."""

    settings: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ResetTurnDetection:
    """Forget the speech in progress: what follows is a new turn."""


@dataclass(frozen=True, slots=True)
class HearTurn:
    """A turn is open: let the recogniser hear `audio` and all that is appended from now on."""

    item_id: str
    audio: bytes
    format: AudioFormat
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    """The open turn came to nothing."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe a committed turn: exactly this audio."""

    item_id: str
    audio: bytes
    format: AudioFormat
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class Generate:
    """Generate a response."""

    request: ResponseRequest


@dataclass(frozen=True, slots=True)
class StopGenerating:
    """Stop generating a response; whatever it still reports is ignored."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, once all that was sent before is with the client."""

    code: int
    reason: str


Effect = (
    Send
    | OutputAudio
    | Close
    | SetInputFormat
    | SetNoiseReduction
    | SetTurnDetection
    | ResetTurnDetection
    | HearTurn
    | ForgetTurn
    | Transcribe
    | Generate
    | StopGenerating
)
