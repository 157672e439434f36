"""What the client writes, as the turn detector and the recogniser hear it.

Both hear it decoded from its format and cleaned, if the session wants that: the detector at the
rate of the wire, the recogniser at 16 kHz; in step with the wire, so that sample k out is the
sound at k / rate seconds in.
"""

from __future__ import annotations

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReducer, NoiseReduction
from audio.pcm import SAMPLE_RATE, Resampler


class CleanStream:
    """One stream of appended audio, as PCM at its own rate."""

    def __init__(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Start a stream.

        Args:
            audio_format: What the client writes.
            noise: How to clean it; None: not at all.
        """
        self._format = audio_format
        self._reducer = NoiseReducer(noise, audio_format.rate) if noise else None

    def push(self, audio: bytes) -> bytes:
        """Take bytes of the format; return 16-bit PCM."""
        pcm = self._format.decode(audio)
        return self._reducer.push(pcm) if self._reducer else pcm

    def flush(self) -> bytes:
        """Return the end of the stream, which the filter held back."""
        return self._reducer.flush() if self._reducer else b""


class InputStream:
    """One stream of appended audio, as PCM at 16 kHz."""

    def __init__(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Start a stream; see `CleanStream`."""
        self._clean = CleanStream(audio_format, noise)
        self._resampler = Resampler(audio_format.rate, SAMPLE_RATE)

    def push(self, audio: bytes) -> bytes:
        """Take bytes of the format; return 16-bit PCM."""
        return self._resampler.push(self._clean.push(audio))

    def flush(self) -> bytes:
        """Return the end of the stream, which the filters held back."""
        return self._resampler.push(self._clean.flush(), last=True)


def heard(clip: Clip) -> bytes:
    """Convert a whole clip to PCM at 16 kHz, a second at a time: no call into a library is long."""
    stream = InputStream(clip.format, clip.noise)
    step = 1000 * clip.format.bytes_per_ms
    audio = clip.audio
    pieces = [stream.push(audio[start : start + step]) for start in range(0, len(audio), step)]
    return b"".join([*pieces, stream.flush()])
