"""Cuts what a client writes into the windows that Silero hears: 32 ms of 16 kHz.

Audio is put away untouched as it comes and converted a window at a time: one small product of
matrices, where a resampler that is handed every 20 ms of a hundred clients would cost more than
the model. Window k is the sound from k · 32 ms on, however the audio was chunked.
"""

from __future__ import annotations

from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, resample
from turn_detection.silero import WINDOW_SAMPLES

REACH = 24
"""Samples that the filter looks ahead and back: 1 ms at 24 kHz."""
_ROLLOFF = 0.92
"""Where the filter begins to fall, as a share of the highest frequency that fits."""
_KAISER_BETA = 6.0
"""Some 60 dB of attenuation."""
_BLOCK = 32
"""Samples that are computed by one row of the product."""


class Windows:
    """One stream of 16-bit mono PCM, window by window."""

    def __init__(self, rate: int) -> None:
        """Start a stream.

        Args:
            rate: Of the audio, in Hz: 16,000, or one of the wire.
        """
        self._pending = bytearray()
        self._listen(rate)

    def reformat(self, rate: int) -> None:
        """Take what follows at another rate, in Hz; nothing of what came before is lost."""
        if rate != self._rate:
            before = bytes(self._pending[self._history_bytes :])
            earlier = self._rate
            self._pending.clear()
            self._listen(rate)
            self._pending += resample(before, earlier, rate)

    def _listen(self, rate: int) -> None:
        self._rate = rate
        reach = 0 if rate == SAMPLE_RATE else REACH
        self._step_bytes = WINDOW_SAMPLES * rate // SAMPLE_RATE * BYTES_PER_SAMPLE
        self._history_bytes = max(0, reach - 1) * BYTES_PER_SAMPLE
        self._needed = self._history_bytes + self._step_bytes + reach * BYTES_PER_SAMPLE
        self._silence = bytes(self._needed)
        self._pending += bytes(self._history_bytes)

    def add(self, pcm: bytes) -> None:
        """Put audio away."""
        self._pending += pcm

    @property
    def ready(self) -> bool:
        """Whether there is a whole window."""
        return len(self._pending) >= self._needed

    @property
    def lacking(self) -> int:
        """Bytes that the window lacks; 0 or less: it is whole."""
        return self._needed - len(self._pending)

    @property
    def silent(self) -> bool:
        """Whether the window is digital silence."""
        return self._pending.startswith(self._silence)

    def window(self) -> NDArray[np.float32]:
        """Return the window: 512 samples in [-1, 1]."""
        samples = np.frombuffer(self._pending, "<i2", count=self._needed // BYTES_PER_SAMPLE)
        if self._rate == SAMPLE_RATE:
            return samples.astype(np.float32) / np.float32(32768.0)
        return _converter(self._rate).convert(samples)

    def step(self) -> None:
        """Go on behind the window."""
        del self._pending[: self._step_bytes]


class _Converter:
    """Makes windows of one rate. Not for several threads: it reuses its arrays."""

    def __init__(self, rate: int) -> None:
        self._filters = _filters(rate)
        step = _BLOCK * rate // SAMPLE_RATE
        length = len(self._filters)
        blocks = WINDOW_SAMPLES // _BLOCK
        self._samples = np.zeros((blocks - 1) * step + length + 1, np.int16)
        # A row per block, each with what the filter sees of its neighbours.
        number = self._samples.itemsize
        self._overlapping: NDArray[np.int16] = np.ndarray(
            (blocks, length), np.int16, self._samples, strides=(step * number, number)
        )
        self._rows = np.zeros((blocks, length), np.float32)

    def convert(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the window of these samples: 512 at 16 kHz, in [-1, 1]."""
        self._samples[: len(samples)] = samples
        np.copyto(self._rows, self._overlapping)
        # Always the same shapes: a sum is made in the same order whoever else is listened to.
        window: NDArray[np.float32] = np.dot(self._rows, self._filters).reshape(-1)
        return window


@cache
def _converter(rate: int) -> _Converter:
    return _Converter(rate)


def _filters(rate: int) -> NDArray[np.float32]:
    """Return the low-pass that makes a block of 16 kHz, a column per sample of it.

    Column k is a windowed sinc around the place of sample k in the input, scaled to [-1, 1].
    """
    common = gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    block = _BLOCK * down // up
    cutoff = _ROLLOFF * min(1.0, up / down)  # 1: half the input's rate
    columns = np.zeros((REACH - 1 + block - 1 + REACH + 1, _BLOCK))
    for sample in range(_BLOCK):
        place = REACH - 1 + sample * down / up
        distances = np.arange(len(columns)) - place
        inside = np.abs(distances) < REACH
        taper = np.i0(_KAISER_BETA * np.sqrt(1 - (distances[inside] / REACH) ** 2))
        taps = np.sinc(cutoff * distances[inside]) * taper
        columns[inside, sample] = taps / taps.sum()
    return (columns / 32768.0).astype(np.float32)
