"""Lowers a voice that plays while it is open whether the user interrupts it (§B.5); pure.

The gain moves along a straight line within 40 ms, as a step would click.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DUCKED = 10 ** (-12 / 20)
"""Gain of a ducked voice: -12 dB."""
RAMP_MS = 40
_RATE = 24000
_STEP = (1 - DUCKED) / (RAMP_MS * _RATE // 1000)
"""How far the gain moves per sample."""


class Fader:
    """The gain of one stream of 24 kHz PCM."""

    def __init__(self) -> None:
        """Start at full level."""
        self._gain = 1.0
        self._goal = 1.0

    def duck(self, *, on: bool) -> None:
        """Move to the lower level, or back."""
        self._goal = DUCKED if on else 1.0

    def faded(self, pcm: bytes) -> bytes:
        """Return the next 16-bit samples at the gain that they are due; at full level, as is."""
        if self._gain == self._goal == 1.0:
            return pcm
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        steps = np.arange(1, len(samples) + 1, dtype=np.float32) * np.float32(_STEP)
        if self._gain < self._goal:
            gains = np.minimum(self._gain + steps, self._goal)
        else:
            gains = np.maximum(self._gain - steps, self._goal)
        # Exact at the end of the ramp, so that full level is full level.
        done = len(samples) > 0 and bool(abs(float(gains[-1]) - self._goal) < _STEP / 2)
        if len(samples):
            self._gain = self._goal if done else float(gains[-1])
        lowered: NDArray[np.int16] = np.rint(samples * gains).astype("<i2")
        return lowered.tobytes()
