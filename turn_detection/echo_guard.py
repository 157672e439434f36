"""Tells whether a voice that is heard is the server's own, back from a loudspeaker.

It knows what was sent and when (`sent_audio`), and looks for it in each voiced window (`echo_spectra`).
The first time it searches all delays that a client's buffers may cause; once it has found the way
of the echo, it knows the delay and how loud each band comes back, and only looks whether that
still holds. A voice is the server's own where it is as it was sent, or no louder than the echo of
it has to be; so somebody who talks over the echo is heard.

Pure: told what is sent and heard, by the windows of the audio that was heard. While nothing plays it
costs nothing, and with a headset, from which nothing comes back, next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from audio.formats import AudioFormat
from turn_detection.echo_spectra import (
    BANDS,
    BINS,
    LAGS,
    Levels,
    SentSpectra,
    Spectrum,
    correlations,
    heard_spectrum,
)
from turn_detection.sent_audio import PER_MS, SILENT_DB, SentAudio, power_db
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, Window

LONGEST_DELAY_MS = 2560
"""A client's buffer of 2 s, and a device's."""
UNSURE_WINDOWS = 8
"""Voiced windows, 256 ms, after which a voice that was not found in what was sent is a person's."""

_BETWEEN = LAGS // PER_MS // WINDOW_MS
"""Windows between two frames that are searched: 64 ms."""
_OFFSETS = np.arange(0, LONGEST_DELAY_MS // WINDOW_MS, _BETWEEN)
_KEPT = 128
_SEARCH_MEMORY = np.float32(0.85)
_WATCH_MEMORY = np.float32(0.7)
_FOUND = 9.0
"""A peak so many times above the rest is no chance: another voice's stays below 8."""
_RUN = 3
_JITTER = 8 * PER_MS
"""Samples by which the delay may wander from one window to the next."""
_TAIL = 8
_FADES_DB = 3.0 * np.arange(_TAIL, dtype=np.float32)[:, None]
"""How much softer a room's echo of sound is that was sent a window earlier."""
_LOUDER_DB = 6.0
"""By so much a band may be louder than the echo's usual."""
_QUIET_DB = 25.0
"""Bands that are so much softer than the loudest say nothing."""
_NO_LIMIT_DB = 40.0
_LEAST_SENT_DB = -50.0


class Voice(Enum):
    """Whose voice a window holds."""

    THEIRS = "theirs"
    """Somebody's who speaks, or nobody's."""
    OURS = "ours"
    """What the server said."""
    UNSURE = "unsure"
    """The next windows will tell."""


@dataclass
class _Way:
    """The way of the echo, as far as it is known."""

    offset: int
    """Windows by which the frame is earlier in which what was sent is found."""
    lag: int
    """Column of `correlations` at which it is."""
    likeness: float
    """How high the correlation usually is there."""
    gains: Levels | None = None
    """How loud each band comes back, in dB: hardly ever louder."""
    cross: Spectrum = field(default_factory=lambda: np.zeros(BINS, np.complex64))
    weight: float = 0.0


class EchoGuard:
    """The guard of one session."""

    def __init__(self) -> None:
        """Start without anything sent, and without any knowledge of the echo."""
        self._sent = SentAudio(LONGEST_DELAY_MS + 500)
        self._spectra = SentSpectra(self._sent.span, _KEPT)
        self._way: _Way | None = None
        self._limit_db = _NO_LIMIT_DB
        """How much louder than what was sent an echo can be."""
        self._before: Window = _SILENCE
        self._cross: NDArray[np.complex64] | None = None
        """Cross spectra by delay, while one is searched for."""
        self._weight = 0.0
        self._searched = 0
        self._calm_from = 0
        self._calm_db = SILENT_DB
        self.echoes = 0
        """Voiced windows so far that were the server's own."""

    def sent(self, audio: bytes, audio_format: AudioFormat, now_ms: float) -> None:
        """Note what is sent to the client when `now_ms` of its audio have been heard."""
        self._spectra.changed(self._sent.add(audio, audio_format, now_ms))

    def silenced(self, now_ms: float) -> None:
        """Note that the client stops what it plays, when `now_ms` of its audio have been heard."""
        self._sent.stop(now_ms)
        self._spectra.changed(now_ms)

    def listens(self, index: int) -> bool:
        """Whether what was sent may be heard in window `index`."""
        return index * WINDOW_MS < self._sent.audible_until_ms + LONGEST_DELAY_MS

    def hear(self, index: int, window: Window, *, voiced: bool) -> Voice:
        """Take window `index`, behind those before; say whose voice it is.

        Call it for the windows for which `listens`.

        Args:
            index: Counted from the first of the session.
            window: The sound.
            voiced: Whether there is a voice.
        """
        before, self._before = self._before, window
        level_db = power_db(window)
        if not voiced:
            self._calm(index, level_db)
            return Voice.THEIRS
        self._calm_from, self._calm_db = index + 1, SILENT_DB
        spectrum, levels = heard_spectrum(before, window)
        way = self._way
        if way is not None and self._watch(way, index, spectrum, levels, level_db):
            self._cross, self._searched = None, 0
            self.echoes += 1
            return Voice.OURS
        if self._search(index, spectrum):
            self.echoes += 1
            self._learn_limit(index, level_db)
            return Voice.OURS
        if level_db > self._loudest_db(index) + self._limit_db:
            return Voice.THEIRS
        return Voice.UNSURE if self._searched < UNSURE_WINDOWS else Voice.THEIRS

    # --- with a known way --------------------------------------------------------------------

    def _watch(
        self, way: _Way, index: int, spectrum: Spectrum, levels: Levels, level_db: float
    ) -> bool:
        """Return whether the echo explains a window."""
        first = index - way.offset
        rows, sent_levels = self._spectra.rows(np.arange(first, first - _TAIL, -1))
        way.cross = way.cross * _WATCH_MEMORY + np.conj(spectrum) * rows[0]
        way.weight = way.weight * float(_WATCH_MEMORY) + 1
        by_lag = correlations(way.cross[None])[0] / np.float32(way.weight)
        near = by_lag[max(0, way.lag - _JITTER) : way.lag + _JITTER + 1]
        likeness = float(near.max())
        echo = (sent_levels - _FADES_DB).max(axis=0)
        if way.gains is None:
            way.gains = levels - echo
        excess = levels - echo - way.gains
        counts = levels > levels.max() - _QUIET_DB
        louder = float(np.mean(excess[counts] > _LOUDER_DB))
        alike = likeness > 0.5 * way.likeness
        if not alike and louder >= 0.5:
            return False
        if likeness > 0.7 * way.likeness:
            way.likeness += 0.05 * (likeness - way.likeness)
            way.lag = max(0, way.lag - _JITTER) + int(near.argmax())
            way.gains += np.where(excess > 0, np.minimum(excess, 1.5), np.float32(-0.15))
            self._learn_limit(index, level_db)
        return True

    # --- without ------------------------------------------------------------------------------

    def _search(self, index: int, spectrum: Spectrum) -> bool:
        """Look for the window in all that was sent; return whether it is found."""
        cross = np.conj(spectrum) * self._spectra.rows(index - _OFFSETS)[0]
        if self._cross is None:
            self._cross, self._weight = cross, 1.0
        else:
            self._cross = self._cross * _SEARCH_MEMORY + cross
            self._weight = self._weight * float(_SEARCH_MEMORY) + 1
        self._searched += 1
        if self._searched < _RUN:
            return False
        by_delay = correlations(self._cross) / np.float32(self._weight)
        place = int(by_delay.argmax())
        row, lag = divmod(place, LAGS + 1)
        peak = float(by_delay[row, lag])
        if peak < _FOUND * float(np.sqrt(np.mean(by_delay**2))):
            return False
        self._way = _Way(int(_OFFSETS[row]), lag, peak)
        self._cross, self._searched = None, 0
        return True

    def _loudest_db(self, index: int) -> float:
        end_ms = (index + 1) * WINDOW_MS
        return self._sent.loudest_db(end_ms - LONGEST_DELAY_MS - 2 * WINDOW_MS, end_ms)

    def _learn_limit(self, index: int, level_db: float) -> None:
        gain_db = level_db - self._loudest_db(index) + 3
        if self._limit_db == _NO_LIMIT_DB or gain_db > self._limit_db:
            self._limit_db = gain_db

    def _calm(self, index: int, level_db: float) -> None:
        """Learn from what is no voice: as loud as this an echo can hardly be."""
        self._searched = 0
        self._calm_db = max(self._calm_db, level_db)
        calm_windows = index - self._calm_from
        if calm_windows % 16 or calm_windows * WINDOW_MS < LONGEST_DELAY_MS or self._way:
            return
        then_ms = index * WINDOW_MS - LONGEST_DELAY_MS
        sent_db = self._sent.loudest_db(then_ms, then_ms + WINDOW_MS)
        if sent_db > _LEAST_SENT_DB:
            self._limit_db = min(self._limit_db, self._calm_db - sent_db + 10)


_SILENCE: Window = np.zeros(WINDOW_SAMPLES, np.float32)
_ = BANDS
