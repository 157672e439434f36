"""The rules: what makes an onset, what ends speech, and which pauses invite a guess (§C.4, E)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from turn_detection.end_pointing import EndPointer
from turn_detection.silero import WINDOW_MS


def windows(detector: EndPointer, scores: str, start: int = 0) -> list[Any]:
    """Feed one score a window: `#` is speech, `.` is none, `~` is in between."""
    probability = {"#": 0.9, ".": 0.1, "~": 0.4}
    found = [detector.next(index, probability[score]) for index, score in enumerate(scores, start)]
    return [decision for decision in found if decision is not None]


def decisions(*scores: tuple[float, int], silence_ms: int = 320) -> list[Decision]:
    """Decisions on runs of windows of one score each; 96 ms of pause invite a guess."""
    detector = EndPointer(0.5, silence_ms, hesitate_after_ms=96)
    run = [score for score, count in scores for _ in range(count)]
    decided = (detector.next(index, score) for index, score in enumerate(run))
    return [decision for decision in decided if decision is not None]


def test_three_voiced_windows_make_an_onset_at_the_first_of_them() -> None:
    assert windows(EndPointer(0.5, 200), "..##") == []
    assert windows(EndPointer(0.5, 200), "..###") == [SpeechStarted(2 * WINDOW_MS)]


@pytest.mark.parametrize("scores", ["#", "##", "##.##.##", ".#.#.#.#", "~~~~~~"])
def test_a_click_or_a_murmur_is_no_speech(scores: str) -> None:
    assert windows(EndPointer(0.5, 200), scores + "." * 20) == []


def test_a_window_at_the_threshold_is_voiced() -> None:
    rules = EndPointer(0.5, 200)
    assert [rules.next(index, 0.5) for index in range(6)][-1] == SpeechStarted(0)
    rules = EndPointer(0.5, 200)
    assert [rules.next(index, 0.499) for index in range(9)] == [None] * 9


@pytest.mark.parametrize(
    ("silence_ms", "count"), [(0, 1), (1, 1), (32, 1), (33, 2), (200, 7), (500, 16), (512, 16)]
)
def test_silence_ends_speech_when_all_of_it_was_heard(silence_ms: int, count: int) -> None:
    rules = EndPointer(0.5, silence_ms)
    windows(rules, "###")
    assert windows(rules, "." * (count - 1), 3) == []
    assert windows(rules, ".", 2 + count) == [SpeechStopped((3 + count) * WINDOW_MS)]


def test_a_pause_shorter_than_that_does_not_end_speech() -> None:
    assert windows(EndPointer(0.5, 200), "###" + "......#" * 5) == [SpeechStarted(0)]


def test_speech_goes_on_just_below_the_threshold() -> None:
    assert windows(EndPointer(0.5, 200), "###" + "~" * 50) == [SpeechStarted(0)]


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.9, 1.0])
def test_any_legal_threshold_can_start_and_end_speech(threshold: float) -> None:
    rules = EndPointer(threshold, 32)
    assert [rules.next(index, 1.0) for index in range(3)][-1] == SpeechStarted(0)
    assert rules.next(3, 0.0) == SpeechStopped(4 * WINDOW_MS)


def test_one_turn_follows_the_other() -> None:
    assert windows(EndPointer(0.5, 64), "###..###..") == [
        SpeechStarted(0),
        SpeechStopped(5 * WINDOW_MS),
        SpeechStarted(5 * WINDOW_MS),
        SpeechStopped(10 * WINDOW_MS),
    ]


def test_a_detector_that_takes_over_in_speech_only_waits_for_its_end() -> None:
    rules = EndPointer(0.5, 64, speaking=True)
    assert windows(rules, "###..", 10) == [SpeechStopped(15 * WINDOW_MS)]


@given(
    scores=st.lists(st.floats(0, 1), max_size=120),
    threshold=st.floats(0, 1),
    silence_ms=st.integers(0, 400),
)
@settings(deadline=None, derandomize=True, max_examples=150)
def test_starts_and_stops_alternate_on_the_grid_and_never_go_back(
    scores: list[float], threshold: float, silence_ms: int
) -> None:
    rules = EndPointer(threshold, silence_ms)
    last_ms, speaking = 0, False
    for index, score in enumerate(scores):
        decision = rules.next(index, score)
        if decision is None:
            continue
        assert isinstance(decision, SpeechStopped if speaking else SpeechStarted)
        ms = decision.onset_ms if isinstance(decision, SpeechStarted) else decision.end_ms
        assert ms % WINDOW_MS == 0
        assert last_ms <= ms <= (index + 1) * WINDOW_MS
        if isinstance(decision, SpeechStopped):
            assert ms - last_ms >= silence_ms
        last_ms, speaking = ms, not speaking
        assert rules.speaking == speaking


# --- pauses that invite a guess ---


def test_a_pause_invites_a_guess_once_and_then_ends_the_turn() -> None:
    assert decisions((0.9, 5), (0.0, 12)) == [
        SpeechStarted(0),
        SpeechHesitated(8 * WINDOW_MS),
        SpeechStopped(15 * WINDOW_MS),
    ]


def test_speech_that_goes_on_takes_the_guess_back() -> None:
    assert decisions((0.9, 5), (0.0, 4), (0.9, 1), (0.0, 3)) == [
        SpeechStarted(0),
        SpeechHesitated(8 * WINDOW_MS),
        SpeechResumed(9 * WINDOW_MS),
        SpeechHesitated(13 * WINDOW_MS),
    ]


def test_a_pause_too_short_for_a_guess_takes_nothing_back() -> None:
    assert decisions((0.9, 5), (0.0, 2), (0.9, 3)) == [SpeechStarted(0)]


def test_where_silence_ends_the_turn_as_soon_there_is_nothing_to_guess() -> None:
    assert decisions((0.9, 5), (0.0, 3), silence_ms=96) == [
        SpeechStarted(0),
        SpeechStopped(8 * WINDOW_MS),
    ]


# --- where the voice rose ---


def test_an_onset_is_walked_back_to_where_the_probability_rose() -> None:
    assert windows(EndPointer(0.5, 200), "..~~###") == [SpeechStarted(2 * WINDOW_MS)]


def test_it_is_not_walked_back_by_more_than_192_ms() -> None:
    assert windows(EndPointer(0.5, 200), "~" * 20 + "###") == [SpeechStarted(14 * WINDOW_MS)]


def test_it_is_not_walked_back_into_the_turn_before() -> None:
    assert windows(EndPointer(0.5, 64), "###..~###")[-1] == SpeechStarted(5 * WINDOW_MS)


# --- who keeps a turn open ---


@pytest.mark.parametrize(
    ("scores", "windows_long"),
    [
        ("###oo#", 6),  # what was covered belongs to the voice that goes on behind it
        ("###oooooooo#", 12),
        ("###ooooooooo#", 1),  # too long
        ("###.#", 1),
        ("###o.#", 1),
        ("###oo", 3),
    ],
)
def test_a_voice_goes_on_below_the_servers_own(scores: str, windows_long: int) -> None:
    detector = EndPointer(0.5, 2000)
    for index, score in enumerate(scores):
        detector.next(index, 0.9 if score == "#" else 0.0, covered=score == "o")
    assert detector.voiced_ms == windows_long * WINDOW_MS


def spoken(detector: EndPointer, *runs: tuple[float, float, int]) -> list[Decision]:
    """Decisions on runs of windows of one probability and one level in dBFS each."""
    run = [(score, level) for score, level, count in runs for _ in range(count)]
    decided = (detector.next(index, score, level) for index, (score, level) in enumerate(run))
    return [decision for decision in decided if decision is not None]


CHATTER = (0.8, -46.0)
SPEAKER = (0.9, -25.0)
MUMBLE = (0.1, -46.0)


def test_people_behind_the_speaker_do_not_keep_the_turn_open() -> None:
    heard = spoken(EndPointer(0.5, 500), (*MUMBLE, 70), (*SPEAKER, 30), (*CHATTER, 60))
    assert heard == [SpeechStarted(70 * WINDOW_MS), SpeechStopped(116 * WINDOW_MS)]


def test_nor_do_those_who_begin_to_talk_with_the_speaker() -> None:
    heard = spoken(EndPointer(0.5, 500), (0.0, -90.0, 70), (*SPEAKER, 40), (*CHATTER, 60))
    assert heard == [SpeechStarted(70 * WINDOW_MS), SpeechStopped(126 * WINDOW_MS)]


def test_a_room_full_of_voices_does_not_make_an_ending_longer() -> None:
    # Silero is sure for a while that somebody speaks, and then that nobody does.
    scene = ((*MUMBLE, 70), (*SPEAKER, 30), (*CHATTER, 8), (*MUMBLE, 30))
    heard = spoken(EndPointer(0.5, 500), *scene)
    assert heard == [SpeechStarted(70 * WINDOW_MS), SpeechStopped(120 * WINDOW_MS)]


def test_they_do_not_begin_the_next_one_before_they_were_gone_for_2_s() -> None:
    scene = ((*MUMBLE, 70), (*SPEAKER, 30), (*CHATTER, 60))
    silent = (0.0, -46.0)
    assert len(spoken(EndPointer(0.5, 500), *scene, (*silent, 50), (*CHATTER, 20))) == 2
    assert len(spoken(EndPointer(0.5, 500), *scene, (*silent, 62), (*CHATTER, 20))) == 3


def test_the_speaker_begins_the_next_one_whenever_they_like() -> None:
    scene = ((*MUMBLE, 70), (*SPEAKER, 30), (*CHATTER, 60))
    heard = spoken(EndPointer(0.5, 500), *scene, (*SPEAKER, 3))
    assert heard[-1] == SpeechStarted(160 * WINDOW_MS)


def test_in_a_quiet_room_a_soft_voice_is_the_speakers() -> None:
    pause = (0.0, -90.0, 2)
    scene = ((0.0, -90.0, 70), *((*SPEAKER, 20), pause) * 3, (*CHATTER, 50))
    assert spoken(EndPointer(0.5, 500), *scene) == [SpeechStarted(70 * WINDOW_MS)]


def test_a_soft_ending_is_still_the_speakers() -> None:
    scene = ((*MUMBLE, 70), (*SPEAKER, 30), (*CHATTER, 4), (*MUMBLE, 15), (*SPEAKER, 5))
    assert spoken(EndPointer(0.5, 500), *scene) == [SpeechStarted(70 * WINDOW_MS)]
