"""16-bit mono PCM: rates, durations, resampling, WAV files."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from config import AudioConfig
from settings.localisation import _

BYTES_PER_SAMPLE = 2


Rate = Literal[8000, 16000, 24000, 48000]
"""Hz that a client may choose for PCM on the wire (§C.2)."""
WIRE_RATE: Literal[24000] = AudioConfig().OPENAI_SAMPLE_RATE
"""Hz of PCM on the wire, unless the client chooses another, and of what voices make."""


class Resampler:
    """Converts a stream of PCM from one rate to another, chunk by chunk, without seams.

    Sample k of the output is the sound at k / `to_rate` seconds of the input: the filter holds back
    the end of the stream, but does not shift it. `flush` releases that end.

    The same audio always gives the same samples, however it is chunked, and digital silence stays
    silent. So soxr is given floats: with integers it would add random dither.
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
            else soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality=quality)
        )

    def push(self, pcm: bytes, last: bool = False) -> bytes:
        """Return the output that is ready after `pcm`; with `last`, all that is left."""
        if self._stream is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        out = self._stream.resample_chunk(samples, last=last)
        np.rint(out, out=out)
        np.minimum(out, 32767.0, out=out)
        np.maximum(out, -32768.0, out=out)
        resampled: bytes = out.astype("<i2").tobytes()
        return resampled

    def flush(self) -> bytes:
        """End the stream and return what the filter still held."""
        return self.push(b"", last=True)


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Convert a whole clip of 16-bit mono PCM from one rate (Hz) to another."""
    return Resampler(from_rate, to_rate).push(pcm, last=True)


def duration_ms(pcm: bytes, rate: int = WIRE_RATE) -> float:
    """Return the length of 16-bit mono PCM at `rate` Hz in milliseconds."""
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
                told = _("{path}: only 16-bit WAV files can be read; convert it first.")
                raise ValueError(told.format(path=path))
            channels, from_rate = file.getnchannels(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        told = _("{path} is not a PCM WAV file ({reason}).")
        reason = str(error) or _("it is cut off")
        raise ValueError(told.format(path=path, reason=reason)) from error
    pcm = pcm[: len(pcm) - len(pcm) % (BYTES_PER_SAMPLE * channels)]  # a cut-off file
    if channels > 1:
        frames = np.frombuffer(pcm, dtype="<i2").reshape(-1, channels)
        pcm = frames.mean(axis=1).astype("<i2").tobytes()
    return resample(pcm, from_rate, rate)


def write_wav(path: str | Path, pcm: bytes, rate: int = WIRE_RATE) -> None:
    """Write 16-bit mono PCM at `rate` Hz as a WAV file."""
    Path(path).write_bytes(wav(pcm, rate))


def wav(pcm: bytes, rate: int = WIRE_RATE) -> bytes:
    """Return 16-bit mono PCM at `rate` Hz as the bytes of a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(rate)
        file.writeframes(pcm)
    return written.getvalue()


SAMPLE_RATE: int = AudioConfig().INTERNAL_SAMPLE_RATE
