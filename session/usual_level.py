"""How loud the user usually speaks, by the turns so far: a raised voice interrupts (§B.5)."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import numpy as np

from audio.formats import AudioFormat
from audio.pcm import BYTES_PER_SAMPLE

TURNS = 5
"""The last turns, whose median counts: one of them may have been shouted."""
LONGEST_MS = 4000
"""How much of a turn's end is measured."""
_WINDOW_MS = 32
_SYLLABLES = 80
"""Percentile of a turn's windows that is the level of its louder syllables."""


class UsualLevel:
    """The level of one user."""

    def __init__(self) -> None:
        """Start without a turn."""
        self._levels: deque[float] = deque(maxlen=TURNS)

    @property
    def db(self) -> float | None:
        """The usual level of a louder syllable in dBFS; None: nothing was said yet."""
        return median(self._levels) if self._levels else None

    def heard(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Take a turn: its audio, in the format that the client appends."""
        end = bytes(memoryview(audio)[-LONGEST_MS * audio_format.bytes_per_ms :])
        pcm = audio_format.decode(end)
        samples = np.frombuffer(pcm, "<i2", count=len(pcm) // BYTES_PER_SAMPLE).astype(np.float32)
        size = _WINDOW_MS * audio_format.rate // 1000
        windows = samples[: len(samples) // size * size].reshape(-1, size)
        if not windows.any():
            return
        powers = np.square(windows / 32768).mean(axis=1)
        power = max(float(np.percentile(powers, _SYLLABLES)), 1e-10)
        self._levels.append(10 * math.log10(power))
