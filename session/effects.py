"""Effects: the commands that a session returns instead of awaiting or sending.

Whoever drives the session carries them out in the order in which they are returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from session.mcp import McpServer
from session.ports import CloseReason, ResponseRequest, TranscriptionSettings
from session.turn_settings import TurnDetection
from wire.envelope import ServerEvent

_PCM = AudioFormat()


class To(Enum):
    """Who gets an event: a call may have several clients (§D.4)."""

    ALL = "all"
    """Every client of the session."""
    ASKER = "asker"
    """The one whose event is answered by it."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the client."""

    event: ServerEvent
    to: To = To.ALL


@dataclass(frozen=True, slots=True)
class OutputAudio:
    """Play audio of a response to the client, in the response's output format."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    audio: bytes
    format: AudioFormat = _PCM
    """That output format."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop playback of all audio that the peer was given to play (§B.5)."""


@dataclass(frozen=True, slots=True)
class Duck:
    """Lower the voice that plays, or restore it: it is open whether the user interrupts (§B.5)."""

    on: bool


@dataclass(frozen=True, slots=True)
class HearAs:
    """Audio appended from here on has this format and gets this noise reduction."""

    format: AudioFormat
    noise: NoiseReduction | None
    """None: no noise reduction."""


@dataclass(frozen=True, slots=True)
class SetTurnDetection:
    """Detect turns with these settings (§C.4) from here on; None: the client commits turns."""

    settings: TurnDetection | None


@dataclass(frozen=True, slots=True)
class HearAgain:
    """Append `audio` again, which was taken back: turn detection is on, and has not heard it.

    What the client sends next comes behind it.
    """

    audio: bytearray
    start_ms: float
    """Where the audio begins, and where turn detection goes back to."""
    speaking: bool
    """Whether a turn is open there."""


@dataclass(frozen=True, slots=True)
class ResetTurnDetection:
    """Drop the turn detector's state: speech that follows is a new turn."""


@dataclass(frozen=True, slots=True)
class FollowSpeech:
    """Decide `SpeechPersisted` of every window of the speech in progress, or stop doing so.

    It stops by itself when the speech is over.
    """

    on: bool


@dataclass(frozen=True, slots=True)
class HearTurn:
    """A turn opened: begin its recognition with `clip`; the rest follows as `HearOn`."""

    item_id: str
    clip: Clip
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class HearOn:
    """Give the recogniser `audio`, which was appended to the open turn."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class WordsSoFar:
    """The transcript of the open turn so far: turn detection reads its last words (§C.4)."""

    text: str


@dataclass(frozen=True, slots=True)
class GuessTurn:
    """The open turn may be over: ask for the transcript of `clip`, all of it so far."""

    item_id: str
    clip: Clip
    so_far: bool = False
    """Whether it goes on, and only what kind of words there are so far is of interest, soon."""


@dataclass(frozen=True, slots=True)
class ResumeTurn:
    """The turn goes on: drop the speculation, if there is one, and recognise the turn again.

    `clip` is the turn from its beginning.
    """

    item_id: str
    clip: Clip


@dataclass(frozen=True, slots=True)
class RehearTurn:
    """Recognise the open turn from its beginning again; what follows `clip` comes again, too."""

    item_id: str
    clip: Clip
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    """Drop the recognition of a turn: nobody needs its transcript."""

    item_id: str


@dataclass(frozen=True, slots=True)
class NoteEcho:
    """A turn was no turn, but what the server itself was saying: note it in the log."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe a committed turn or an item that a client created: exactly `clip`."""

    item_id: str
    clip: Clip
    settings: TranscriptionSettings


@dataclass(frozen=True, slots=True)
class Speculate:
    """Start the response to a turn that may be over, and hold back its output.

    It counts only while `text` is still the turn's transcript, or, for a model that hears the turn
    itself, while the turn has not gone on.
    """

    item_id: str
    text: str | None
    """What the request has of the turn; None: its audio."""
    request: ResponseRequest


@dataclass(frozen=True, slots=True)
class StopSpeculating:
    """Drop the response to a turn that may be over: nobody said anything in it."""


@dataclass(frozen=True, slots=True)
class Generate:
    """Generate a response."""

    request: ResponseRequest


@dataclass(frozen=True, slots=True)
class StopGenerating:
    """Stop generating a response; its later reports are ignored."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ListMcpTools:
    """Ask an MCP server for its tools (§B.13); the answer names the item."""

    item_id: str
    server: McpServer


@dataclass(frozen=True, slots=True)
class KeepMcpServers:
    """Stay connected to the servers that the session names (§B.13), before any other."""

    servers: frozenset[McpServer]


@dataclass(frozen=True, slots=True)
class CallMcpTool:
    """Call a tool of an MCP server (§B.13); the answer names the item."""

    item_id: str
    server: McpServer
    name: str
    arguments: str
    """A JSON object, as the model wrote it."""


@dataclass(frozen=True, slots=True)
class StopMcpCalls:
    """Stop calls whose results nobody waits for any more."""

    item_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, once everything sent before has been delivered."""

    reason: CloseReason
    message: str = ""
    """Details for people; may be empty."""


Effect = (
    Send
    | OutputAudio
    | Silence
    | Duck
    | Close
    | HearAs
    | SetTurnDetection
    | HearAgain
    | ResetTurnDetection
    | FollowSpeech
    | HearTurn
    | HearOn
    | WordsSoFar
    | GuessTurn
    | ResumeTurn
    | RehearTurn
    | ForgetTurn
    | NoteEcho
    | Transcribe
    | Speculate
    | StopSpeculating
    | Generate
    | StopGenerating
    | ListMcpTools
    | KeepMcpServers
    | CallMcpTool
    | StopMcpCalls
)
