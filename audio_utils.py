"""PCM helpers shared by server and clients: sample rates, durations, WAV files.

Audio is `bytes` of 16-bit signed little-endian mono PCM everywhere, as on the wire
(protocol.md §E); functions say the rate in Hz.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import soxr

BYTES_PER_SAMPLE = 2
WIRE_RATE = 24000
"""Hz of PCM on the wire."""


class Resampler:
    """Converts a stream of PCM from one rate to another, chunk by chunk, without seams.

    Sample k of the output is the sound at k / `to_rate` seconds of the input: the filter's delay
    holds back the end of the stream, it does not shift it. `flush` releases that end.
    """

    def __init__(self, from_rate: int, to_rate: int, quality: str = "HQ") -> None:
        """Start a stream.

        Args:
            from_rate: Rate of the input in Hz.
            to_rate: Rate of the output in Hz.
            quality: soxr quality; `LQ` holds back about 11 ms on average, `HQ` about 21 ms.
        """
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality=quality)
        )

    def push(self, pcm: bytes, last: bool = False) -> bytes:
        """Return the output that `pcm` completes; with `last`, all that is left."""
        if self._stream is None:
            return pcm
        out: bytes = self._stream.resample_chunk(
            np.frombuffer(pcm, dtype="<i2"), last=last
        ).tobytes()
        return out

    def flush(self) -> bytes:
        """End the stream and return what the filter still held back."""
        return self.push(b"", last=True)


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole clip of 16-bit mono PCM from one rate (Hz) to another."""
    return Resampler(from_rate, to_rate).push(pcm, last=True)


def duration_ms(pcm: bytes, rate: int = WIRE_RATE) -> float:
    """Length of 16-bit mono PCM in milliseconds."""
    return len(pcm) / BYTES_PER_SAMPLE / rate * 1000


def silence(ms: float, rate: int = WIRE_RATE) -> bytes:
    """Return `ms` milliseconds of digital silence."""
    return bytes(round(ms * rate / 1000) * BYTES_PER_SAMPLE)


def read_wav(path: str | Path, rate: int = WIRE_RATE) -> bytes:
    """Read a 16-bit PCM WAV file as mono PCM at `rate` Hz, mixing channels and resampling.

    Raises:
        ValueError: The file is not 16-bit PCM WAV.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != BYTES_PER_SAMPLE:
                raise ValueError(f"{path}: only 16-bit WAV files can be read; convert it first.")
            channels, from_rate = file.getnchannels(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except wave.Error as error:
        raise ValueError(f"{path} is not a PCM WAV file ({error}).") from error
    if channels > 1:
        frames = np.frombuffer(pcm, dtype="<i2").reshape(-1, channels)
        pcm = frames.mean(axis=1).astype("<i2").tobytes()
    return resample(pcm, from_rate, rate)


def write_wav(path: str | Path, pcm: bytes, rate: int = WIRE_RATE) -> None:
    """Write 16-bit mono PCM at `rate` Hz as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(rate)
        file.writeframes(pcm)
