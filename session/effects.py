"""What a session wants done: commands from its state machines to whoever drives them.

The session core neither awaits nor sends; it returns these, in the order in which they are to be
carried out.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from session.ports import CloseReason, ResponseRequest, TranscriptionSettings
from session.turn_settings import TurnDetection
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
class Silence:
    """Play nothing more of what was played to the client: the user speaks (§B.5)."""


@dataclass(frozen=True, slots=True)
class HearAs:
    """What is appended from here on has this format, and is cleaned like this."""

    format: AudioFormat
    noise: NoiseReduction | None
    """None: it is taken as it is."""


@dataclass(frozen=True, slots=True)
class SetTurnDetection:
    """Detect turns with these settings (§C.4) from here on; None: the client commits them."""

    settings: TurnDetection | None


@dataclass(frozen=True, slots=True)
class ResetTurnDetection:
    """Forget the speech in progress: what follows is a new turn."""


@dataclass(frozen=True, slots=True)
class HearTurn:
    """A turn is open: let the recogniser hear `clip`, and all that follows by `HearOn`."""

    item_id: str
    clip: Clip
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class HearOn:
    """The open turn goes on: `audio` was appended to it."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class GuessTurn:
    """The open turn may be over: ask the recogniser what `clip`, all of it so far, says."""

    item_id: str
    clip: Clip


@dataclass(frozen=True, slots=True)
class ResumeTurn:
    """The user goes on: drop what was begun at the pause, and hear the turn again.

    `clip` is the turn from its beginning.
    """

    item_id: str
    clip: Clip


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    """The open turn came to nothing."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe a committed turn, or a client's item: exactly this audio."""

    item_id: str
    clip: Clip
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class Speculate:
    """Begin the answer to a turn that may be over, and keep it back.

    Only while `text` is still what the recogniser takes the turn for.
    """

    item_id: str
    text: str
    request: ResponseRequest


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

    reason: CloseReason
    message: str = ""
    """For people; empty where the reason says it all."""


Effect = (
    Send
    | OutputAudio
    | Silence
    | Close
    | HearAs
    | SetTurnDetection
    | ResetTurnDetection
    | HearTurn
    | HearOn
    | GuessTurn
    | ResumeTurn
    | ForgetTurn
    | Transcribe
    | Speculate
    | Generate
    | StopGenerating
)
