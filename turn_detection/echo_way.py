"""The way of an echo from loudspeaker to microphone, once it is known: its delay and loudness.

Whether it still holds is seen window by window: what was sent is looked for at its delay, and each
band may be as loud as the echo has been.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from turn_detection.echo_spectra import BINS, LAGS, Levels, Spectrum, correlations
from turn_detection.sent_audio import PER_MS
from turn_detection.silero import WINDOW_MS

SAME_DELAY = 4 * PER_MS
"""Samples by which delays may differ and be the same."""
TAIL = 8
"""Windows for which a room's echo of a sound is heard."""
ALIKE = 0.6
"""Share of the usual correlation from which an echo is most of a window."""
LOUDER_DB = 4.0
"""Excess over the loudest echo that tells of somebody else: it is 3 dB in one window of 100."""
_SEEN, _JUST_ALIKE = 0.4, 0.9
"""Shares from which it is there at all, and is all of the window."""
_WATCH_MEMORY = np.float32(0.7)
"""What a window counts when the next one has come: over some 3."""
_CLEAR = 3.8
"""Peak of the correlation, above the average of the rest, from which it is clear."""
_FEW_BANDS_DB = 2.0
"""More than that of the excess in power, which a single band may be."""
_LOUDER_ALIKE_DB = 8.0
"""Excess where the window is just as it was sent: the loudspeaker was turned up, perhaps."""
_LOUDER_AT_FIRST_DB = 10.0
"""The same while little is known of the echo."""
_ON_PROBATION = 12
"""Windows that an echo has to be found in before its level is believed."""
_RISE_DB, _FALL_DB = 0.6, 0.1
"""Steps by which a band's gain follows: so 6 windows in 7 stay below."""
_FADES_DB = 3.0 * np.arange(TAIL, dtype=np.float32)[:, None]
"""How much softer a room's echo of sound is that was sent a window earlier."""
_QUIET_DB = 25.0
"""Bands that are so much softer than the loudest say nothing."""


@dataclass
class EchoWay:
    """The way of the echo, as far as it is known."""

    offset: int
    """Windows by which the frame is earlier in which what was sent is found."""
    lag: int
    """Column of `correlations` at which it is."""
    likeness: float
    """How high the correlation usually is there."""
    gains: Levels | None = None
    """How loud each band comes back, in dB: hardly ever louder."""
    confirmed: int = 0
    """Windows in which the echo was seen."""
    doubts: int = 0
    """Windows in which it was not, while on probation."""
    settled: bool = False
    """Whether it was seen since playback began."""
    cross: Spectrum = field(default_factory=lambda: np.zeros(BINS, np.complex64))
    weight: float = 0.0

    @property
    def delay(self) -> int:
        """Samples by which it is late, at 8 kHz."""
        return self.offset * WINDOW_MS * PER_MS + LAGS - self.lag

    @property
    def trusted(self) -> bool:
        """Whether its level is known."""
        return self.confirmed >= _ON_PROBATION

    def explains(self, spectrum: Spectrum, levels: Levels, rows: Spectrum, sent: Levels) -> bool:
        """Return whether a window holds the echo and nobody else; learn from it if so.

        Args:
            spectrum: Of the window.
            levels: Of the window.
            rows: The spectrum of what was sent.
            sent: The levels of that, and of what was sent before it.
        """
        self.cross = (self.cross * _WATCH_MEMORY + np.conj(spectrum) * rows).astype(np.complex64)
        self.weight = self.weight * float(_WATCH_MEMORY) + 1
        by_lag = correlations(self.cross[None])[0] / np.float32(self.weight)
        start = max(0, self.lag - SAME_DELAY)
        lag = start + int(by_lag[start : self.lag + SAME_DELAY + 1].argmax())
        likeness = float(by_lag[lag])
        share = likeness / self.likeness
        clear = likeness > _CLEAR * float(np.sqrt(np.mean(by_lag**2))) and share > _SEEN
        echo = (sent - _FADES_DB).max(axis=0)
        if self.gains is None:
            self.gains = levels - echo
        excess = levels - echo - self.gains
        in_most = float(np.median(excess[levels > levels.max() - _QUIET_DB]))
        # A vowel of somebody else's may be loud in two bands of eight, and soft in the others.
        in_all = _sum_db(levels) - _sum_db(echo + self.gains) - _FEW_BANDS_DB
        louder_db = max(in_most, in_all)
        if not self.trusted:
            if not clear:
                self.doubts += 1
            elif louder_db < _LOUDER_AT_FIRST_DB:
                self._learn(lag, likeness, excess, 3)
                return True
            return False
        if not clear or share < ALIKE:
            return louder_db < LOUDER_DB
        if louder_db < LOUDER_DB:
            self._learn(lag, likeness, excess, 1)
            return True
        if share > _JUST_ALIKE:
            self.gains = self.gains + np.clip(excess, 0, _RISE_DB)
        return louder_db < _LOUDER_ALIKE_DB

    def _learn(self, lag: int, likeness: float, excess: Levels, pace: float) -> None:
        self.lag = lag
        self.likeness += 0.05 * (likeness - self.likeness)
        steps = np.clip(excess, -_FALL_DB * pace, _RISE_DB * pace)
        self.gains = steps if self.gains is None else self.gains + steps
        self.confirmed += 1
        self.settled = True


def _sum_db(levels: Levels) -> float:
    """Return the level of all bands together, in dB."""
    return 10 * math.log10(float(np.sum(np.power(10.0, levels / 10))))
