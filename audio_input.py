"""What the client writes, as the turn detector and the recogniser hear it: 16 kHz PCM.

Decoded from its format, cleaned if the session wants it, resampled; in step with the wire, so
that sample k out is the sound at k / 16,000 seconds in.
"""

from __future__ import annotations

from audio_format import AudioFormat
from audio_utils import Resampler
from noise_reduction import NoiseReducer, NoiseReduction
from silero import SAMPLE_RATE


class InputStream:
    """One stream of appended audio."""

    def __init__(
        self, audio_format: AudioFormat, noise: NoiseReduction | None, quality: str = "HQ"
    ) -> None:
        """Start a stream.

        Args:
            audio_format: What the client writes.
            noise: How to clean it; None: not at all.
            quality: soxr quality of the resampling; `LQ` is the quickest to answer.
        """
        self._format = audio_format
        self._reducer = NoiseReducer(noise, audio_format.rate) if noise else None
        self._resampler = Resampler(audio_format.rate, SAMPLE_RATE, quality)

    def push(self, audio: bytes) -> bytes:
        """Take bytes of the format; return 16-bit PCM at 16 kHz."""
        pcm = self._format.decode(audio)
        return self._resampler.push(self._reducer.push(pcm) if self._reducer else pcm)

    def flush(self) -> bytes:
        """Return the end of the stream, which the filters held back."""
        return self._resampler.push(self._reducer.flush() if self._reducer else b"", last=True)


def heard(audio: bytes, audio_format: AudioFormat, noise: NoiseReduction | None) -> bytes:
    """Convert a whole clip."""
    stream = InputStream(audio_format, noise)
    return stream.push(audio) + stream.flush()
