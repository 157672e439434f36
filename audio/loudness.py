"""Makes quiet speech louder without clipping its peaks, and tells a steady sound from others.

A gain that is right for most of a clip would clip its loudest syllables. So where they come, the
gain is lowered for some milliseconds before and after, which is not heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CEILING = 0.89
"""Highest amplitude of the result: -1 dB of full scale, so that resampling does not clip either."""
_MOMENT_MS = 32
_BLOCK = 60
_REACH = 4
"""Blocks before and after a peak in which the gain falls and rises: 10 ms at 24 kHz."""


def louder(wave: NDArray[np.float32], gain_db: float) -> NDArray[np.float32]:
    """Return a clip with a gain, and with its peaks held below `CEILING`.

    Args:
        wave: Samples from -1 to 1.
        gain_db: Gain in decibels.
    """
    loud = (wave * 10 ** (gain_db / 20)).astype(np.float32)
    if not len(loud) or float(np.abs(loud).max()) <= CEILING:
        return loud
    blocks = np.abs(np.pad(loud, (0, -len(loud) % _BLOCK))).reshape(-1, _BLOCK).max(axis=1)
    wanted = np.minimum(1.0, CEILING / np.maximum(blocks, 1e-9))
    # The least of the neighbours, averaged over as many: never more than any block may have.
    lowest = _windows(wanted, 2 * _REACH + 1, fill=1.0).min(axis=1)
    smooth = _windows(lowest, 2 * _REACH - 1, fill=1.0).mean(axis=1)
    middles = np.arange(len(smooth)) * _BLOCK + _BLOCK / 2
    held: NDArray[np.float32] = loud * np.interp(np.arange(len(loud)), middles, smooth)
    return np.clip(held, -CEILING, CEILING).astype(np.float32)


def contrast_db(pcm: bytes, rate: int) -> float:
    """Return how far the loud and the soft moments of a sound are apart, in decibels.

    Noise is the same all the time; who speaks pauses, if only between two syllables. Moments are
    of 32 ms, and the loudest and softest tenth of them does not count.

    Args:
        pcm: 16-bit mono PCM.
        rate: Its sample rate in Hz.

    Returns:
        The distance; 0 for a sound shorter than two moments.
    """
    step = rate * _MOMENT_MS // 1000
    samples = np.frombuffer(pcm, "<i2", count=len(pcm) // 2 // step * step).astype(np.float32)
    if len(samples) < 2 * step:
        return 0.0
    # Digital silence has no level: it is taken for the softest sound there is.
    levels = 10 * np.log10(np.square(samples).reshape(-1, step).mean(axis=1) + 1)
    soft, loud = np.quantile(levels, (0.1, 0.9))
    return float(loud - soft)


def _windows(values: NDArray[np.float64], width: int, fill: float) -> NDArray[np.float64]:
    """Return for each value it and its neighbours, `width` in all."""
    padded = np.pad(values, width // 2, constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, width)
