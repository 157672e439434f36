"""Events of this server's own: only clients that ask for them are sent them (§D.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from wire.event_record import ServerEvent

What = Literal["started", "hesitated", "resumed", "paused", "stopped", "echo"]
"""A decision of the turn detector (`session.decisions`); `echo`: what the server said is heard."""


class TurnMark(TypedDict):
    """Something that the turn detector decided."""

    at_ms: int
    """Milliseconds of audio since the session began."""
    what: What
    complete: float | None
    """Of a pause that was judged: the probability (0–1) that the turn is over."""


@dataclass(frozen=True, slots=True)
class TurnDetectionObserved(ServerEvent):
    """What the turn detector heard in some windows of audio, and made of them."""

    type = "console.turn_detection"
    section = "D.9"

    start_ms: int
    """Where the first window begins, in milliseconds of audio since the session began."""
    window_ms: int
    speech: list[float]
    """Probability of speech (0–1) by window; empty while turns are not detected."""
    level: list[float]
    """Peak (0–1) by window."""
    threshold: float | None
    """Probability from which a window counts as speech; None: turns are not detected."""
    turn: list[TurnMark]


@dataclass(frozen=True, slots=True)
class EchoHeard(ServerEvent):
    """The client's microphone hears its loudspeaker, for certain. Told once in a session."""

    type = "input_audio_buffer.echo_heard"
    section = "D.9"
