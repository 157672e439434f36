"""What people's mouths do besides speaking: laughs, coughs, throats cleared, lips smacked.

Made of pulses and noise through two or three resonances, so that each is different and none is
anybody's recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.signal import lfilter

from benchmarks.listen.sound import RATE, SPEECH_DBFS, Samples, Wave, at_level, count

_VOWELS = ((730, 1090, 2440), (640, 1190, 2390), (530, 1840, 2480), (570, 840, 2410))
"""Formants in Hz of ha, huh, heh and ho."""


def laugh(seed: int) -> Samples:
    """Return a laugh of 3 to 9 syllables: voiced bursts, five a second, that sink and grow soft."""
    chance = np.random.default_rng(seed)
    vowel = _VOWELS[chance.integers(len(_VOWELS))]
    pitch = chance.uniform(130, 330)
    syllables = []
    for number in range(int(chance.integers(3, 10))):
        strength = 0.9**number * chance.uniform(0.8, 1.1)
        breath = _shaped(_noise(chance, chance.uniform(40, 90)), vowel, 260) * 0.35
        voice = _voiced(chance, chance.uniform(60, 120), pitch * 0.97**number, vowel)
        gap = np.zeros(count(chance.uniform(20, 60)))
        syllables += [breath * strength, voice * strength, gap]
    return _finished(syllables)


def cough(seed: int) -> Samples:
    """Return one to three coughs: a burst of air, and a rough voice as it dies away."""
    chance = np.random.default_rng(seed)
    parts = []
    for _ in range(int(chance.integers(1, 4))):
        burst = _noise(chance, chance.uniform(40, 70)) * 2.5
        rest = _noise(chance, chance.uniform(120, 220))
        rest *= np.exp(-np.arange(len(rest)) / (0.06 * RATE))
        rough = _voiced(chance, 1000 * len(rest) / RATE, chance.uniform(90, 160), _VOWELS[1])
        rough = rough[: len(rest)] * np.exp(-np.arange(len(rest)) / (0.05 * RATE)) * 0.5
        tail = _shaped(rest, (500, 1500, 3500), 600)
        tail[: len(rough)] += rough
        parts += [_shaped(burst, (700, 1800, 3800), 800), tail, np.zeros(count(120))]
    return _finished(parts)


def throat(seed: int) -> Samples:
    """Return a throat being cleared: a creak of 250 to 600 ms, twice perhaps."""
    chance = np.random.default_rng(seed)
    parts = []
    for _ in range(int(chance.integers(1, 3))):
        ms = chance.uniform(250, 600)
        creak = _voiced(chance, ms, chance.uniform(45, 80), (450, 1200, 2500), jitter=0.25)
        hiss = _shaped(_noise(chance, ms), (600, 1400, 2800), 500)[: len(creak)]
        parts += [creak[: len(hiss)] * 0.7 + hiss * 0.5, np.zeros(count(90))]
    return _finished(parts)


def click(seed: int) -> Samples:
    """Return one to three smacks of lips or tongue."""
    chance = np.random.default_rng(seed)
    parts = []
    for _ in range(int(chance.integers(1, 4))):
        snap = _noise(chance, 30) * np.exp(-np.arange(count(30)) / (0.003 * RATE))
        parts += [_shaped(snap, (1200, 2400, 4000), 700), np.zeros(count(chance.uniform(60, 200)))]
    return _finished(parts)


def sigh(seed: int) -> Samples:
    """Return a breath, in or out."""
    chance = np.random.default_rng(seed)
    ms = chance.uniform(500, 1100)
    breath = _shaped(_noise(chance, ms), (600, 1600, 2900), 700)
    return _finished([breath * np.hanning(len(breath))], -12.0)


MOUTH: dict[str, Callable[[int], Samples]] = {
    "cough": cough,
    "laugh": laugh,
    "throat": throat,
    "click": click,
    "sigh": sigh,
}
"""Name → a sound of that kind, by its seed."""


def _finished(parts: Sequence[Wave], db: float = 0.0) -> Samples:
    return at_level(np.concatenate(parts), SPEECH_DBFS + db)


def _noise(chance: np.random.Generator, ms: float) -> Wave:
    return chance.normal(0, 1, count(ms))


def _voiced(
    chance: np.random.Generator,
    ms: float,
    pitch_hz: float,
    formants: Sequence[float],
    jitter: float = 0.03,
) -> Wave:
    """Return pulses of the vocal cords through a mouth, swelling and fading."""
    length = count(ms)
    pulses = np.zeros(length)
    at = 0.0
    while at < length:
        pulses[int(at)] = 1.0
        at += RATE / (pitch_hz * (1 + chance.normal(0, jitter)))
    cords = lfilter([1.0], [1.0, -0.94], pulses) + chance.normal(0, 0.02, length)
    voice = _shaped(cords, formants, 90)
    return np.asarray(voice * np.hanning(length) ** 0.5)


def _shaped(sound: Wave, formants: Sequence[float], width_hz: float) -> Wave:
    """Return a sound through resonances, at an RMS of 1."""
    total = np.zeros(len(sound))
    for number, hz in enumerate(formants):
        radius = np.exp(-np.pi * width_hz / RATE)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE), radius**2]
        total += lfilter([1.0 - radius], poles, sound) * 0.6**number
    return np.asarray(total / max(1e-9, float(np.sqrt(np.mean(total**2)))))
