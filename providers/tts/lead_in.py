"""Trims a synthesiser's leading silence, up to 180 ms that the user would wait for."""

from __future__ import annotations

import numpy as np

KEPT_MS = 20
"""Silence left before the first sound, so that it does not begin with a click."""
AUDIBLE = 250
"""Amplitude of 16-bit PCM that counts as audible (-42 dB of full scale)."""


class LeadIn:
    """One stream of speech, without its silent beginning."""

    def __init__(self, rate: int, audible: int = AUDIBLE) -> None:
        """Start a stream of 16-bit PCM.

        Args:
            rate: Hz.
            audible: Amplitude that counts as sound.
        """
        self._audible = audible
        self._kept_bytes = rate * KEPT_MS // 1000 * 2
        self._silence: bytes | None = b""

    def push(self, pcm: bytes) -> bytes:
        """Take PCM; return it without leading silence."""
        if self._silence is None:
            return pcm
        held = self._silence + pcm
        audible = np.flatnonzero(
            np.abs(np.frombuffer(held, dtype="<i2").astype(int)) > self._audible
        )
        if not len(audible):
            self._silence = held[-self._kept_bytes :]
            return b""
        self._silence = None
        return held[max(int(audible[0]) * 2 - self._kept_bytes, 0) :]
