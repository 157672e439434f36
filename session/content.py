"""What messages are made of: text, pictures, and audio with the words that are known of it (§A.5).

Each part can be seen in two ways: `wire()` is what clients are shown, `text` what the model reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from audio.formats import AudioFormat

TranscriptState = Literal["none", "pending", "done", "failed"]


@dataclass(frozen=True, slots=True)
class InputText:
    """What the user or the system wrote."""

    text: str

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form."""
        return {"type": "input_text", "text": self.text}


@dataclass(frozen=True, slots=True)
class InputImage:
    """A picture that the user shows."""

    url: str
    """A data URI: the picture itself."""
    detail: Literal["auto", "low", "high"] = "auto"
    text: ClassVar[str] = ""
    """Pictures have no words; models that see are given the picture."""

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form."""
        return {"type": "input_image", "image_url": self.url, "detail": self.detail}


@dataclass(slots=True)
class OutputText:
    """What the assistant wrote."""

    text: str = ""
    type: Literal["output_text", "output_audio"] = "output_text"
    """Clients may call the text of a message of theirs `output_audio`, and are shown that again."""

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form."""
        return {"type": self.type, "text": self.text}


@dataclass(slots=True, eq=False)
class Audio:
    """Audio of a message, and how long it is even when it is not kept any more."""

    type: ClassVar[str]
    format: AudioFormat = field(default_factory=AudioFormat)
    """Format of `data`."""
    data: bytearray = field(default_factory=bytearray)
    """The audio as it was written or sent; empty once it is forgotten."""
    forgotten_ms: float = 0.0
    """Length of audio that was there and is not kept any more."""
    transcript: str | None = None
    """The words as the client is shown them; None: there are none, or not yet."""
    text: str = ""
    """The words as the model reads them."""

    @property
    def ms(self) -> float:
        """Length in milliseconds, kept or not."""
        return self.forgotten_ms + len(self.data) / self.format.bytes_per_ms

    def forget(self) -> None:
        """Keep the length of the audio, and no more of it."""
        self.forgotten_ms = self.ms
        self.data = bytearray()

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form, without its audio."""
        return {"type": self.type, "transcript": self.transcript}

    def wire_with_audio(self) -> dict[str, Any]:
        """Return the part with its audio as bytes: `wire/text_frames.py` encodes it."""
        part = self.wire()
        return {**part, "audio": bytes(self.data)} if self.data else part


@dataclass(slots=True, eq=False)
class UserAudio(Audio):
    """What the user said, and how far it has been understood."""

    type: ClassVar[str] = "input_audio"
    state: TranscriptState = "pending"
    """Whether the recogniser has answered; `none`: nobody waits for it."""
    announced: bool = False
    """Whether the client wants transcription events for it."""

    def understood(self, text: str) -> None:
        """The user said `text`."""
        self.transcript = text
        self.read_as(text)

    def read_as(self, text: str) -> None:
        """Let the model read `text`, and the client nothing new; no transcript is to come."""
        self.text = text
        self.state = "done"

    def failed(self) -> None:
        """The audio could not be understood."""
        self.state = "failed"

    def unwanted(self) -> None:
        """Nobody waits for the transcript any more, if it is still to come."""
        if self.state == "pending":
            self.state = "none"


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause and where in the audio it starts, in milliseconds."""

    text: str
    start_ms: float


@dataclass(slots=True, eq=False)
class AssistantAudio(Audio):
    """What the assistant says, and how much of it the user hears.

    It grows while it is generated, until the client cuts it: what comes after that adds nothing.
    """

    type: ClassVar[str] = "output_audio"
    transcript: str | None = ""
    """The words as the client is shown them; None: the client has cut the audio (§A.8)."""
    clauses: list[Clause] = field(default_factory=list)
    """What is said where."""
    played_ms: float | None = None
    """How much of it the client has played; None: it has all that was made, as on a WebSocket."""

    @property
    def truncated(self) -> bool:
        """Whether the client has cut it."""
        return self.transcript is None

    def write(self, delta: str) -> None:
        """The model wrote more words."""
        if self.transcript is not None:
            self.transcript += delta
            self.text = self.transcript

    def speak(self, text: str) -> None:
        """The audio from here on speaks `text`."""
        if not self.truncated:
            self.clauses.append(Clause(text, self.ms))

    def append(self, audio: bytes) -> None:
        """The voice made more audio, in `format`."""
        if not self.truncated:
            self.data += audio

    def forget_unheard(self, ms: float) -> None:
        """Keep for the model the words of the first `ms` milliseconds: by clause, then by letters.

        Words are cut together with their times, so a second, shorter cut still finds its place.
        """
        clauses = self.clauses or [Clause(self.text, 0)]
        ends = [clause.start_ms for clause in clauses[1:]] + [self.ms]
        heard: list[Clause] = []
        for clause, end_ms in zip(clauses, ends, strict=True):
            if clause.start_ms >= ms:
                break
            text = clause.text.strip()
            if end_ms > ms:
                share = (ms - clause.start_ms) / (end_ms - clause.start_ms)
                text = _whole_words(text, int(len(text) * share))
            heard.append(Clause(text, clause.start_ms))
        self.clauses = heard
        self.text = " ".join(clause.text for clause in heard if clause.text)

    def forget_unplayed(self) -> None:
        """Keep for the model the words that were played: text and audio run ahead of that."""
        self.forget_unheard(self.ms if self.played_ms is None else self.played_ms)

    def truncate(self, audio_end_ms: int) -> None:
        """Cut the audio; its transcript goes, the heard words stay for the model (§A.8)."""
        self.forget_unheard(audio_end_ms)
        self.forgotten_ms = min(self.forgotten_ms, audio_end_ms)
        del self.data[audio_end_ms * self.format.bytes_per_ms :]
        self.transcript = None


def _whole_words(text: str, length: int) -> str:
    """Return the words of `text` that end within its first `length` characters."""
    if length >= len(text) or text[length].isspace():
        return text[:length].rstrip()
    before, space, _ = text[:length].rpartition(" ")
    return before.rstrip() if space else ""
