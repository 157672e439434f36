"""Spectra in which a sound is found again that was sent: of what was heard, and of what was sent.

A frame of the microphone is two windows long, 64 ms, and one of what was sent twice that. So the
first lies within the second for any delay from 0 to 64 ms, and their cross spectrum tells it to the
sample. Whitened, so that all frequencies count, it has a peak at the delay, whatever the room and
the loudspeaker do to the timbre, and none where the two have nothing in common.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from turn_detection.sent_audio import PER_MS, RATE
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, Window

FRAME = 4 * WINDOW_MS * PER_MS
"""Samples of a frame of what was sent: 128 ms at 8 kHz."""
LAGS = FRAME // 2
"""Delays within a frame, in samples of 8 kHz: 64 ms."""
_LOWEST_HZ, _HIGHEST_HZ = 250, 3500
_FIRST = _LOWEST_HZ * FRAME // RATE
_LAST = _HIGHEST_HZ * FRAME // RATE
BINS = _LAST - _FIRST
_EDGES_HZ = (250, 400, 600, 850, 1150, 1500, 2000, 2700)
_EDGES = np.array([hz * FRAME // RATE - _FIRST for hz in _EDGES_HZ])
BANDS = len(_EDGES)
_TAPER = np.hanning(2 * WINDOW_SAMPLES).astype(np.float32)
_EDGE = LAGS // 4
_FADES = np.ones(FRAME, np.float32)
_FADES[:_EDGE] = np.sin(np.linspace(0, np.pi / 2, _EDGE)) ** 2
_FADES[-_EDGE:] = _FADES[:_EDGE][::-1]
"""Softens the ends of a frame of what was sent: its edges would be a click in all bands, which any
voice has something in common with."""
_FLOOR = np.float32(1e-12)
_RANGE = np.float32(1e-6)
"""Share of the loudest bin's power below which a bin of what was sent says nothing."""
_EDGE_FRAMES = 3
"""More than the frames, 64 ms apart, that the beginning of a sound is in."""
_SILENT_DB = -60.0
"""Level of all bands below which a frame is silent."""
_BROAD_BINS, _BROAD_RANGE = 28, np.float32(3e-5)
"""Bins that share the power of a frame, at least, in which something can be found; and the share of
the loudest bin's power from which a bin counts. Voices have more, but for a frame in twenty; tones
have a third, or 20 where they are sent in small pieces, each of which is resampled by itself.
"""
_BLOCK = 8
"""Frames at once: larger arrays are new memory each time, which costs more than the sums."""
_WHOLE_FRAME = np.arange(FRAME)
_NO_WINDOW = -(2**40)
_WHITENING = 0.7
"""1: all frequencies count alike; 0: by their power."""

Spectrum = NDArray[np.complex64]
Levels = NDArray[np.float32]
"""Of each band, in dB."""
Broad = NDArray[np.bool_]
"""Of each frame, whether it has more than a tone, so that it can be found."""


def heard_spectrum(before: Window, window: Window) -> tuple[Spectrum, Levels]:
    """Return the whitened spectrum, and the levels, of two windows in a row."""
    frame = np.concatenate((before, window)) * _TAPER
    # At twice the rate of what was sent, half of the bins are the same.
    audible = np.fft.rfft(frame, 2 * FRAME)[None, _FIRST:_LAST].astype(np.complex64, copy=False)
    spectra, levels = _whitened(audible, audible.real**2 + audible.imag**2, 4.0, _FLOOR)
    return spectra[0], levels[0]


def sent_spectra(frames: NDArray[np.float32]) -> tuple[NDArray[np.complex64], Levels, Broad]:
    """Return the same of frames of what was sent, frames × bins and × bands, and which are broad.

    The spectrum of a beep or a hum is nothing: the noise of its making is no echo of any voice, and
    its tone is like itself at every delay.
    """
    whole = np.fft.rfft(frames * _FADES).astype(np.complex64, copy=False)
    loudest = (whole.real**2 + whole.imag**2).max(axis=1, keepdims=True)
    audible = whole[:, _FIRST:_LAST]
    power = audible.real**2 + audible.imag**2
    broad = _is_broad(power, _FLOOR + _BROAD_RANGE * loudest)
    spectra, levels = _whitened(audible, power, 1.0, _FLOOR + _RANGE * loudest)
    spectra[~broad] = 0
    return spectra, levels, broad


def _is_broad(power: NDArray[np.float32], floor: NDArray[np.float32]) -> Broad:
    """Return which frames have many bins that share their power once it is whitened."""
    shares = power * (power + floor) ** np.float32(-_WHITENING)
    broad: Broad = shares.sum(axis=1) ** 2 > _BROAD_BINS * np.square(shares).sum(axis=1)
    return broad


def _whitened(
    spectra: NDArray[np.complex64],
    power: NDArray[np.float32],
    scale: float,
    floor: NDArray[np.float32] | np.float32,
) -> tuple[NDArray[np.complex64], Levels]:
    """Return spectra, rows × bins, whose bins count alike, and their levels before."""
    raised = power + floor
    levels = 10 * np.log10(np.add.reduceat(raised, _EDGES, axis=1) / np.float32(scale))
    # Power to the 0.35, amplitude to the 0.7: all of it would raise noise between the harmonics.
    flat = spectra * raised ** np.float32(-_WHITENING / 2)
    energy = (flat.real**2 + flat.imag**2).sum(axis=1, keepdims=True)
    silent = energy == 0
    return flat * np.where(silent, 0, np.sqrt(BINS / np.where(silent, 1, energy))), levels


def correlations(cross: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the correlation by delay of whitened cross spectra: rows, × (LAGS + 1).

    1 would be the same sound, and chance alone stays near 0. Column n is a delay of
    64 ms - n samples, beside that between the frames.
    """
    by_lag = np.empty((len(cross), LAGS + 1), np.float32)
    padded = np.zeros((min(len(cross), _BLOCK), FRAME // 2 + 1), np.complex64)
    for start in range(0, len(cross), _BLOCK):
        block = cross[start : start + _BLOCK]
        padded[: len(block), _FIRST:_LAST] = block
        found = np.fft.irfft(padded[: len(block)], FRAME, axis=1)
        by_lag[start : start + _BLOCK] = found[:, : LAGS + 1]
    by_lag *= np.float32(FRAME / (2 * BINS))
    return by_lag


_OF_SILENCE = sent_spectra(np.zeros((1, FRAME), np.float32))


class Rows:
    """Some frames of what was sent, one a row. They are not copied, so use them at once."""

    def __init__(
        self,
        spectra: NDArray[np.complex64],
        places: NDArray[np.int_],
        levels: Levels,
        broad: Broad,
    ) -> None:
        self._spectra = spectra
        self._places = places
        self.levels = levels
        """Theirs, rows × bands."""
        self.broad = broad
        """Which are more than a tone."""

    def spectrum(self, row: int) -> Spectrum:
        """Return the whitened spectrum of a row."""
        found: Spectrum = self._spectra[self._places[row]]
        return found

    def add_products(self, spectrum: Spectrum, to: NDArray[np.complex64]) -> None:
        """Add the cross spectra of all rows with a window that was heard to `to`, row by row."""
        heard = np.conj(spectrum)
        for row in np.flatnonzero(self.broad).tolist():
            to[row] += heard * self._spectra[self._places[row]]

    @property
    def are_tones(self) -> bool:
        """Whether they are nothing but tones, mostly: beginnings and ends of tones are broad."""
        audible = self.levels.max(axis=1) > _SILENT_DB
        count = int(np.count_nonzero(self.broad))
        return count < _EDGE_FRAMES or 2 * count < int(np.count_nonzero(audible))


class SentSpectra:
    """The spectra of what was sent, by window: that of window k ends where the window does."""

    def __init__(self, span: Callable[[float, int], NDArray[np.float32]], kept: int) -> None:
        """Keep those of `kept` windows.

        Args:
            span: Returns the sound from a millisecond on: so many samples.
            kept: More than the windows between any two that are asked for at once.
        """
        self._span = span
        self._windows = np.full(kept, _NO_WINDOW)
        self._newest = _NO_WINDOW
        self._spectra = np.zeros((kept, BINS), np.complex64)
        self._levels = np.zeros((kept, BANDS), np.float32)
        self._broad = np.zeros(kept, np.bool_)

    def changed(self, from_ms: float) -> None:
        """Forget what ends behind `from_ms`: other sound was put there."""
        # What is sent is mostly to be played later than anything that was looked at.
        if (self._newest + 1) * WINDOW_MS > from_ms:
            self._windows[(self._windows + 1) * WINDOW_MS > from_ms] = _NO_WINDOW
            self._newest = int(self._windows.max())

    def rows(self, windows: NDArray[np.int_]) -> Rows:
        """Return what was sent in windows."""
        places = windows % len(self._windows)
        lacking = np.flatnonzero(self._windows[places] != windows)
        for start in range(0, len(lacking), _BLOCK):
            block = lacking[start : start + _BLOCK]
            self._make(windows[block], places[block])
        return Rows(self._spectra, places, self._levels[places], self._broad[places])

    def _make(self, windows: NDArray[np.int_], places: NDArray[np.int_]) -> None:
        first, last = int(windows.min()), int(windows.max())
        step = WINDOW_MS * PER_MS
        sound = self._span((first + 1) * WINDOW_MS - FRAME / PER_MS, (last - first) * step + FRAME)
        if sound.any():
            frames = sound[((windows - first) * step)[:, None] + _WHOLE_FRAME]
            made = sent_spectra(frames)
        else:
            made = _OF_SILENCE
        self._spectra[places], self._levels[places], self._broad[places] = made
        self._windows[places] = windows
        self._newest = max(self._newest, last)
