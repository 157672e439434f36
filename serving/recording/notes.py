"""What a session notes for its recording: plain records, from the event loop to the writing thread.

They hold what cannot change any more: text, bytes and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from audio.formats import AudioFormat
from peers.base import AppendedAudio


class Appended(NamedTuple):
    """Audio of the client.

    Fifty come in a second, so nothing is made of it but this.
    """

    ms: float
    audio: AppendedAudio


class Came(NamedTuple):
    """A message of the client."""

    ms: float
    raw: str | None
    """Its text; None: it was no text."""


class Sent(NamedTuple):
    """An event of the server, in the client's dialect."""

    ms: float
    written: bytes


class Spoken(NamedTuple):
    """Audio of the server, and the event that carries it."""

    ms: float
    written: bytes
    """The event without its audio."""
    audio: bytes | str
    """The audio, or base64 of it."""
    format: AudioFormat


class InputFormat(NamedTuple):
    """The format in which the client's audio comes from now on."""

    format: AudioFormat


class TurnOver(NamedTuple):
    """The stages of a turn that is over."""

    ms: float
    turn: dict[str, Any]


class Silenced(NamedTuple):
    """What a call has not played yet is dropped."""

    ms: float


class Closed(NamedTuple):
    """The session is over."""

    ms: float
    reason: str


class Overflowed(NamedTuple):
    """More was noted than could be written: nothing is noted any more."""

    ms: float


class Backlog:
    """What all sessions together have noted and the disk has not taken, in bytes.

    Each of the two counts is changed by one thread alone.
    """

    def __init__(self, most: int) -> None:
        """Allow so many bytes."""
        self._most = most
        self.noted = 0
        """Bytes that were noted; the event loop's."""
        self.taken = 0
        """Bytes of them that were taken to be written; the writing thread's."""

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be noted."""
        return self.noted - self.taken > self._most


Note = Appended | Came | Sent | Spoken | InputFormat | TurnOver | Silenced | Closed | Overflowed


@dataclass(frozen=True, slots=True)
class About:
    """What a recording begins with."""

    session_id: str
    began: float
    """Unix time in seconds."""
    header: dict[str, Any]
    input_format: AudioFormat
    """The format in which the client's audio comes at first."""
