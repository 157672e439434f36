"""Tells whether a voice that is heard is the server's own, back from a loudspeaker.

It knows what was sent and when (`sent_audio`), and looks for it in each voiced window
(`echo_spectra`). The first time it searches all delays that a client's buffers may cause
(`echo_search`); once it has found the way of the echo, it knows the delay and how loud each band
comes back, and only looks whether that still holds (`echo_way`). A voice is the server's own where
it is as it was sent, or no louder than the echo of it has to be; so somebody who talks over the
echo is heard.

Pure: told what is sent and heard, by the windows of the audio that was heard. While nothing plays
it costs nothing, and with a headset, from which nothing comes back, next to nothing.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from audio.formats import AudioFormat
from turn_detection.echo_search import LONG, LONGEST_DELAY_MS, OFFSETS, EchoSearch
from turn_detection.echo_spectra import Levels, SentSpectra, Spectrum, heard_spectrum
from turn_detection.echo_way import ALIKE, LOUDER_DB, SAME_DELAY, TAIL, EchoWay
from turn_detection.sent_audio import SILENT_DB, SentAudio
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, Window

PATIENCE = ((-6.0, 8), (-math.inf, LONG))
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

_KEPT = 128
"""Windows whose spectra are kept: those within the longest delay, and a room's echo of them."""
_DOUBTS = 3
"""By so many more windows on probation without it than with it, it was none."""
_NO_LIMIT_DB = 40.0
_LEAST_SENT_DB = -50.0
_CALM_MARGIN_DB = 10.0
_LIMIT_MARGIN_DB = 3.0
_RINGING_FADES_DB = 1.0
"""By so much a window may be softer than the one before, and still be the end of an echo."""


class Voice(Enum):
    """Whose voice a window holds."""

    THEIRS = "theirs"
    """Somebody's who speaks, or nobody's."""
    OURS = "ours"
    """What the server said."""
    UNSURE = "unsure"
    """The next windows will tell."""


class EchoGuard:
    """The guard of one session."""

    def __init__(self) -> None:
        """Start without anything sent, and without any knowledge of the echo."""
        self._sent = SentAudio(LONGEST_DELAY_MS + 500)
        self._spectra = SentSpectra(self._sent.span, _KEPT)
        self._way: EchoWay | None = None
        self._lapsed: EchoWay | None = None
        """One that was seen, but not often enough."""
        self._limit_db = _NO_LIMIT_DB
        """How much louder than what was sent an echo can be."""
        self._before: Window = _SILENCE
        self._search = EchoSearch()
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
            and level_db < self._ringing_db + LOUDER_DB
        )

    def _is_known_echo(
        self, way: EchoWay, index: int, spectrum: Spectrum, levels: Levels, level_db: float
    ) -> bool:
        first, before = index - way.offset, way.confirmed
        rows = self._spectra.rows(np.arange(first, first - TAIL, -1))
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
        rows = self._spectra.rows(index - OFFSETS)
        search.add(spectrum, rows)
        if rows.are_tones:
            return False
        way = self._way
        found = search.result(way or self._lapsed)
        if found is None:
            return False
        if way is not None and way.trusted and abs(found.delay - way.delay) < SAME_DELAY:
            # It is there as before, but somebody talks over it.
            return False
        if way is not None and way.trusted and found.likeness < ALIKE * way.likeness:
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


_SILENCE: Window = np.zeros(WINDOW_SAMPLES, np.float32)
