"""Spoken clips for turns with pauses in them."""

from __future__ import annotations

import numpy as np

from audio.pcm import read_wav, silence
from tests.support.places import DATA

PAUSE_MS = 320
"""A pause: long enough for a speculative recognition, shorter than the silence that ends a turn."""


def words(name: str) -> bytes:
    """Return a clip from its first to its last audible sample: 24 kHz PCM."""
    samples = np.frombuffer(read_wav(DATA / f"{name}.wav"), dtype="<i2")
    audible = np.flatnonzero(np.abs(samples.astype(int)) > 500)
    return samples[audible[0] : audible[-1]].tobytes()


FIRST = silence(300) + words("flite-slt_s01")


SECOND = words("flite-slt_s02")
