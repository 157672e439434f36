"""A sound is found again at its delay, to the sample."""

from __future__ import annotations

import numpy as np
import pytest

from turn_detection.echo_spectra import (
    BINS,
    FRAME,
    LAGS,
    SentSpectra,
    Spectrum,
    correlations,
    heard_spectrum,
)
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES

NOISE = np.repeat(np.random.default_rng(1).standard_normal(8000), 2).astype(np.float32) * 0.1
"""A second at 16 kHz, with nothing of interest above 4 kHz."""


def sent() -> SentSpectra:
    halved = NOISE[::2]

    def span(start_ms: float, samples: int) -> np.ndarray:
        part: np.ndarray = halved[round(start_ms * 8) :][:samples]
        return part

    return SentSpectra(span, 64)


def correlated(spectrum: Spectrum, index: int) -> np.ndarray:
    cross = np.zeros((1, BINS), np.complex64)
    sent().rows(np.array([index])).add_products(spectrum, cross)
    found: np.ndarray = correlations(cross)[0]
    return found


def by_lag(delay_samples: int, index: int = 12) -> np.ndarray:
    start = (index - 1) * WINDOW_SAMPLES - 2 * delay_samples
    heard = NOISE[start : start + 2 * WINDOW_SAMPLES]
    spectrum, _ = heard_spectrum(heard[:WINDOW_SAMPLES], heard[WINDOW_SAMPLES:])
    return correlated(spectrum, index)


@pytest.mark.parametrize("delay", (1, 100, 400, LAGS - 1))
def test_the_peak_is_at_the_delay(delay):
    found = by_lag(delay)
    assert abs(int(found.argmax()) - (LAGS - delay)) <= 1
    assert found.max() > 6 * np.sqrt(np.mean(found**2))


def test_another_sound_has_no_such_peak():
    spectrum, _ = heard_spectrum(NOISE[:WINDOW_SAMPLES], NOISE[4000 : 4000 + WINDOW_SAMPLES])
    found = correlated(spectrum, 24)
    assert found.max() < 6 * np.sqrt(np.mean(found**2))


def test_digital_silence_is_like_nothing():
    silence = np.zeros(WINDOW_SAMPLES, np.float32)
    spectrum, levels = heard_spectrum(silence, silence)
    assert not spectrum.any()
    assert levels.max() < -100


def test_levels_tell_how_loud_a_band_is():
    _, heard = heard_spectrum(NOISE[:WINDOW_SAMPLES], NOISE[WINDOW_SAMPLES:][:WINDOW_SAMPLES])
    _, louder = heard_spectrum(
        10 * NOISE[:WINDOW_SAMPLES], 10 * NOISE[WINDOW_SAMPLES:][:WINDOW_SAMPLES]
    )
    assert len(sent().rows(np.array([8, 9])).levels) == 2
    assert np.allclose(louder - heard, 20, atol=0.1)


def test_what_is_changed_is_looked_at_anew():
    content = np.zeros(FRAME, np.float32)
    spectra = SentSpectra(lambda _start, _samples: content, 64)
    assert not spectra.rows(np.array([5])).spectrum(0).any()
    content[:] = NOISE[:FRAME]
    assert not spectra.rows(np.array([5])).spectrum(0).any()
    spectra.changed(5 * WINDOW_MS)
    assert spectra.rows(np.array([5])).spectrum(0).any()
