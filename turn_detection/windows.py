"""Cuts a session's audio into Silero's windows: 32 ms at 16 kHz.

Audio is buffered as it comes and resampled a window at a time, by one small matrix product; a
streaming resampler called for every 20 ms chunk of a hundred clients would cost more than the
model. Window k is the sound from k · 32 ms on, however the audio was chunked.
"""

from __future__ import annotations

import math
from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, resample
from turn_detection.silero import WINDOW_SAMPLES

_REACH_MS = 1
_MIN_REACH = 24
"""Fewer samples make no filter: the lower rates look further ahead."""
_ROLLOFF = 0.92
"""Cut-off frequency, as a share of the lower of the two Nyquist frequencies."""
_KAISER_BETA = 6.0
"""Shape of the Kaiser window: about 60 dB of attenuation."""
_BLOCK = 32
"""Output samples that one row of the product computes."""


def reach(rate: int) -> int:
    """Return how many samples of a rate, in Hz, the filter looks ahead and back."""
    return 0 if rate == SAMPLE_RATE else max(_MIN_REACH, _REACH_MS * rate // 1000)


class Windows:
    """One stream of 16-bit mono PCM, window by window."""

    def __init__(self, rate: int) -> None:
        """Start a stream.

        Args:
            rate: Sample rate in Hz: 16,000, or that of a wire format.
        """
        self._pending = bytearray()
        self._listen(rate)

    def reformat(self, rate: int) -> None:
        """Expect another rate, in Hz, from the next `add` on; buffered audio is converted."""
        if rate != self._rate:
            before = bytes(self._pending[self._history_bytes :])
            earlier = self._rate
            self._pending.clear()
            self._listen(rate)
            self._pending += resample(before, earlier, rate)

    def restart(self, into_ms: float) -> None:
        """Drop what is buffered; the next `add` begins `into_ms` into a window, after silence."""
        self._pending.clear()
        self._listen(self._rate)
        self._pending += bytes(round(into_ms * self._rate / 1000) * BYTES_PER_SAMPLE)

    def _listen(self, rate: int) -> None:
        self._rate = rate
        ahead = reach(rate)
        self._step_bytes = WINDOW_SAMPLES * rate // SAMPLE_RATE * BYTES_PER_SAMPLE
        self._history_bytes = max(0, ahead - 1) * BYTES_PER_SAMPLE
        self._needed = self._history_bytes + self._step_bytes + ahead * BYTES_PER_SAMPLE
        self._silence = bytes(self._needed)
        self._pending += bytes(self._history_bytes)

    def add(self, pcm: bytes) -> None:
        """Buffer 16-bit PCM."""
        self._pending += pcm

    @property
    def ready(self) -> bool:
        """Whether a window is complete."""
        return len(self._pending) >= self._needed

    @property
    def lacking(self) -> int:
        """Bytes that the window still lacks; 0 or less: it is complete."""
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

    @property
    def peak(self) -> float:
        """The window's largest sample, 0–1."""
        count, offset = self._step_bytes // BYTES_PER_SAMPLE, self._history_bytes
        samples = np.frombuffer(self._pending, "<i2", count=count, offset=offset)
        return max(int(samples.max()), -int(samples.min())) / 32768

    @property
    def level_db(self) -> float:
        """The window's level in dBFS, of all its samples; digital silence has -100."""
        count, offset = self._step_bytes // BYTES_PER_SAMPLE, self._history_bytes
        samples = np.frombuffer(self._pending, "<i2", count=count, offset=offset)
        power = float(np.square(samples.astype(np.float32)).mean()) / 32768**2
        return 10 * math.log10(max(power, 1e-10))

    def step(self) -> None:
        """Advance past the window."""
        del self._pending[: self._step_bytes]


class _Converter:
    """Resamples windows of one rate. Not thread-safe: it reuses its arrays."""

    def __init__(self, rate: int) -> None:
        self._filters = _filters(rate)
        step = _BLOCK * rate // SAMPLE_RATE
        length = len(self._filters)
        blocks = WINDOW_SAMPLES // _BLOCK
        self._samples = np.zeros((blocks - 1) * step + length + 1, np.int16)
        # A row per block, with the neighbouring samples that the filter covers.
        number = self._samples.itemsize
        self._overlapping: NDArray[np.int16] = np.ndarray(
            (blocks, length), np.int16, self._samples, strides=(step * number, number)
        )
        self._rows = np.zeros((blocks, length), np.float32)

    def convert(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the window of these samples: 512 at 16 kHz, in [-1, 1]."""
        self._samples[: len(samples)] = samples
        np.copyto(self._rows, self._overlapping)
        # Always the same shapes, so that sums are made in the same order and results never vary.
        window: NDArray[np.float32] = np.dot(self._rows, self._filters).reshape(-1)
        return window


@cache
def _converter(rate: int) -> _Converter:
    return _Converter(rate)


def _filters(rate: int) -> NDArray[np.float32]:
    """Return the low-pass filters for a block at 16 kHz, one column per output sample.

    Column k is a windowed sinc around the position of sample k in the input; it also scales
    16-bit samples to [-1, 1].
    """
    common = gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    block = _BLOCK * down // up
    cutoff = _ROLLOFF * min(1.0, up / down)  # 1: half the input's rate
    span = reach(rate)
    columns = np.zeros((span - 1 + block - 1 + span + 1, _BLOCK))
    for sample in range(_BLOCK):
        place = span - 1 + sample * down / up
        distances = np.arange(len(columns)) - place
        inside = np.abs(distances) < span
        taper = np.i0(_KAISER_BETA * np.sqrt(1 - (distances[inside] / span) ** 2))
        taps = np.sinc(cutoff * distances[inside]) * taper
        columns[inside, sample] = taps / taps.sum()
    return (columns / 32768.0).astype(np.float32)
