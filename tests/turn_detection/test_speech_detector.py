"""The pauses in a turn that invite a guess, and what takes the guess back."""

from __future__ import annotations

from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from turn_detection.silero import WINDOW_MS
from turn_detection.speech_detector import SpeechDetector


def decisions(
    *scores: tuple[float, int], silence_ms: int = 320, judge_after_ms: int | None = None
) -> list[Decision]:
    """Decisions on runs of windows of one score each; 96 ms of pause invite a guess."""
    detector = SpeechDetector(0.5, silence_ms, hesitate_after_ms=96, judge_after_ms=judge_after_ms)
    run = [score for score, count in scores for _ in range(count)]
    decided = (detector.next(index, score) for index, score in enumerate(run))
    return [decision for decision in decided if decision is not None]


def test_a_pause_invites_a_guess_once_and_then_ends_the_turn():
    assert decisions((0.9, 5), (0.0, 12)) == [
        SpeechStarted(0),
        SpeechHesitated(8 * WINDOW_MS),
        SpeechStopped(15 * WINDOW_MS),
    ]


def test_speech_that_goes_on_takes_the_guess_back():
    assert decisions((0.9, 5), (0.0, 4), (0.9, 1), (0.0, 3)) == [
        SpeechStarted(0),
        SpeechHesitated(8 * WINDOW_MS),
        SpeechResumed(9 * WINDOW_MS),
        SpeechHesitated(13 * WINDOW_MS),
    ]


def test_a_pause_too_short_for_a_guess_takes_nothing_back():
    assert decisions((0.9, 5), (0.0, 2), (0.9, 3)) == [SpeechStarted(0)]


def test_where_silence_ends_the_turn_as_soon_there_is_nothing_to_guess():
    assert decisions((0.9, 5), (0.0, 3), silence_ms=96) == [
        SpeechStarted(0),
        SpeechStopped(8 * WINDOW_MS),
    ]


def test_the_guess_comes_before_the_judgement():
    assert decisions((0.9, 5), (0.0, 7), silence_ms=4000, judge_after_ms=200) == [
        SpeechStarted(0),
        SpeechHesitated(8 * WINDOW_MS),
        SpeechPaused(12 * WINDOW_MS),
    ]
