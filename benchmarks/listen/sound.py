"""Sound as samples: levels, silence, mixing. All sound of this benchmark is mono at 24 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.pcm import WIRE_RATE

RATE = WIRE_RATE
"""Hz."""
SPEECH_DBFS = -23.0
"""Level of the usual voice: that of somebody who speaks into a headset."""
ROOM_DBFS = -66.0
"""Level of a quiet room: no microphone hears digital silence."""

Samples = NDArray[np.float32]
"""Mono at 24 kHz, within ±1."""
Wave = NDArray[np.float64]
"""The same while it is made."""

_FRAME = RATE // 50
_FLOOR_DB = 35.0


def count(ms: float) -> int:
    """Return how many samples so many milliseconds are."""
    return round(ms * RATE / 1000)


def length_ms(samples: Samples) -> float:
    """Return the duration of a sound in milliseconds."""
    return 1000 * len(samples) / RATE


def silence(ms: float) -> Samples:
    """Return digital silence."""
    return np.zeros(count(ms), np.float32)


def room_tone(ms: float, seed: int, dbfs: float = ROOM_DBFS) -> Samples:
    """Return the hiss of a quiet room and its microphone."""
    return at_level(np.random.default_rng(seed).normal(0, 1, count(ms)), dbfs)


def joined(*parts: Samples) -> Samples:
    """Return sounds one after the other."""
    return np.concatenate(parts) if parts else silence(0)


def mixed(*layers: Samples) -> Samples:
    """Return sounds at the same time, as long as the longest; what is too loud is clipped."""
    total = np.zeros(max((len(layer) for layer in layers), default=0), np.float32)
    for layer in layers:
        total[: len(layer)] += layer
    return np.clip(total, -1, 1)


def level_dbfs(samples: Samples) -> float:
    """Return the level in dBFS (RMS) of what sounds: frames far below the loudest do not count."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    power = (frames**2).mean(axis=1)
    loud = power[power > power.max(initial=0.0) * 10 ** (-_FLOOR_DB / 10)]
    return float(10 * np.log10(loud.mean())) if loud.size else -np.inf


def at_level(samples: Samples | Wave, dbfs: float) -> Samples:
    """Return a sound at a level in dBFS, as `level_dbfs` measures it; peaks are clipped."""
    now = level_dbfs(samples.astype(np.float32))
    if not np.isfinite(now):
        return samples.astype(np.float32)
    return np.clip(samples * 10 ** ((dbfs - now) / 20), -1, 1).astype(np.float32)


def louder(samples: Samples, db: float) -> Samples:
    """Return a sound so many dB louder, or softer; peaks are clipped."""
    return np.asarray(np.clip(samples * 10 ** (db / 20), -1, 1), np.float32)


def trimmed(samples: Samples) -> Samples:
    """Return a sound without the silence before and behind it, exact to 20 ms."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    power = (frames**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) * 10 ** (-_FLOOR_DB / 10))
    if not loud.size:
        return samples
    return np.asarray(samples[int(loud[0]) * _FRAME : (int(loud[-1]) + 1) * _FRAME])


def to_pcm(samples: Samples) -> bytes:
    """Return 16-bit PCM."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def from_pcm(pcm: bytes) -> Samples:
    """Return 16-bit PCM at 24 kHz as samples."""
    return (np.frombuffer(pcm, "<i2") / 32768).astype(np.float32)
