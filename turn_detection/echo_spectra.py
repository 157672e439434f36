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
_WHITENING = 0.7
"""1: all frequencies count alike; 0: by their power."""

Spectrum = NDArray[np.complex64]
Levels = NDArray[np.float32]
"""Of each band, in dB."""


def heard_spectrum(before: Window, window: Window) -> tuple[Spectrum, Levels]:
    """Return the whitened spectrum, and the levels, of two windows in a row."""
    frame = np.concatenate((before, window)) * _TAPER
    # At twice the rate of what was sent, half of the bins are the same.
    return _whitened(np.fft.rfft(frame, 2 * FRAME), 4.0, _FLOOR)


def sent_spectrum(frame: NDArray[np.float32]) -> tuple[Spectrum, Levels]:
    """Return the same of a frame of what was sent.

    The spectrum of a beep or a hum is nothing: the noise of its making is no echo of any voice, and
    its tone is like itself at every delay.
    """
    whole = np.fft.rfft(frame * _FADES)
    loudest = np.float32(np.max(np.abs(whole)) ** 2)
    broad, _ = _whitened(whole, 1.0, _FLOOR + _BROAD_RANGE * loudest)
    spectrum, levels = _whitened(whole, 1.0, _FLOOR + _RANGE * loudest)
    powers = broad.real**2 + broad.imag**2
    if float(powers.sum()) ** 2 < _BROAD_BINS * float(np.dot(powers, powers)):
        spectrum = np.zeros_like(spectrum)
    return spectrum, levels


def is_tone(spectra: NDArray[np.complex64], levels: NDArray[np.float32]) -> bool:
    """Return whether nothing but tones was sent, mostly: their beginnings and ends are broad.

    Args:
        spectra: Of frames of what was sent.
        levels: Theirs.
    """
    audible = levels.max(axis=1) > _SILENT_DB
    broad = int(np.count_nonzero(spectra.any(axis=1)))
    return broad < _EDGE_FRAMES or 2 * broad < int(np.count_nonzero(audible))


def _whitened(
    whole: NDArray[np.complexfloating], scale: float, floor: np.float32
) -> tuple[Spectrum, Levels]:
    spectrum = whole[_FIRST:_LAST].astype(np.complex64)
    power = spectrum.real**2 + spectrum.imag**2 + floor
    levels = 10 * np.log10(np.add.reduceat(power, _EDGES) / np.float32(scale))
    # Power to the 0.35, amplitude to the 0.7: all of it would raise noise between the harmonics.
    flat = spectrum * power ** np.float32(-_WHITENING / 2)
    energy = float(np.vdot(flat, flat).real)
    flat *= np.float32(np.sqrt(BINS / energy)) if energy > 0 else 0
    return flat, levels


def correlations(cross: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the correlation by delay of whitened cross spectra: rows, × (LAGS + 1).

    1 would be the same sound, and chance alone stays near 0. Column n is a delay of
    64 ms - n samples, beside that between the frames.
    """
    padded = np.zeros((len(cross), FRAME // 2 + 1), np.complex64)
    padded[:, _FIRST:_LAST] = cross
    by_lag = np.fft.irfft(padded, FRAME, axis=1)[:, : LAGS + 1].astype(np.float32)
    return by_lag * np.float32(FRAME / (2 * BINS))


class SentSpectra:
    """The spectra of what was sent, by window: that of window k ends where the window does."""

    def __init__(self, span: Callable[[float, int], NDArray[np.float32]], kept: int) -> None:
        """Keep those of `kept` windows.

        Args:
            span: Returns the sound from a millisecond on: so many samples.
            kept: A power of two.
        """
        self._span = span
        self._kept = kept
        self._windows = np.full(kept, -1)
        self._spectra = np.zeros((kept, BINS), np.complex64)
        self._levels = np.zeros((kept, BANDS), np.float32)

    def changed(self, from_ms: float) -> None:
        """Forget what ends behind `from_ms`: other sound was put there."""
        self._windows[(self._windows + 1) * WINDOW_MS > from_ms] = -1

    def rows(self, windows: NDArray[np.int_]) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Return the whitened spectra of windows, and their levels."""
        places = windows % self._kept
        for place, window in zip(places.tolist(), windows.tolist(), strict=True):
            if self._windows[place] != window:
                start_ms = (window + 1) * WINDOW_MS - FRAME / PER_MS
                sound = self._span(start_ms, FRAME)
                self._spectra[place], self._levels[place] = sent_spectrum(sound)
                self._windows[place] = window
        return self._spectra[places], self._levels[places]
