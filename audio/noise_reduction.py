"""Suppresses steady noise in the input of the turn detector and the recogniser (§C.2).

A Wiener filter on 20 ms frames: steady sound, such as a fan or hiss, is estimated per frequency
and attenuated; speech, which varies, stays. `far_field` attenuates more than `near_field`, where
the microphone is close and the noise faint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 20
_FLOOR = {"near_field": 0.25, "far_field": 0.1}
_LEARN_MS = 1200
"""The noise is the minimum power within one to two times this: longer than any vowel."""
_SMOOTHING = 0.8
_MINIMUM_BIAS = 2.0
"""The minimum of a fluctuating power lies about this much below its mean."""
_DECISION_DIRECTED = 0.96


@dataclass(frozen=True, slots=True)
class NoiseReduction:
    """Settings of noise reduction."""

    type: Literal["near_field", "far_field"]
    strength: float = 1.0
    """0: no change, 1: the full attenuation of the type."""

    def wire(self) -> dict[str, Any]:
        """Return the settings as sessions show them."""
        return {"strength": self.strength, "type": self.type}


class NoiseReducer:
    """One stream of 16-bit PCM; the output is aligned with the input, and up to 20 ms later."""

    def __init__(self, settings: NoiseReduction, rate: int) -> None:
        """Start a stream.

        Args:
            settings: Type and strength.
            rate: Sample rate in Hz.
        """
        self._hop = rate * FRAME_MS // 2000
        self._strength = settings.strength
        self._floor = _FLOOR[settings.type]
        self._window = np.sin(np.pi * (np.arange(2 * self._hop) + 0.5) / (2 * self._hop))
        bins = self._hop + 1
        self._input: NDArray[np.float64] = np.zeros(self._hop)
        self._overlap: NDArray[np.float64] = np.zeros(self._hop)
        self._skip = self._hop
        self._power: NDArray[np.float64] | None = None
        self._minimum = np.full(bins, np.inf)
        self._candidate = np.full(bins, np.inf)
        self._frames = 0
        self._clean = np.zeros(bins)
        self._taken = 0
        self._given = 0

    def push(self, pcm: bytes) -> bytes:
        """Take PCM; return the filtered samples that are ready."""
        self._taken += len(pcm) // 2
        self._input = np.append(self._input, np.frombuffer(pcm, dtype="<i2"))
        out = []
        while len(self._input) >= 2 * self._hop:
            out.append(self._frame(self._input[: 2 * self._hop]))
            self._input = self._input[self._hop :]
        return self._give(out)

    def flush(self) -> bytes:
        """Return the rest of the stream."""
        missing = self._taken - self._given
        self._input = np.append(self._input, np.zeros(4 * self._hop))
        out = []
        while len(self._input) >= 2 * self._hop:
            out.append(self._frame(self._input[: 2 * self._hop]))
            self._input = self._input[self._hop :]
        return self._give(out)[: missing * 2]

    def _give(self, frames: list[NDArray[np.float64]]) -> bytes:
        if not frames:
            return b""
        samples = np.concatenate(frames)
        # The first half frame lies before the start of the stream.
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        samples = samples[skipped:]
        self._given += len(samples)
        return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()

    def _frame(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(samples * self._window)
        filtered = np.fft.irfft(spectrum * self._gain(np.abs(spectrum) ** 2)) * self._window
        ready = self._overlap + filtered[: self._hop]
        self._overlap = filtered[self._hop :]
        return ready

    def _gain(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        noise = self._learn(power) * _MINIMUM_BIAS + 1.0
        instant = np.maximum(power / noise - 1, 0)
        prior = _DECISION_DIRECTED * self._clean / noise + (1 - _DECISION_DIRECTED) * instant
        gain = np.maximum(prior / (1 + prior), self._floor)
        self._clean = gain**2 * power
        return 1 - self._strength * (1 - gain)

    def _learn(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._power is None:
            self._power = power
        self._power = _SMOOTHING * self._power + (1 - _SMOOTHING) * power
        self._candidate = np.minimum(self._candidate, self._power)
        self._minimum = np.minimum(self._minimum, self._power)
        self._frames += 1
        if self._frames * FRAME_MS // 2 >= _LEARN_MS:
            self._minimum, self._candidate = self._candidate, self._power.copy()
            self._frames = 0
        return self._minimum
