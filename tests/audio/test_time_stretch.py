"""`speed` changes how long speech takes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from audio.pcm import duration_ms
from audio.time_stretch import TimeStretch

TONE = (8000 * np.sin(2 * np.pi * 220 / 24000 * np.arange(48000))).astype("<i2").tobytes()


def stretched(pcm: bytes, speed: float, step: int = 10**9) -> bytes:
    stretch = TimeStretch(speed)
    pieces = [stretch.push(pcm[start : start + step]) for start in range(0, len(pcm), step)]
    return b"".join(pieces) + stretch.flush()


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / 24000)[np.argmax(spectrum)])


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.0, 1.25, 1.5])
def test_the_length_follows_the_speed_and_the_pitch_does_not(speed):
    out = stretched(TONE, speed)
    assert duration_ms(out) == pytest.approx(duration_ms(TONE) / speed, rel=0.03)
    assert pitch(out) == pytest.approx(220, abs=2)


@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_there_are_no_clicks_and_no_holes(speed):
    samples = np.frombuffer(stretched(TONE, speed), dtype="<i2").astype(float)[1000:-2000]
    steepest = 8000 * 2 * np.pi * 220 / 24000
    assert np.abs(np.diff(samples)).max() < 1.2 * steepest
    loudest = np.abs(samples[: len(samples) // 240 * 240].reshape(-1, 240)).max(axis=1)
    assert loudest.min() > 4000


def test_the_chunking_makes_no_difference():
    assert stretched(TONE, 1.3, 962) == stretched(TONE, 1.3)


def test_its_own_speed_is_passed_through():
    assert stretched(TONE, 1.0, 962) == TONE


@pytest.mark.parametrize("length", [0, 2, 200, 1440])
def test_a_clip_shorter_than_a_piece_survives(length):
    out = stretched(TONE[:length], 1.5)
    assert bool(out) == bool(length)
