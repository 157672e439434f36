"""Gain, with peaks that are held rather than clipped."""

from __future__ import annotations

import numpy as np
import pytest

from audio.loudness import CEILING, contrast_db, louder

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


def pcm(wave: np.ndarray) -> bytes:
    return (wave * 32767).astype("<i2").tobytes()


def test_a_steady_sound_has_no_contrast() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.05, 2 * RATE).astype(np.float32)
    assert contrast_db(pcm(tone(0.2)), RATE) < 1
    assert contrast_db(pcm(hiss), RATE) < 2


def test_who_pauses_has_the_contrast_of_his_pauses() -> None:
    talk = np.concatenate([tone(0.2), tone(0.02), tone(0.2), tone(0.02)])
    assert contrast_db(pcm(talk), RATE) == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("seconds", [0, 0.03])
def test_a_sound_too_short_to_change_has_no_contrast(seconds: float) -> None:
    assert contrast_db(pcm(tone(0.2, seconds)), RATE) == 0


def test_digital_silence_is_the_softest_sound() -> None:
    clip = np.concatenate([tone(0.2), 0 * tone(0.2)])
    assert 60 < contrast_db(pcm(clip), RATE) < 90
