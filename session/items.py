"""Items of a conversation, as the wire shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from audio.formats import AudioFormat

Status = Literal["in_progress", "completed", "incomplete"]


Transcript = Literal["none", "pending", "done", "failed"]


@dataclass(slots=True)
class SpokenText:
    """A clause and where in the item's audio it starts, in milliseconds."""

    text: str
    start_ms: float


@dataclass(slots=True)
class Item:
    """One item. Which fields mean something depends on `type` (§A.5, §B)."""

    id: str
    type: Literal["message", "function_call", "function_call_output"]
    role: Literal["system", "user", "assistant"] | None = None
    status: Status = "completed"
    content: list[dict[str, Any]] = field(default_factory=list)
    """Content parts in wire form, without audio bytes."""
    audio: bytearray = field(default_factory=bytearray)
    """Audio of one content part, as it was written or sent; empty once it is not kept any more."""
    forgotten_ms: float = 0.0
    """Length of audio that was there and is not kept any more."""
    format: AudioFormat = field(default_factory=AudioFormat)
    """Format of `audio`."""
    audio_index: int = 0
    """Which content part the audio belongs to."""
    transcript_state: Transcript = "none"
    """For user audio: whether the recogniser has answered."""
    spoken: list[SpokenText] = field(default_factory=list)
    """For assistant audio: what is said where."""
    heard: str | None = None
    """For assistant audio that was cut short: the words the user heard."""
    truncated: bool = False
    """For assistant audio: whether the client cut it; what is still generated adds nothing."""
    announced: bool = False
    """For user audio: whether the client wants transcription events for it."""
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the item in wire form; keys that do not apply are absent, never null (§F.7).

        Audio stands in it as bytes: `wire/text_frames.py` encodes it.
        """
        if self.type == "function_call":
            return {
                "id": self.id,
                "type": self.type,
                "status": self.status,
                "name": self.name,
                "call_id": self.call_id,
                "arguments": self.arguments,
            }
        if self.type == "function_call_output":
            return {
                "id": self.id,
                "type": self.type,
                "call_id": self.call_id,
                "output": self.output,
            }
        content = [dict(part) for part in self.content]
        if with_audio and content and self.audio:
            content[self.audio_index]["audio"] = bytes(self.audio)
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "role": self.role,
            "content": content,
        }

    @property
    def audio_ms(self) -> float:
        """Length of the item's audio in milliseconds, kept or not."""
        return self.forgotten_ms + len(self.audio) / self.format.bytes_per_ms

    def forget_audio(self) -> None:
        """Keep the length of the audio, and no more of it."""
        self.forgotten_ms = self.audio_ms
        self.audio = bytearray()

    @property
    def text(self) -> str:
        """What the model reads: text, transcript, or the words that were heard."""
        if self.heard is not None:
            return self.heard
        if len(self.content) == 1:
            # Nearly always; and every turn reads the whole conversation.
            return _words(self.content[0])
        return "".join(map(_words, self.content))

    @property
    def images(self) -> list[dict[str, Any]]:
        """The image parts."""
        return [part for part in self.content if part["type"] == "input_image"]

    def forget_unheard(self, ms: float) -> None:
        """Keep for the model the words of the first `ms` milliseconds: by clause, then by letters.

        Words are cut together with their times, so a second, shorter cut still finds its place.
        """
        clauses = self.spoken or [SpokenText(self.text, 0)]
        ends = [clause.start_ms for clause in clauses[1:]] + [self.audio_ms]
        heard: list[SpokenText] = []
        for clause, end_ms in zip(clauses, ends, strict=True):
            if clause.start_ms >= ms:
                break
            text = clause.text.strip()
            if end_ms > ms:
                share = (ms - clause.start_ms) / (end_ms - clause.start_ms)
                text = _whole_words(text, int(len(text) * share))
            heard.append(SpokenText(text, clause.start_ms))
        self.spoken = heard
        self.heard = " ".join(clause.text for clause in heard if clause.text)

    def truncate(self, audio_end_ms: int) -> None:
        """Cut assistant audio; its transcript goes, the heard words stay for the model (§A.8)."""
        self.forget_unheard(audio_end_ms)
        self.forgotten_ms = min(self.forgotten_ms, audio_end_ms)
        del self.audio[audio_end_ms * self.format.bytes_per_ms :]
        self.content = [{"type": "output_audio", "transcript": None}]
        self.truncated = True


def _whole_words(text: str, length: int) -> str:
    """Return the words of `text` that end within its first `length` characters."""
    if length >= len(text) or text[length].isspace():
        return text[:length].rstrip()
    before, space, _ = text[:length].rpartition(" ")
    return before.rstrip() if space else ""


def _words(part: dict[str, Any]) -> str:
    return part.get("text") or part.get("transcript") or ""
