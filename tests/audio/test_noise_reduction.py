"""Steady noise is turned down, speech stays, and nothing moves in time."""

from __future__ import annotations

import numpy as np
import pytest

from audio.noise_reduction import NoiseReducer, NoiseReduction
from audio.pcm import read_wav, silence
from tests.support.places import DATA

CLEAN = silence(1500) + read_wav(DATA / "flite-slt_s01.wav") + silence(500)
HISS = np.random.default_rng(1).normal(0, 400, len(CLEAN) // 2)
NOISY = np.clip(np.frombuffer(CLEAN, dtype="<i2") + HISS, -32768, 32767).astype("<i2").tobytes()


def cleaned(pcm: bytes, settings: NoiseReduction, rate: int = 24000) -> bytes:
    """A whole clip, cleaned at once."""
    reducer = NoiseReducer(settings, rate)
    return reducer.push(pcm) + reducer.flush()


def rms(pcm: bytes, start_ms: int, end_ms: int) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    return float(np.sqrt(np.mean(samples[start_ms * 24 : end_ms * 24] ** 2)))


@pytest.mark.parametrize("kind", ["near_field", "far_field"])
def test_noise_is_at_least_halved_and_speech_kept(kind):
    out = cleaned(NOISY, NoiseReduction(kind))
    assert rms(out, 200, 1400) < rms(NOISY, 200, 1400) / 2
    assert rms(out, 1700, 2700) > 0.8 * rms(CLEAN, 1700, 2700)


def test_far_field_cuts_deeper_and_strength_scales_it():
    def left(kind, strength):
        return rms(cleaned(NOISY, NoiseReduction(kind, strength)), 200, 1400)

    assert left("far_field", 1.0) < left("near_field", 1.0) < left("near_field", 0.5)


def test_strength_zero_changes_nothing():
    assert cleaned(NOISY, NoiseReduction("far_field", 0.0)) == NOISY


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_the_stream_is_as_long_as_its_input_however_it_is_cut(rate):
    reducer = NoiseReducer(NoiseReduction("near_field"), rate)
    pieces = [reducer.push(NOISY[start : start + 998]) for start in range(0, len(NOISY), 998)]
    out = b"".join(pieces) + reducer.flush()
    assert len(out) == len(NOISY)
    assert out == cleaned(NOISY, NoiseReduction("near_field"), rate)
