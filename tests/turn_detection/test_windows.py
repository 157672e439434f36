"""What Silero hears of a stream: the same samples however it comes, at the right moments."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.pcm import SAMPLE_RATE
from turn_detection.silero import WINDOW_SAMPLES
from turn_detection.windows import Windows, reach

SETTLED = 48
"""Samples at 16 kHz behind which a sound that begins at once is only itself."""
RATES = [8000, 16000, 24000, 48000]


def tone(rate: int, hertz: float, ms: int = 500) -> bytes:
    times = np.arange(rate * ms // 1000) / rate
    return bytes((8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2"))


def noise(rate: int, ms: int) -> bytes:
    return bytes(np.random.default_rng(3).normal(0, 3000, rate * ms // 1000).astype("<i2"))


def taken(windows: Windows) -> list[NDArray[np.float32]]:
    found = []
    while windows.ready:
        found.append(windows.window())
        windows.step()
    return found


def heard(pcm: bytes, rate: int) -> NDArray[np.float32]:
    windows = Windows(rate)
    windows.add(pcm)
    return np.concatenate(taken(windows))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [100, 440, 1000, 3000])
def test_sounds_are_heard_as_they_are_and_when_they_are(rate: int, hertz: float) -> None:
    found = heard(tone(rate, hertz), rate)
    wanted = 8000 / 32768 * np.sin(2 * np.pi * hertz * np.arange(len(found)) / SAMPLE_RATE)
    assert np.abs(found - wanted)[SETTLED:].max() < 0.001


@pytest.mark.parametrize(
    ("rate", "hertz"),
    [
        *((24000, hertz) for hertz in (9000, 10_000, 11_500)),
        *((48000, hertz) for hertz in (9000, 11_500, 15_000, 23_000)),
    ],
)
def test_what_16_khz_cannot_hold_is_not_heard_as_something_else(rate: int, hertz: float) -> None:
    assert np.abs(heard(tone(rate, hertz), rate))[SETTLED:].max() < 0.001


@pytest.mark.parametrize("rate", RATES)
def test_a_stream_that_starts_within_a_window_comes_behind_silence(rate: int) -> None:
    again = Windows(rate)
    again.add(noise(rate, 50))
    again.restart(12.0)
    again.add(noise(rate, 300))
    late = heard(bytes(rate * 12 // 1000 * 2) + noise(rate, 300), rate)
    assert np.array_equal(np.concatenate(taken(again)), late)


@pytest.mark.parametrize("rate", RATES)
@given(sizes=st.lists(st.integers(1, 2500), min_size=1, max_size=30))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_chunking_changes_nothing(rate: int, sizes: list[int]) -> None:
    pcm, windows, at = noise(rate, 300), Windows(rate), 0
    found = []
    for size in [*sizes, len(pcm)]:
        windows.add(pcm[at : at + size])
        found += taken(windows)
        at += size
    assert np.array_equal(np.concatenate(found), heard(pcm, rate))


@pytest.mark.parametrize("rate", RATES)
def test_a_window_is_there_when_its_last_sample_and_the_reach_of_the_filter_are(rate: int) -> None:
    windows = Windows(rate)
    samples = WINDOW_SAMPLES * rate // SAMPLE_RATE + reach(rate)
    windows.add(bytes(2 * samples - 1))
    assert not windows.ready
    windows.add(bytes(1))
    assert windows.ready


@pytest.mark.parametrize("rate", RATES)
def test_silence_is_known_only_where_it_is_digital(rate: int) -> None:
    """A window with a trace of what came before it, or comes behind it, is not silent."""
    windows = Windows(rate)
    one = WINDOW_SAMPLES * rate // SAMPLE_RATE * 2
    windows.add(bytes(one) + b"\1\0" + bytes(one * 4))
    silent, found = [], []
    while windows.ready:
        silent.append(windows.silent)
        found.append(windows.window())
        windows.step()
    assert silent[:4] == (
        [True, False, True, True] if rate == SAMPLE_RATE else [False] * 2 + [True] * 2
    )
    assert all(not window.any() for window, quiet in zip(found, silent, strict=True) if quiet)


@pytest.mark.parametrize(("before", "after"), [*permutations(RATES, 2), (24000, 24000)])
def test_another_rate_loses_no_sample(before: int, after: int) -> None:
    windows = Windows(before)
    windows.add(tone(before, 440, 305))
    found = taken(windows)
    windows.reformat(after)
    windows.add(tone(after, 440, 410))
    found += taken(windows)
    assert len(found) == (305 + 410) // 32
