"""Audio as a client wrote it, with what is needed to hear it: its format, and how to clean it."""

from __future__ import annotations

from dataclasses import dataclass

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of audio. `hearing/cleaned_audio.py` makes it what a recogniser hears."""

    audio: bytes
    """Whole samples of the format."""
    format: AudioFormat
    noise: NoiseReduction | None
    """How it is cleaned before it is heard; None: not at all."""

    @property
    def ms(self) -> float:
        """Length in milliseconds."""
        return len(self.audio) / self.format.bytes_per_ms
