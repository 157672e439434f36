"""Content parts of messages: text, images, and audio with its transcript (§A.5).

Each part has two forms: `wire()` is what clients see, `text` what the model reads.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from audio.formats import AudioFormat
from session.heard_words import LONGEST_MS, heard_part, made_length
from session.ports import FailureReason

TranscriptState = Literal["none", "pending", "done", "failed"]


@dataclass(frozen=True, slots=True)
class InputText:
    """Text that the user or the system wrote."""

    text: str

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form."""
        return {"type": "input_text", "text": self.text}


@dataclass(frozen=True, slots=True)
class InputImage:
    """An image that the user sent."""

    url: str
    """A data URI, which holds the image itself."""
    detail: Literal["auto", "low", "high"] = "auto"
    text: ClassVar[str] = ""
    """Empty: models that take images are given `url`."""

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form."""
        return {"type": "input_image", "image_url": self.url, "detail": self.detail}


@dataclass(slots=True)
class OutputText:
    """Text that the assistant wrote."""

    text: str = ""
    type: Literal["output_text", "output_audio"] = "output_text"
    """`output_audio` where the client gave that type to the text of an item it created; echoed."""

    def wire(self) -> dict[str, Any]:
        """Return the part in wire form."""
        return {"type": self.type, "text": self.text}


@dataclass(slots=True, eq=False)
class Audio:
    """Audio of a message. Its length stays known after the samples were dropped."""

    type: ClassVar[str]
    format: AudioFormat = field(default_factory=AudioFormat)
    """Format of `data`."""
    data: bytearray = field(default_factory=bytearray)
    """The audio as it was received or sent; empty once it was dropped."""
    forgotten_ms: float = 0.0
    """Length of the audio that was dropped, in milliseconds."""
    transcript: str | None = None
    """The transcript that clients see; None: there is none, or none yet."""
    text: str = ""
    """The transcript that the model reads."""

    @property
    def ms(self) -> float:
        """Length in milliseconds, dropped audio included."""
        return self.forgotten_ms + len(self.data) / self.format.bytes_per_ms

    def forget(self) -> None:
        """Drop the samples and keep their length."""
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
    """What the user said, and the state of its transcription."""

    type: ClassVar[str] = "input_audio"
    state: TranscriptState = "pending"
    """State of the transcript; `none`: nothing waits for one."""
    announced: bool = False
    """Whether the client wants transcription events for it."""
    failure: FailureReason | None = None
    """Why there is no transcript; None: there is one, or none is wanted, or it is pending."""

    @property
    def can_be_heard(self) -> bool:
        """Whether a model that hears can be given it: it is kept, and nothing is read in its place.

        What `read_as` set stands for silence.
        """
        return bool(self.data) and (self.transcript is not None or not self.text)

    def understood(self, text: str) -> None:
        """Take the final transcript, for the client and the model."""
        self.transcript = text
        self.read_as(text)

    def read_as(self, text: str) -> None:
        """Let the model read `text` without showing it to the client; no transcript follows."""
        self.text = text
        self.state = "done"

    def failed(self, failure: FailureReason) -> None:
        """Note that transcription failed."""
        self.state, self.failure = "failed", failure

    def unwanted(self) -> None:
        """Note that nothing waits for a pending transcript any more."""
        if self.state == "pending":
            self.state = "none"


@dataclass(frozen=True, slots=True)
class Clause:
    """A spoken clause, for matching words with audio."""

    text: str
    start_ms: float
    """Where in the item's audio it starts, in milliseconds."""
    words: list[tuple[int, float]] = field(default_factory=list, compare=False)
    """For each word how many characters are before it, spaces not counted, and where in the audio
    it starts; empty: the voice does not tell."""

    def heard_by(self, ms: float) -> str:
        """Return the words that were over at `ms`, where the voice tells."""
        at = bisect_right(self.words, ms, key=lambda word: word[1])
        before = self.words[at - 1][0] if at else 0
        for place, char in enumerate(self.text):
            if not char.isspace():
                if not before:
                    return self.text[:place].strip()
                before -= 1
        return self.text.strip()


def _with_sound(clauses: Sequence[Clause], end_ms: float, growing: bool) -> list[Clause]:
    """Join clauses that have no audio of their own with their neighbours, unless words are timed.

    A voice that takes text while it speaks, and does not tell what it speaks when, is given all
    clauses at the beginning; so the audio behind the last of them speaks them all. While it grows,
    the audio of the last clause is still to come.
    """
    ends = [*(clause.start_ms for clause in clauses[1:]), end_ms]
    joined: list[Clause] = []
    was_silent = False
    for clause, ends_ms in zip(clauses, ends, strict=True):
        silent = not clause.words and ends_ms <= clause.start_ms
        timed = bool(clause.words or (joined and joined[-1].words))
        if joined and not timed and (was_silent or (silent and not growing)):
            first = joined.pop()
            joined.append(Clause(f"{first.text} {clause.text}", first.start_ms))
            silent = silent and was_silent
        else:
            joined.append(clause)
        was_silent = silent
    return joined


@dataclass(slots=True, eq=False)
class AssistantAudio(Audio):
    """What the assistant says, and how much of it the user has heard.

    It grows while it is generated, until the client truncates it; later audio is ignored.
    """

    type: ClassVar[str] = "output_audio"
    transcript: str | None = ""
    """The transcript that clients see; None: the client has truncated the audio (§A.8)."""
    clauses: list[Clause] = field(default_factory=list)
    """The clauses spoken so far, in order."""
    told_ms: float | None = None
    """Where the words of `text` end, once they were cut; None: with the audio."""
    growing: bool = False
    """Whether the voice may not have finished the last clause."""
    pace: float = 1.0
    """How fast the voice was asked to speak."""
    played_ms: float | None = None
    """Audio that was played; None: all of it, or the peer does not report it."""

    @property
    def truncated(self) -> bool:
        """Whether the client has truncated it."""
        return self.transcript is None

    def write(self, delta: str) -> None:
        """Add a transcript delta that the model wrote."""
        if self.transcript is not None:
            self.transcript += delta
            self.text = self.transcript

    def speak(self, text: str) -> None:
        """Note that the audio from here on speaks `text`."""
        if not self.truncated:
            self.clauses.append(Clause(text, self.ms))

    def timing(self, words: Sequence[tuple[int, float]]) -> None:
        """Note when words of the last clause are spoken, in ms from the end of the audio."""
        if not self.clauses or self.truncated:
            return
        last = self.clauses[-1]
        last.words.extend((before, self.ms + ms) for before, ms in words)
        if last.words and last.words[0][1] < last.start_ms:
            # The voice told of the clause only when some of it was there.
            earliest = self.clauses[-2].start_ms if len(self.clauses) > 1 else 0.0
            self.clauses[-1] = replace(last, start_ms=max(earliest, last.words[0][1]))

    def append(self, audio: bytes) -> None:
        """Add audio, in `format`."""
        if not self.truncated:
            self.data += audio

    def forget_unheard(self, ms: float) -> None:
        """Cut the model's text to the words within the first `ms` milliseconds.

        Clauses are kept by their times, the words of the last by their sound
        (`session/heard_words.py`). `clauses` is cut too, so that a second, shorter cut still works.
        """
        clauses = _with_sound(self.clauses or [Clause(self.text, 0)], self.ms, self.growing)
        told_ms = self.ms if self.told_ms is None else min(self.told_ms, self.ms)
        heard_ms = ms
        ends = [clause.start_ms for clause in clauses[1:]] + [told_ms]
        heard: list[Clause] = []
        for clause, end_ms in zip(clauses, ends, strict=True):
            if clause.start_ms >= ms:
                break
            text, growing = clause.text.strip(), self.growing and clause is clauses[-1]
            if clause.words and (end_ms > ms or growing):
                # The last word ends where the next would begin, or with the audio.
                text = text if ms >= end_ms and not growing else clause.heard_by(ms)
            elif end_ms > ms or growing:
                sound = self._sound(clause.start_ms, end_ms)
                if growing:
                    text = text[: made_length(text, sound, self.format.rate, self.pace)].rstrip()
                share = min(1.0, (ms - clause.start_ms) / (end_ms - clause.start_ms))
                if share < 1:
                    length, said = heard_part(text, sound, self.format.rate, share)
                    text = text[:length]
                    heard_ms = clause.start_ms + said * (end_ms - clause.start_ms)
            heard.append(Clause(text, clause.start_ms, clause.words))
        self.clauses = heard
        self.text = " ".join(clause.text for clause in heard if clause.text)
        self.told_ms, self.growing = min(heard_ms, told_ms), False

    def _sound(self, start_ms: float, end_ms: float) -> NDArray[np.int16] | None:
        """Return the samples between two offsets; None: they were dropped."""
        if self.forgotten_ms or end_ms - start_ms > LONGEST_MS:
            return None
        size, per_ms = self.format.sample_bytes, self.format.bytes_per_ms
        start, end = (round(ms * per_ms) // size * size for ms in (start_ms, end_ms))
        return np.frombuffer(self.format.decode(bytes(self.data[start:end])), "<i2")

    def forget_unplayed(self) -> None:
        """Cut the model's text to what was played: text and audio run ahead of playback."""
        self.forget_unheard(self.ms if self.played_ms is None else self.played_ms)

    def truncate(self, audio_end_ms: int) -> None:
        """Cut the audio and drop its transcript; the model keeps the heard words (§A.8)."""
        self.forget_unheard(audio_end_ms)
        self.forgotten_ms = min(self.forgotten_ms, audio_end_ms)
        del self.data[audio_end_ms * self.format.bytes_per_ms :]
        self.transcript = None
