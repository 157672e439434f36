"""Changes the pace of speech without changing its pitch (§C.2, `speed`).

WSOLA: overlapping pieces are taken from the input at the new pace, each shifted by a few
milliseconds to where it best continues the one before. It streams, so that the first audio is
delayed by no more than one piece.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.pcm import WIRE_RATE

_PIECE = WIRE_RATE * 30 // 1000
_OVERLAP = _PIECE // 2
_SEARCH = WIRE_RATE * 8 // 1000


class TimeStretch:
    """One stream of 24 kHz PCM at another pace."""

    def __init__(self, speed: float) -> None:
        """Start a stream.

        Args:
            speed: 1.5 is one and a half times as fast; 1.0 passes everything through.
        """
        self._speed = speed
        self._input: NDArray[np.float32] = np.zeros(0, dtype=np.float32)
        self._dropped = 0
        self._position = 0.0
        self._tail: NDArray[np.float32] | None = None
        ramp = np.hanning(2 * _OVERLAP + 1).astype(np.float32)
        self._fade_in = ramp[:_OVERLAP]
        self._fade_out = 1 - self._fade_in

    def push(self, pcm: bytes) -> bytes:
        """Take 16-bit PCM; return the stretched samples that are ready."""
        if self._speed == 1.0:
            return pcm
        self._input = np.append(self._input, np.frombuffer(pcm, dtype="<i2").astype(np.float32))
        pieces = []
        while (start := self._next_start()) is not None:
            pieces.append(self._take(start))
        return _pcm(pieces)

    def flush(self) -> bytes:
        """Return the rest of the stream."""
        if self._tail is None:
            rest, self._input = self._input, self._input[:0]
            return _pcm([rest])
        left = len(self._input) + self._dropped - self._position
        self._input = np.append(self._input, np.zeros(_PIECE + 2 * _SEARCH, dtype=np.float32))
        pieces = []
        while left > 0 and (start := self._next_start()) is not None:
            pieces.append(self._take(start))
            left -= _OVERLAP * self._speed
        pieces.append(self._tail)
        self._tail = None
        return _pcm(pieces)

    def _next_start(self) -> int | None:
        start = round(self._position) - self._dropped
        return start if start + _SEARCH + _PIECE <= len(self._input) else None

    def _take(self, start: int) -> NDArray[np.float32]:
        if self._tail is None:
            best = start
            head = self._input[best : best + _OVERLAP]
        else:
            best = self._best_match(self._tail, start)
            fresh = self._input[best : best + _OVERLAP]
            head = self._tail * self._fade_out + fresh * self._fade_in
        self._tail = self._input[best + _OVERLAP : best + _PIECE].copy()
        self._position += _OVERLAP * self._speed
        keep_from = max(0, round(self._position) - self._dropped - _SEARCH)
        self._input = self._input[keep_from:]
        self._dropped += keep_from
        return head

    def _best_match(self, tail: NDArray[np.float32], start: int) -> int:
        low = max(0, start - _SEARCH)
        area = self._input[low : start + _SEARCH + _OVERLAP]
        scores = np.correlate(area, tail, mode="valid")
        energy = np.convolve(area**2, np.ones(_OVERLAP, dtype=np.float32), mode="valid")
        return low + int(np.argmax(scores / np.sqrt(energy + 1.0)))


def _pcm(pieces: list[NDArray[np.float32]]) -> bytes:
    if not pieces:
        return b""
    joined = np.concatenate(pieces)
    return np.clip(np.rint(joined), -32768, 32767).astype("<i2").tobytes()
