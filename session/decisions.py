"""Decisions of a turn detector about the user's speech, on the 32 ms grid (§E).

Times are milliseconds of audio written since the session began.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at the start of the window at `onset_ms`."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The turn is over; its trailing silence ends at `end_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechHesitated:
    """A pause up to `at_ms` suggests that the turn may be over: speculation may begin."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech went on at `at_ms` after a hesitation: speculation is void."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A pause up to `at_ms` is long enough to ask a model whether the turn is over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class VerdictDue:
    """The pause has lasted up to `at_ms`: the answer about the last `SpeechPaused` is needed."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPersisted:
    """Another window of speech was heard; said of each only while asked (`FollowSpeech`)."""

    at_ms: int
    """Where the window ends."""
    voiced_ms: int
    """Length of the continuous voice up to there; 0: the window is not voiced."""
    level_db: float
    """The window's level in dBFS."""
    probability: float
    """How likely the window is speech (0–1)."""


Decision = (
    SpeechStarted
    | SpeechStopped
    | SpeechHesitated
    | SpeechResumed
    | SpeechPaused
    | VerdictDue
    | SpeechPersisted
)
