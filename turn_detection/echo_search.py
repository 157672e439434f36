"""The search for what was sent in a voice that is heard, at all delays that a client may cause."""

from __future__ import annotations

import numpy as np

from turn_detection.echo_spectra import BINS, LAGS, Rows, Spectrum, correlations
from turn_detection.echo_way import SAME_DELAY, EchoWay
from turn_detection.sent_audio import PER_MS
from turn_detection.silero import WINDOW_MS

LONGEST_DELAY_MS = 2560
"""A client's buffer of 2 s, and a device's."""
_BETWEEN = LAGS // PER_MS // WINDOW_MS
"""Windows between two frames that are searched: 64 ms."""
OFFSETS = np.arange(0, LONGEST_DELAY_MS // WINDOW_MS, _BETWEEN)
"""Windows by which the frames are earlier that are searched."""
_MEMORY = np.float32(0.85)
"""What a window counts when the next one has come: over some 7 windows."""
_LEAST_WEIGHT = 2.5
"""Windows by that count, from which a search can have a result."""
_FOUND = 9.5
"""Peak of a search, above the average of the rest: that of other voices stays below 9."""
_FOUND_AGAIN = 6.0
"""The same at a delay at which there was an echo before."""
LONG = 16
"""Voiced windows after which a voice is looked at now and then."""
_LOOK_WINDOWS, _LOOK_EVERY = 8, 32
"""Windows that are looked at of a voice that was taken for a person's, of so many: may be an echo.
"""


class EchoSearch:
    """The search of one session."""

    def __init__(self) -> None:
        """Start without anything heard."""
        self._cross = np.zeros((len(OFFSETS), BINS), np.complex64)
        self._weight = 0.0
        self.windows = 0
        """Voiced windows since the last pause."""

    def is_due(self, *, unlikely: bool) -> bool:
        """Take a voiced window; return whether it is to be added.

        Who speaks for long is looked at in some windows of many, and who is too loud for any echo
        that there was, in every other one of those.
        """
        self.windows += 1
        looks = (self.windows - 1) % _LOOK_EVERY < _LOOK_WINDOWS
        if unlikely:
            return looks and self.windows % 2 == 0
        return looks or not self._is_long

    @property
    def _is_long(self) -> bool:
        return self.windows > LONG

    def add(self, spectrum: Spectrum, rows: Rows) -> None:
        """Add a window: its spectrum, and those of what was sent, by delay."""
        self._cross *= _MEMORY
        rows.add_products(spectrum, self._cross)
        self._weight = self._weight * float(_MEMORY) + 1

    def result(self, before: EchoWay | None) -> EchoWay | None:
        """Return the way that the echo takes; None: there is none to be seen.

        Args:
            before: One that was seen once, and is more likely than others.
        """
        if self._weight < _LEAST_WEIGHT or (self._is_long and self.windows % _LOOK_WINDOWS):
            return None
        # Where nothing was sent there is nothing alike, which says nothing of the rest.
        rows = np.flatnonzero(self._cross.any(axis=1))
        if not len(rows):
            return None
        by_delay = correlations(self._cross[rows]) / np.float32(self._weight)
        at, lag = divmod(int(by_delay.argmax()), LAGS + 1)
        row = int(rows[at])
        way = EchoWay(int(OFFSETS[row]), lag, float(by_delay[at, lag]))
        again = before is not None and abs(way.delay - before.delay) < SAME_DELAY
        needed = _FOUND_AGAIN if again else _FOUND
        if way.likeness <= needed * float(np.sqrt(np.mean(by_delay**2))):
            return None
        way.cross, way.weight = self._cross[row].copy(), self._weight
        if before is not None and again:
            way.gains, way.confirmed = before.gains, before.confirmed
        return way
