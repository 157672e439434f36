"""What a session is told of its user's speech: onsets, pauses and ends, on the 32 ms grid (§E)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at the start of the window at `onset_ms`."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Enough silence was heard; it ends at `end_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechHesitated:
    """A pause up to `at_ms` is long enough to guess that the turn may be over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech goes on after all, since `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A pause has lasted long enough to ask whether the turn is over; it lasts up to `at_ms`."""

    at_ms: int


Decision = SpeechStarted | SpeechStopped | SpeechHesitated | SpeechResumed | SpeechPaused
