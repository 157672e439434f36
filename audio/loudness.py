"""Makes quiet speech louder without clipping its peaks.

A gain that is right for most of a clip would clip its loudest syllables. So where they come, the
gain is lowered for some milliseconds before and after, which is not heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CEILING = 0.89
"""Highest amplitude of the result: -1 dB of full scale, so that resampling does not clip either."""
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


def _windows(values: NDArray[np.float64], width: int, fill: float) -> NDArray[np.float64]:
    """Return for each value it and its neighbours, `width` in all."""
    padded = np.pad(values, width // 2, constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(padded, width)
