"""A voice begins with windows that are sure of it, or with many; a struck string with neither."""

from __future__ import annotations

import pytest

from session.decisions import Decision, SpeechStarted
from turn_detection.end_pointing import EndPointer
from turn_detection.silero import WINDOW_MS


def starts(*probabilities: float, threshold: float = 0.5) -> list[Decision]:
    """What is decided on these windows, behind two silent ones and before more."""
    pointer = EndPointer(threshold, 320)
    windows = [0.0, 0.0, *probabilities, *[0.0] * 5]
    found = (pointer.next(index, probability) for index, probability in enumerate(windows))
    return [decision for decision in found if decision is not None]


STARTED = [SpeechStarted(2 * WINDOW_MS)]


def test_three_windows_are_enough_for_a_voice_that_is_sure_by_the_third() -> None:
    assert starts(0.5, 0.6, 0.85) == STARTED
    assert starts(0.6, 0.95, 0.98) == STARTED


@pytest.mark.parametrize(
    "sound",
    [
        (0.92, 0.66, 0.51),
        (0.96, 0.85, 0.73, 0.55),
        (0.98, 0.95, 0.84, 0.77, 0.62),
        (0.75, 0.72, 0.62, 0.49, 0.55, 0.71, 0.77, 0.64),
    ],
)
def test_a_sound_that_is_less_and_less_like_a_voice_is_none(sound: tuple[float, ...]) -> None:
    assert starts(*sound) == []


def test_a_voice_in_noise_begins_where_its_first_window_was() -> None:
    assert starts(0.6, 0.7, 0.65, 0.7, 0.9) == STARTED
    assert starts(0.6, 0.7, 0.6, 0.7, 0.6) == []
    assert starts(0.6, 0.7, 0.6, 0.7, 0.6, 0.5) == STARTED


def test_what_a_client_calls_a_voice_begins_it_all_the_same() -> None:
    assert starts(*[0.3] * 6, threshold=0.3) == STARTED
    assert starts(0.95, 0.95, 0.95, threshold=0.95) == STARTED
    assert starts(*[0.9] * 9, threshold=0.95) == []
