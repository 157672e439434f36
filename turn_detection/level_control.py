"""Makes quiet voices louder before Silero hears them, which misses what is below −50 dBFS (§C.4).

A voice far from the microphone, or a microphone that is turned down, is speech all the same. The
gain follows the loudest windows of the last seconds, so that a voice of usual level is heard as it
is, to the bit, and what follows it too. Noise that is made louder stays noise to Silero.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from turn_detection.silero import Window

TARGET_DB = -36.0
"""Level in dBFS up to which quiet audio is made louder."""
MOST_DB = 32.0
"""Largest gain in dB."""
FALL_DB = 0.25
"""By which the loudest level falls with each window: 8 dB/s."""

SILENT_DB = -100.0
"""Level of digital silence."""
_FALL = 10 ** (-FALL_DB / 20)
_TARGET = 10 ** (TARGET_DB / 20)
_MOST = 10 ** (MOST_DB / 20)


class Heard(NamedTuple):
    """A window as Silero is to hear it."""

    window: Window
    original: Window
    """It, before it was made louder."""
    amplitude: float
    """Root mean square of the original (0–1)."""

    @property
    def level_db(self) -> float:
        """Level of the original in dBFS."""
        return max(20 * math.log10(self.amplitude), SILENT_DB) if self.amplitude else SILENT_DB


class LevelControl:
    """The gain of one stream."""

    def __init__(self) -> None:
        """Start in silence."""
        self._loudest = 0.0
        """Amplitude (root mean square) of the loudest window, falling."""

    def heard(self, window: Window) -> Heard:
        """Return the window as Silero is to hear it; `passed` then advances past it."""
        amplitude = math.sqrt(float(np.dot(window, window)) / len(window))
        loudest = max(amplitude, self._loudest)
        if loudest >= _TARGET or not loudest:
            return Heard(window, window, amplitude)
        gain = np.float32(min(_TARGET / loudest, _MOST))
        return Heard(window * gain, window, amplitude)

    def passed(self, amplitude: float) -> None:
        """Advance past a window of this amplitude (root mean square, 0–1)."""
        self._loudest = max(amplitude, self._loudest * _FALL)
