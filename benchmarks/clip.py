"""Cuts a spoken clip for benchmarks into chunks, the last of which ends with the voice."""

from __future__ import annotations

import numpy as np

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE

CHUNK_MS = 20
FRAME_MS = 10
FLOOR_DB = -40
"""A frame at least this far below the loudest one is not voice."""


def voiced_samples(pcm: bytes, rate: int = WIRE_RATE) -> int:
    """Count the samples up to and including the last voiced one.

    The clip is cut into frames of 10 ms. The last frame whose energy is less than 40 dB below that
    of the loudest one is where the voice ends: what follows is the dying away of the last sound,
    breath, noise. The result is the end of that frame, so it is exact to 10 ms.

    Raises:
        ValueError: The clip is silent or shorter than a frame.
    """
    length = rate * FRAME_MS // 1000
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    energy = (frames**2).mean(axis=1)
    voiced = np.flatnonzero(energy > energy.max(initial=0.0) * 10 ** (FLOOR_DB / 10))
    if not voiced.size:
        raise ValueError("there is no sound in it")
    return (int(voiced[-1]) + 1) * length


def speech_chunks(pcm: bytes) -> list[bytes]:
    """Cut a clip at `WIRE_RATE` into chunks of 20 ms, the last of which ends with the voice.

    Like a microphone's, that chunk is complete, and can be sent, the moment the last voiced sample
    has been spoken. What the first chunk lacks is filled up with silence in front.
    """
    size = CHUNK_MS * WIRE_RATE // 1000 * BYTES_PER_SAMPLE
    speech = pcm[: voiced_samples(pcm) * BYTES_PER_SAMPLE]
    speech = bytes(-len(speech) % size) + speech
    return [speech[start : start + size] for start in range(0, len(speech), size)]
