"""Sounds that are no speech: 40 of them, the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

RATE = 16000
LENGTHS_S = (1.0, 2.5, 5.0, 9.0)

Sound = Callable[[Any, int, int], Any]
"""Random numbers, samples and number of the variant → the sound."""


@cache
def noises() -> dict[str, Any]:
    """Return name → samples at 16 kHz, in -1 … 1."""
    rng = np.random.default_rng(7)
    return {
        f"{name} {variant}": np.clip(make(rng, int(RATE * seconds), variant), -1, 1)
        for name, make in _SOUNDS.items()
        for variant, seconds in enumerate(LENGTHS_S)
    }


def _silence(_rng: Any, count: int, _variant: int) -> Any:
    return np.zeros(count)


def _white(rng: Any, count: int, variant: int) -> Any:
    return rng.normal(0, (0.003, 0.01, 0.03, 0.1)[variant], count)


def _pink(rng: Any, count: int, variant: int) -> Any:
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    sound = np.fft.irfft(spectrum, count)
    return sound / sound.std() * (0.003, 0.01, 0.03, 0.1)[variant]


def _hum(_rng: Any, count: int, variant: int) -> Any:
    parts = ((50, 0.05), (100, 0.03), (150, 0.02))
    return (0.2, 1, 2, 3)[variant] * sum(loud * _sine(hz, count) for hz, loud in parts)


def _tone(_rng: Any, count: int, variant: int) -> Any:
    return 0.1 * _sine((440, 1000, 2000, 300)[variant], count)


def _clicks(rng: Any, count: int, _variant: int) -> Any:
    sound = np.zeros(count)
    for at in rng.integers(0, count - 400, 3 * count // RATE + 1):
        sound[at : at + 200] += rng.normal(0, 0.5, 200) * np.exp(-np.arange(200) / 30)
    return sound


def _keys(rng: Any, count: int, _variant: int) -> Any:
    sound, length = rng.normal(0, 0.0005, count), 1600
    for at in rng.integers(0, count - length, 5 * count // RATE):
        knock = np.exp(-np.arange(length) * 80 / RATE)
        sound[at : at + length] += 0.2 * _sine(rng.uniform(800, 3000), length) * knock
    return sound


def _breath(rng: Any, count: int, _variant: int) -> Any:
    air = np.convolve(rng.normal(0, 1, count), np.ones(3) / 3, "same")
    return 0.02 * air * _sine(1 / 3, count) ** 2


def _cough(rng: Any, count: int, variant: int) -> Any:
    sound, length = rng.normal(0, 0.001, count), 4800
    for number in range(variant % 3 + 1):
        at = int((number + 0.3) * count / (variant % 3 + 2))
        burst = np.convolve(rng.normal(0, 1, length), np.ones(6) / 6, "same")
        rise = np.minimum(1, np.arange(length) / 400)
        part = 0.4 * burst * rise * np.exp(-np.arange(length) / (0.08 * RATE))
        sound[at : at + length] += part[: count - at]
    return sound


def _throat(rng: Any, count: int, _variant: int) -> Any:
    sound, length, at = rng.normal(0, 0.001, count), 5600, count // 5
    fade = np.exp(-np.arange(length) * 12 / RATE)
    voiced = sum(_sine(140 * overtone, length) / overtone for overtone in range(1, 12))
    sound[at : at + length] += 0.15 * voiced * fade + 0.3 * rng.normal(0, 1, length) * fade**2
    return sound


def _sine(hz: float, count: int) -> Any:
    return np.sin(2 * np.pi * hz * np.arange(count) / RATE)


_SOUNDS: dict[str, Sound] = {
    "silence": _silence,
    "white": _white,
    "pink": _pink,
    "hum": _hum,
    "tone": _tone,
    "clicks": _clicks,
    "keys": _keys,
    "breath": _breath,
    "cough": _cough,
    "throat": _throat,
}
