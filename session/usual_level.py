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
_RATE = 4000
"""Samples of a second that are measured, about."""
_WINDOW = 32 * _RATE // 1000
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
        samples = np.frombuffer(pcm, "<i2", count=len(pcm) // BYTES_PER_SAMPLE)
        # A few of the samples are as loud as all of them.
        few = samples[:: max(1, audio_format.rate // _RATE)].astype(np.float32) / 32768
        windows = few[: len(few) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
        powers = np.sort(np.einsum("ij,ij->i", windows, windows) / _WINDOW)
        if not len(powers) or not powers[-1]:
            return
        power = max(float(powers[(len(powers) - 1) * _SYLLABLES // 100]), 1e-10)
        self._levels.append(10 * math.log10(power))
