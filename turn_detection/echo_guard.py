"""Tells whether a voice that is heard is the server's own, back from a loudspeaker.

It knows what was sent and when (`sent_audio`), and looks for it in each voiced window
(`echo_spectra`). The first time it searches all delays that a client's buffers may cause; once it
has found the way of the echo, it knows the delay and how loud each band comes back, and only looks
whether that still holds. A voice is the server's own where it is as it was sent, or no louder than
the echo of it has to be; so somebody who talks over the echo is heard.

Pure: told what is sent and heard, by the windows of the audio that was heard. While nothing plays
it costs nothing, and with a headset, from which nothing comes back, next to nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from audio.formats import AudioFormat
from turn_detection.echo_spectra import (
    BINS,
    LAGS,
    Levels,
    Rows,
    SentSpectra,
    Spectrum,
    correlations,
    heard_spectrum,
)
from turn_detection.sent_audio import PER_MS, SILENT_DB, SentAudio
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, Window

LONGEST_DELAY_MS = 2560
"""A client's buffer of 2 s, and a device's."""
PATIENCE = ((-6.0, 8), (-math.inf, 16))
"""Voiced windows after which a voice that was not found in what was sent is a person's, by its
level in dB beside what was sent: most echoes are soft and take longer to be found, few people are.
"""

_SOFT_DB = -12.0
"""A shorter voice that is as soft beside what was sent, and was not found either, is nobody's."""
_LOUD_DB = -5.0
"""A voice as loud as that beside what was sent is hardly an echo: until the echo is trusted, it is
held, and if it ends before that, it was a person's. Echoes of -12 dB stay below -6.3. A person may
speak with the very voice of the server, a synthesiser's, and then a word is found in what was sent.
"""
_PAUSE_WINDOWS = 10
"""Windows without a voice after which the next one is another: syllables are closer."""

_BETWEEN = LAGS // PER_MS // WINDOW_MS
"""Windows between two frames that are searched: 64 ms."""
_OFFSETS = np.arange(0, LONGEST_DELAY_MS // WINDOW_MS, _BETWEEN)
_KEPT = 128
"""Windows whose spectra are kept: those within the longest delay, and a room's echo of them."""
_SEARCH_MEMORY, _WATCH_MEMORY = np.float32(0.85), np.float32(0.7)
"""What a window counts when the next one has come: over some 7 windows, and over some 3."""
_LEAST_WEIGHT = 2.5
"""Windows by that count, from which a search can have a result."""
_FOUND = 9.5
"""Peak of a search, above the average of the rest: that of other voices stays below 9."""
_FOUND_AGAIN = 6.0
"""The same at a delay at which there was an echo before."""
_SAME_DELAY = 4 * PER_MS
_CLEAR = 3.8
"""The same where only one delay is looked at, give or take 4 ms."""
_SEEN, _ALIKE, _JUST_ALIKE = 0.4, 0.6, 0.9
"""Shares of the usual correlation from which an echo is there at all, is most of the window, and
is all of it."""
_LOUDER_DB = 4.0
"""Excess over the loudest echo that tells of somebody else: it is 3 dB in one window of 100."""
_FEW_BANDS_DB = 2.0
"""More than that of the excess in power, which a single band may be."""
_LOUDER_ALIKE_DB = 8.0
"""The same where the window is just as it was sent: the loudspeaker was turned up, perhaps."""
_LOUDER_AT_FIRST_DB = 10.0
"""The same while little is known of the echo."""
_ON_PROBATION = 12
"""Windows that an echo has to be found in before its level is believed."""
_DOUBTS = 3
"""By so many more windows on probation without it than with it, it was none."""
_RISE_DB, _FALL_DB = 0.6, 0.1
"""Steps by which a band's gain follows: so 6 windows in 7 stay below."""
_TAIL = 8
_FADES_DB = 3.0 * np.arange(_TAIL, dtype=np.float32)[:, None]
"""How much softer a room's echo of sound is that was sent a window earlier."""
_QUIET_DB = 25.0
"""Bands that are so much softer than the loudest say nothing."""
_NO_LIMIT_DB = 40.0
_LEAST_SENT_DB = -50.0
_CALM_MARGIN_DB = 10.0
_LIMIT_MARGIN_DB = 3.0
_RINGING_FADES_DB = 1.0
"""By so much a window may be softer than the one before, and still be the end of an echo."""
_LOOK_WINDOWS, _LOOK_EVERY = 8, 32
"""Windows that are looked at of a voice that was taken for a person's, of so many: may be an echo.
"""


class Voice(Enum):
    """Whose voice a window holds."""

    THEIRS = "theirs"
    """Somebody's who speaks, or nobody's."""
    OURS = "ours"
    """What the server said."""
    UNSURE = "unsure"
    """The next windows will tell."""


class _Search:
    """The search for what was sent among all delays."""

    def __init__(self) -> None:
        self._cross = np.zeros((len(_OFFSETS), BINS), np.complex64)
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
        return self.windows > PATIENCE[-1][1]

    def add(self, spectrum: Spectrum, rows: Rows) -> None:
        """Add a window: its spectrum, and those of what was sent, by delay."""
        self._cross *= _SEARCH_MEMORY
        rows.add_products(spectrum, self._cross)
        self._weight = self._weight * float(_SEARCH_MEMORY) + 1

    def result(self, before: _Way | None) -> _Way | None:
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
        way = _Way(int(_OFFSETS[row]), lag, float(by_delay[at, lag]))
        again = before is not None and abs(way.delay - before.delay) < _SAME_DELAY
        needed = _FOUND_AGAIN if again else _FOUND
        if way.likeness <= needed * float(np.sqrt(np.mean(by_delay**2))):
            return None
        way.cross, way.weight = self._cross[row].copy(), self._weight
        if before is not None and again:
            way.gains, way.confirmed = before.gains, before.confirmed
        return way


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
        start = max(0, self.lag - _SAME_DELAY)
        lag = start + int(by_lag[start : self.lag + _SAME_DELAY + 1].argmax())
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
        if not clear or share < _ALIKE:
            return louder_db < _LOUDER_DB
        if louder_db < _LOUDER_DB:
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


class EchoGuard:
    """The guard of one session."""

    def __init__(self) -> None:
        """Start without anything sent, and without any knowledge of the echo."""
        self._sent = SentAudio(LONGEST_DELAY_MS + 500)
        self._spectra = SentSpectra(self._sent.span, _KEPT)
        self._way: _Way | None = None
        self._lapsed: _Way | None = None
        """One that was seen, but not often enough."""
        self._limit_db = _NO_LIMIT_DB
        """How much louder than what was sent an echo can be."""
        self._before: Window = _SILENCE
        self._search = _Search()
        self._over_db = SILENT_DB
        """How loud the voice is at most whose search goes on, beside what was sent."""
        self._calm_from = 0
        """The first window since the last voice, and how loud it has been since."""
        self._calm_db = SILENT_DB
        self._last = Voice.THEIRS
        """What was said of the last voiced window, and whether it was looked at."""
        self._looked = False
        self._ringing_db = SILENT_DB
        """How loud an echo may be that has just ended."""

    def sent(self, audio: bytes, audio_format: AudioFormat, now_ms: float) -> None:
        """Note what is sent to the client when `now_ms` of its audio have been heard."""
        start_ms = self._sent.add(audio, audio_format, now_ms)
        self._spectra.changed(start_ms)
        if start_ms == now_ms and self._way is not None:
            # Playback begins anew, perhaps later than the last time.
            self._way.settled = False

    def silenced(self, now_ms: float) -> None:
        """Note that the client stops what it plays, when `now_ms` of its audio have been heard."""
        self._sent.stop(now_ms)
        self._spectra.changed(now_ms)

    @property
    def hears_echo(self) -> bool:
        """Whether what was sent comes back, for certain."""
        return self._way is not None and self._way.trusted

    def listens(self, index: int) -> bool:
        """Whether what was sent may be heard in window `index`."""
        return index * WINDOW_MS < self._sent.audible_until_ms + LONGEST_DELAY_MS

    def hear(self, index: int, window: Window, level_db: float, *, voiced: bool) -> Voice:
        """Take window `index`, behind those before; say whose voice it is.

        Call it for the windows for which `listens`.

        Args:
            index: Counted from the first of the session.
            window: The sound.
            level_db: Its level in dBFS.
            voiced: Whether there is a voice.
        """
        before, self._before = self._before, window
        if not voiced:
            return self._calm(index, level_db)
        self._calm_from, self._calm_db = index + 1, SILENT_DB
        self._ringing_db -= _RINGING_FADES_DB
        self._looked = not self._looks_the_same(level_db)
        if self._looked:
            self._last = self._whose(index, before, window, level_db)
        return self._last

    def _whose(self, index: int, before: Window, window: Window, level_db: float) -> Voice:
        way = self._way
        over_db = level_db - self._loudest_db(index)
        no_echo = over_db > self._limit_db
        due, found = self._search.is_due(unlikely=no_echo), False
        if way is not None or due:
            spectrum, levels = heard_spectrum(before, window)
            known = way is not None and self._is_known_echo(way, index, spectrum, levels, level_db)
            found = known or (due and self._is_new_echo(index, spectrum))
        if self.hears_echo and found:
            return self._ours()
        if way is not None and way.settled and way.trusted:
            return Voice.THEIRS
        self._over_db = max(self._over_db, over_db)
        if found:
            return Voice.UNSURE if self._over_db >= _LOUD_DB else self._ours()
        patience = next(windows for level, windows in PATIENCE if self._over_db >= level)
        if no_echo or self._search.windows >= patience:
            return Voice.THEIRS
        return Voice.UNSURE

    def _ours(self) -> Voice:
        self._search.windows, self._over_db = 0, SILENT_DB
        return Voice.OURS

    def _looks_the_same(self, level_db: float) -> bool:
        """Return whether a window need not be looked at: the one before was, and was an echo."""
        known = self._way is not None and self._way.settled and self._way.trusted
        return (
            known
            and self._looked
            and self._last is Voice.OURS
            and level_db < self._ringing_db + _LOUDER_DB
        )

    def _is_known_echo(
        self, way: _Way, index: int, spectrum: Spectrum, levels: Levels, level_db: float
    ) -> bool:
        first, before = index - way.offset, way.confirmed
        rows = self._spectra.rows(np.arange(first, first - _TAIL, -1))
        explained = way.explains(spectrum, levels, rows.spectrum(0), rows.levels)
        if way.confirmed > before:
            self._ringing_db = max(self._ringing_db, level_db)
            if way.trusted and explained:
                self._learn_limit(index, level_db)
        elif way.trusted and level_db < self._ringing_db:
            # What is voiced is longer than the voice, and softer than the echo just was.
            explained = True
        if not way.trusted and way.doubts > _DOUBTS + way.confirmed:
            self._way, self._lapsed = None, way
        return explained

    def _is_new_echo(self, index: int, spectrum: Spectrum) -> bool:
        search = self._search
        rows = self._spectra.rows(index - _OFFSETS)
        search.add(spectrum, rows)
        if rows.are_tones:
            return False
        way = self._way
        found = search.result(way or self._lapsed)
        if found is None:
            return False
        if way is not None and way.trusted and abs(found.delay - way.delay) < _SAME_DELAY:
            # It is there as before, but somebody talks over it.
            return False
        if way is not None and way.trusted and found.likeness < _ALIKE * way.likeness:
            # The same loudspeaker would be heard as clearly, only later or sooner.
            return False
        self._way = found
        return True

    def _loudest_db(self, index: int) -> float:
        end_ms = (index + 1) * WINDOW_MS
        return self._sent.loudest_db(end_ms - LONGEST_DELAY_MS - 2 * WINDOW_MS, end_ms)

    def _learn_limit(self, index: int, level_db: float) -> None:
        limit_db = level_db - self._loudest_db(index) + _LIMIT_MARGIN_DB
        if self._limit_db == _NO_LIMIT_DB or limit_db > self._limit_db:
            self._limit_db = limit_db

    def _calm(self, index: int, level_db: float) -> Voice:
        """Take what is no voice; say whose it was that ended, if that was not clear."""
        self._learn_calm(index, level_db)
        unsure, soft = self._last is Voice.UNSURE, self._over_db < _SOFT_DB
        if index - self._calm_from < _PAUSE_WINDOWS:
            return Voice.UNSURE if unsure else Voice.THEIRS
        self._search.windows, self._over_db, self._last = 0, SILENT_DB, Voice.THEIRS
        return Voice.OURS if unsure and soft else Voice.THEIRS

    def _learn_calm(self, index: int, level_db: float) -> None:
        """Learn how loud an echo can be at most: as loud as this, for it was not heard."""
        self._calm_db = max(self._calm_db, level_db)
        calm_windows = index - self._calm_from
        if calm_windows % 16 or calm_windows * WINDOW_MS < LONGEST_DELAY_MS or self._way:
            return
        then_ms = index * WINDOW_MS - LONGEST_DELAY_MS
        sent_db = self._sent.loudest_db(then_ms, then_ms + WINDOW_MS)
        if sent_db > _LEAST_SENT_DB:
            self._limit_db = min(self._limit_db, self._calm_db - sent_db + _CALM_MARGIN_DB)


def _sum_db(levels: Levels) -> float:
    """Return the level of all bands together, in dB."""
    return 10 * math.log10(float(np.sum(np.power(10.0, levels / 10))))


_SILENCE: Window = np.zeros(WINDOW_SAMPLES, np.float32)
