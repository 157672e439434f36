"""Gain, with peaks that are held rather than clipped."""

from __future__ import annotations

import numpy as np
import pytest

from audio.loudness import CEILING, louder

RATE = 24000


def tone(amplitude: float, seconds: float = 0.5) -> np.ndarray:
    time = np.arange(int(RATE * seconds)) / RATE
    return (amplitude * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def test_a_quiet_clip_has_the_gain() -> None:
    assert louder(tone(0.1), 6.02) == pytest.approx(tone(0.2), abs=1e-3)


def test_a_loud_middle_is_held_and_the_rest_has_the_gain() -> None:
    clip = np.concatenate([tone(0.2), tone(0.8), tone(0.2)])
    result = louder(clip, 4.0)
    assert np.abs(result).max() <= CEILING
    # Without flat tops: hardly a sample is at the ceiling.
    assert np.count_nonzero(np.abs(result) >= CEILING) < len(clip) / 200
    quiet = slice(0, RATE * 2 // 5)
    assert result[quiet] == pytest.approx(clip[quiet] * 10 ** (4 / 20), abs=1e-3)


def test_nothing_stays_nothing() -> None:
    assert len(louder(np.zeros(0, dtype=np.float32), 4.0)) == 0
    assert not louder(np.zeros(100, dtype=np.float32), 4.0).any()
