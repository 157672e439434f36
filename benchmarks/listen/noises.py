"""Sounds of rooms and machines in which nobody speaks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from benchmarks.listen.mouth import laugh
from benchmarks.listen.sound import RATE, Samples, Wave, at_level, count, length_ms

STEADY_DBFS = -35.0
"""Level of what goes on all the time: a loud fan."""
SUDDEN_DBFS = -25.0
"""Level of what comes and goes."""

_DTMF = {
    key: (row, column)
    for row, keys in ((697, "123"), (770, "456"), (852, "789"), (941, "*0#"))
    for key, column in zip(keys, (1209, 1336, 1477), strict=True)
}
_SCALE = 220 * 2 ** (np.array([0, 2, 3, 5, 7, 8, 10, 12]) / 12)
_CHORDS = ((0, 3, 7), (8, 12, 15), (3, 7, 10), (10, 14, 17))


def noise(kind: str, seconds: float, seed: int, dbfs: float | None = None) -> Samples:
    """Return a noise.

    Args:
        kind: One of `STEADY`, `SUDDEN` or `MUSICAL`.
        seconds: How long.
        seed: The same seed is the same noise.
        dbfs: Its level; None: the usual one of its kind.
    """
    usual = STEADY_DBFS if kind in STEADY else SUDDEN_DBFS
    made = _MAKERS[kind](count(1000 * seconds), np.random.default_rng(seed))
    return at_level(made, usual if dbfs is None else dbfs)


def _at(length: int) -> Wave:
    return np.arange(length) / RATE


def _coloured(power: float) -> Callable[[int, np.random.Generator], Wave]:
    """Return a maker of noise whose amplitude falls with frequency to this power."""

    def make(length: int, chance: np.random.Generator) -> Wave:
        spectrum = np.fft.rfft(chance.normal(0, 1, length))
        hz = np.fft.rfftfreq(length, 1 / RATE)
        spectrum *= np.where(hz < 20, 0.0, 1 / np.maximum(hz, 20) ** power)
        return np.fft.irfft(spectrum, length)

    return make


def _fan(length: int, chance: np.random.Generator) -> Wave:
    """Air, and blades that pass."""
    air = _coloured(0.7)(length, chance)
    blades = chance.uniform(60, 140)
    beat = 1 + 0.15 * np.sin(2 * np.pi * chance.uniform(1, 3) * _at(length))
    tones = sum(np.sin(2 * np.pi * blades * k * _at(length)) / k**1.5 for k in (1, 2, 3, 4))
    return np.asarray(air / air.std() * beat + 0.3 * tones)


def _hum(length: int, chance: np.random.Generator) -> Wave:
    mains = chance.choice([50, 60])
    return np.asarray(
        sum(np.sin(2 * np.pi * mains * k * _at(length)) / k for k in (1, 2, 3, 5, 7))
        + chance.normal(0, 0.02, length)
    )


def _scattered(
    length: int, chance: np.random.Generator, gap_s: tuple[float, float], make: Callable[[], Wave]
) -> Wave:
    total = np.zeros(length)
    at = int(chance.uniform(*gap_s) * RATE)
    while at < length:
        sound = make()[: length - at]
        total[at : at + len(sound)] += sound
        at += int(chance.uniform(*gap_s) * RATE)
    return total


def _decaying(chance: np.random.Generator, ms: float, low_hz: float) -> Wave:
    """Return a knock: noise below a frequency that dies away."""
    length = count(ms)
    pole = np.exp(-2 * np.pi * low_hz / RATE)
    struck = lfilter([1 - pole], [1, -pole], chance.normal(0, 1, length))
    return np.asarray(struck * np.exp(-_at(length) * 5000 / ms) / (1 - pole) ** 0.5)


def _keyboard(length: int, chance: np.random.Generator) -> Wave:
    return _scattered(length, chance, (0.06, 0.3), lambda: _decaying(chance, 25, 5000))


def _knocks(length: int, chance: np.random.Generator) -> Wave:
    return _scattered(length, chance, (0.2, 1.5), lambda: _decaying(chance, 120, 400))


def _dtmf(length: int, chance: np.random.Generator) -> Wave:
    def tone() -> Wave:
        low, high = _DTMF["0123456789*#"[chance.integers(12)]]
        at = _at(count(chance.uniform(70, 250)))
        return np.asarray(np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at))

    return _scattered(length, chance, (0.3, 0.8), tone)


def _bells(length: int, chance: np.random.Generator) -> Wave:
    def bell() -> Wave:
        at = _at(count(1800))
        strike = chance.uniform(350, 1400)
        partials = (
            (0.5, 0.5),
            (1, 1),
            (1.19, 0.6),
            (1.56, 0.4),
            (2, 0.7),
            (2.51, 0.3),
            (3.01, 0.2),
        )
        return np.asarray(
            sum(
                weight * np.sin(2 * np.pi * strike * ratio * at) * np.exp(-at * (1.5 + ratio))
                for ratio, weight in partials
            )
        )

    return _scattered(length, chance, (0.5, 2.5), bell)


def _music(length: int, chance: np.random.Generator) -> Wave:
    """Chords, a melody and a drum, 100 to 130 beats a minute."""
    beat = 60 / chance.uniform(100, 130)
    total = np.zeros(length)
    for number in range(int(length / RATE / beat) + 1):
        start = int(number * beat * RATE)
        at = _at(min(int(beat * RATE * 1.5), length - start))
        if not len(at):
            break
        sound = np.zeros(len(at))
        for tone in _CHORDS[number // 4 % len(_CHORDS)]:
            hz = 110 * 2 ** (tone / 12)
            sound += sum(np.sin(2 * np.pi * hz * k * at) / k**2 for k in (1, 2, 3)) * 0.3
        hz = _SCALE[chance.integers(len(_SCALE))] * 2
        vibrato = 1 + 0.006 * np.sin(2 * np.pi * 5.5 * at)
        sound += sum(np.sin(2 * np.pi * hz * k * vibrato * at) / k for k in (1, 2, 3, 4)) * 0.5
        sound *= np.exp(-2.5 * at)
        drum = _decaying(chance, 100, 200 if number % 2 else 4000)[: len(at)]
        sound[: len(drum)] += 0.4 * drum
        total[start : start + len(at)] += sound
    return total


def _laughs(length: int, chance: np.random.Generator) -> Wave:
    """Somebody who laughs every two to four seconds."""
    total = np.zeros(length)
    at = count(500)
    while at < length:
        sound = laugh(int(chance.integers(1 << 31)))
        piece = sound[: length - at]
        total[at : at + len(piece)] += piece
        at += count(length_ms(sound) + 1000 * chance.uniform(1.0, 3.0))
    return total


_Maker = Callable[[int, np.random.Generator], Wave]

STEADY: dict[str, _Maker] = {
    "white": _coloured(0),
    "pink": _coloured(0.5),
    "brown": _coloured(1),
    "fan": _fan,
    "hum": _hum,
}
SUDDEN: dict[str, _Maker] = {"keyboard": _keyboard, "knocks": _knocks, "DTMF": _dtmf}
MUSICAL: dict[str, _Maker] = {"music": _music, "bells": _bells, "laughs": _laughs}
"""What sounds most like a voice, to a detector of voices."""
_MAKERS = STEADY | SUDDEN | MUSICAL
