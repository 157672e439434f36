"""Audio as a client sent it, with its format and noise reduction."""

from __future__ import annotations

from dataclasses import dataclass, field

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of audio; `hearing/cleaned_audio.py` converts it for a recogniser."""

    audio: bytes = field(repr=False)
    """Whole samples of the format."""
    format: AudioFormat
    noise: NoiseReduction | None
    """The noise reduction to apply; None: none."""

    @property
    def ms(self) -> float:
        """Length in milliseconds."""
        return len(self.audio) / self.format.bytes_per_ms
