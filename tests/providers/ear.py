"""A recogniser that judges whether a voice is understood: Whisper, from the packages' weights."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from audio.pcm import WIRE_RATE, resample
from providers.stt.packaged_models import TINY_EN

if TYPE_CHECKING:
    from providers.stt.short_window import ShortWindow

needs_ear = pytest.mark.skipif(
    TINY_EN.lacking() is not None,
    reason="the recogniser that judges the voice is not installed (requirements/embedded.txt)",
)

_EAR_RATE = 16000


def words(text: str) -> list[str]:
    """Return the words of `text` as they compare: small, without marks."""
    return re.findall(r"[a-z']+|\d+", text.lower())


def hear(pcm: bytes) -> str:
    """Return what a listener understands of 24 kHz PCM."""
    from providers.stt.short_window import Wishes

    samples = np.frombuffer(resample(pcm, WIRE_RATE, _EAR_RATE), dtype="<i2")
    parts = _ear().transcribe((samples / 32768).astype(np.float32), Wishes())
    return " ".join(part.text.strip() for part in parts)


@cache
def _ear() -> ShortWindow:
    from providers.stt.whisper_loading import load_model

    return load_model(TINY_EN.checked(), turns=1)
