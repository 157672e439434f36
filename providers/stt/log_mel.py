"""What Whisper hears: the loudness of a turn in mel bands, a hundred times a second.

Models were trained on exactly this, so every number here is Whisper's own.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
FRAMES_PER_S = 100
_HOP = SAMPLE_RATE // FRAMES_PER_S
_FFT = 400
_LINEAR_TO_HZ = 1000.0
"""The mel scale is linear up to here, and logarithmic above."""
_HZ_PER_MEL = 200 / 3
_LOG_STEP = np.log(6.4) / 27
_BLOCK = 1000
"""Frames that are transformed at a time: 10 s, a few megabytes."""

Features = NDArray[np.float32]


def log_mel(samples: NDArray[np.float32], bands: int) -> Features:
    """Return the log-mel spectrogram of a turn, normalised over the turn.

    Args:
        samples: Audio at 16 kHz, in -1 … 1.
        bands: Mel bands of the model, 80 or 128.

    Returns:
        `bands` rows; a column for each 10 ms, rounded down, and none for less than one.
    """
    count = len(samples) // _HOP
    if not count:
        return np.zeros((bands, 0), np.float32)
    # Frames are centred on their time; `reflect` cannot mirror more than there is.
    mode: Literal["reflect", "constant"] = "reflect" if len(samples) > _FFT // 2 else "constant"
    padded = np.pad(samples.astype(np.float32, copy=False), _FFT // 2, mode=mode)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][:count]
    mel = np.empty((bands, count), np.float32)
    for start in range(0, count, _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * _window())
        power = spectrum.real**2 + spectrum.imag**2
        mel[:, start : start + _BLOCK] = _filters(bands) @ power.astype(np.float32).T
    loudness = np.log10(np.maximum(mel, 1e-10))
    normalised: Features = (np.maximum(loudness, loudness.max() - 8) + 4) / 4
    return normalised


def padded_to(features: Features, frames: int) -> Features:
    """Return a spectrogram of exactly so many frames: cut, or filled up with silence.

    The quietest value stands for silence. With zeros, which are no silence, the last word of a
    turn that ends soon after it is often lost.
    """
    silence = features.min() if features.size else -1.0
    heard = features[:, :frames]
    padding = ((0, 0), (0, frames - heard.shape[1]))
    return np.ascontiguousarray(np.pad(heard, padding, constant_values=silence))


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(_FFT + 1)[:-1].astype(np.float32)


@cache
def _filters(bands: int) -> NDArray[np.float32]:
    """Return the weights of the bands: triangles of equal area over the bins of the transform."""
    bins = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    edges = _hz(np.linspace(0, _mel(SAMPLE_RATE / 2), bands + 2))
    slopes = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    rising, falling = -slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _mel(hz: float) -> float:
    return float(_LINEAR_TO_HZ / _HZ_PER_MEL + np.log(hz / _LINEAR_TO_HZ) / _LOG_STEP)


def _hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _LINEAR_TO_HZ / _HZ_PER_MEL
    above = _LINEAR_TO_HZ * np.exp(_LOG_STEP * (mels - bend))
    return np.where(mels < bend, mels * _HZ_PER_MEL, above)
