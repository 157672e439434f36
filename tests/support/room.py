"""A room with a loudspeaker and a microphone: what is played comes back late, bent and echoing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Samples = NDArray[np.float64]
"""Sound in the range of 16-bit samples."""

REVERBERATION_S = 0.25
"""Seconds in which an echo of the room fades by 60 dB: a furnished room."""


class Room:
    """The way from a loudspeaker to a microphone."""

    def __init__(self, rate: int, delay_ms: float, gain: float = 0.5, seed: int = 1) -> None:
        """Furnish it.

        Args:
            rate: Sample rate in Hz.
            delay_ms: Time through devices and air.
            gain: How loud the echo is beside what is played.
            seed: Another one is another room.
        """
        random = np.random.default_rng(seed)
        length = round(REVERBERATION_S * rate)
        fading = 10 ** (-3 * np.arange(length) / length)
        reflections = random.standard_normal(length) * fading * 0.1
        reflections[0] = 1.0
        delay = np.zeros(round(delay_ms / 1000 * rate))
        self._way = np.concatenate([delay, reflections * (gain / np.linalg.norm(reflections))])
        self._random = random

    def echo(self, played: Samples) -> Samples:
        """Return what arrives at the microphone of what is played, with a little noise.

        The loudspeaker clips what is loud, as small ones do.
        """
        clipped = np.clip(played, -9000, 9000)
        arrived: Samples = fftconvolve(clipped, self._way)[: len(played)]
        noise: Samples = self._random.standard_normal(len(played)) * 5
        return arrived + noise


def samples(pcm: bytes) -> Samples:
    """Return 16-bit PCM as numbers."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def pcm(sound: Samples) -> bytes:
    """Return numbers as 16-bit PCM."""
    return np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()


def level_db(sound: Samples) -> float:
    """Return the power of a sound in dB."""
    return float(10 * np.log10(np.mean(sound**2) + 1e-9))
