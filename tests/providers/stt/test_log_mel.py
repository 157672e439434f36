"""What Whisper is given: checked against properties that its training fixes."""

from __future__ import annotations

import numpy as np
import pytest

from providers.stt.log_mel import SAMPLE_RATE, log_mel, padded_to


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * hz * times)).astype(np.float32)


@pytest.mark.parametrize("bands", [80, 128])
def test_a_frame_each_10_ms_and_a_range_of_8_decades(bands):
    mel = log_mel(tone(440, 2.615), bands)
    assert mel.shape == (bands, 261)
    assert mel.dtype == np.float32
    assert mel.max() - mel.min() == pytest.approx(2)


# In mel, 1000 Hz is 15 of 45.2, and 4000 Hz 15 + 27 · ln 4 / ln 6.4.
@pytest.mark.parametrize(("hz", "mels"), [(500, 7.5), (1000, 15.0), (4000, 35.16)])
def test_a_tone_is_loudest_in_its_band(hz, mels):
    mel = log_mel(tone(hz), 80)
    assert int(mel[:, 50].argmax()) == pytest.approx(mels / 45.2456 * 81 - 1, abs=1)


def test_long_audio_is_no_other_than_short_audio():
    # Blocks of 10 s are transformed apart.
    long = log_mel(np.tile(tone(440, 1), 25), 80)
    assert long[:, 990:1010] == pytest.approx(long[:, 490:510], abs=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 159])
def test_less_than_a_frame_is_none(samples):
    mel = log_mel(np.zeros(samples, np.float32), 80)
    assert mel.shape == (80, 0)
    assert padded_to(mel, 10).shape == (80, 10)


@pytest.mark.parametrize("samples", [160, 200, 201])
def test_audio_shorter_than_the_transform_is_one_frame(samples):
    assert log_mel(np.ones(samples, np.float32), 80).shape == (80, 1)


def test_a_window_is_filled_up_with_silence_or_cut():
    mel = log_mel(np.concatenate([tone(440, 0.5), np.zeros(8000, np.float32)]), 80)
    padded = padded_to(mel, 150)
    assert padded.shape == (80, 150)
    assert padded[:, 100:] == pytest.approx(mel.min())
    assert (padded_to(mel, 30) == mel[:, :30]).all()
