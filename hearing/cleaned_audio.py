"""Converts appended audio into the PCM that the turn detector and the recogniser take.

Both take it decoded and, if the session wants that, with noise reduction: the detector at the
format's rate, the recogniser at 16 kHz. The output is aligned with the input: sample k is the sound
at k / rate seconds.
"""

from __future__ import annotations

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReducer, NoiseReduction
from audio.pcm import SAMPLE_RATE, Resampler

EASY_MS, EASY_NOISY_MS = 10_000, 1_000
"""Longest clip, without and with noise reduction, that is converted in the event loop: it takes a
few milliseconds."""


class CleanStream:
    """One stream of appended audio, as 16-bit PCM at the format's rate."""

    def __init__(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Start a stream.

        Args:
            audio_format: Format of the appended audio.
            noise: Noise reduction; None: none.
        """
        self._format = audio_format
        self._reducer = NoiseReducer(noise, audio_format.rate) if noise else None

    def push(self, audio: bytes) -> bytes:
        """Take bytes of the format; return 16-bit PCM."""
        pcm = self._format.decode(audio)
        return self._reducer.push(pcm) if self._reducer else pcm

    def flush(self) -> bytes:
        """Return the end of the stream, which the filter still held."""
        return self._reducer.flush() if self._reducer else b""


class InputStream:
    """One stream of appended audio, as 16-bit PCM at the rate of who hears it."""

    def __init__(
        self, audio_format: AudioFormat, noise: NoiseReduction | None, rate: int = SAMPLE_RATE
    ) -> None:
        """Start a stream; see `CleanStream`. `rate` is that of the PCM, in Hz."""
        self._clean = CleanStream(audio_format, noise)
        self._resampler = Resampler(audio_format.rate, rate)

    def push(self, audio: bytes) -> bytes:
        """Take bytes of the format; return 16-bit PCM."""
        return self._resampler.push(self._clean.push(audio))

    def flush(self) -> bytes:
        """Return the end of the stream, which the filters still held."""
        return self._resampler.push(self._clean.flush(), last=True)


def cleaned(clip: Clip, rate: int = SAMPLE_RATE) -> bytes:
    """Convert a whole clip to 16-bit PCM at `rate` Hz, a second at a time to keep calls short."""
    stream = InputStream(clip.format, clip.noise, rate)
    step = 1000 * clip.format.bytes_per_ms
    audio = clip.audio
    pieces = [stream.push(audio[start : start + step]) for start in range(0, len(audio), step)]
    return b"".join([*pieces, stream.flush()])


def takes_long(clip: Clip) -> bool:
    """Return whether `cleaned` takes so long that it should run in a thread."""
    return clip.ms > (EASY_MS if clip.noise is None else EASY_NOISY_MS)
