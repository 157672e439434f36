"""The three audio formats of the wire, and conversion to and from PCM (§C.2, E)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from audio import g711
from audio.pcm import WIRE_RATE, Resampler
from flow.steps import Steps

FormatName = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
_LAWS: dict[FormatName, g711.Law] = {"audio/pcmu": "ulaw", "audio/pcma": "alaw"}


@dataclass(frozen=True)
class AudioFormat:
    """One audio format of the wire, mono."""

    name: FormatName = "audio/pcm"

    @cached_property
    def rate(self) -> int:
        """Samples per second."""
        return g711.RATE if self.name in _LAWS else WIRE_RATE

    @cached_property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 1 if self.name in _LAWS else 2

    @cached_property
    def bytes_per_ms(self) -> int:
        """Bytes of one millisecond: 48 or 8 (§E)."""
        return self.rate * self.sample_bytes // 1000

    def wire(self) -> dict[str, Any]:
        """Return the format as sessions show it."""
        if self.name in _LAWS:
            return {"type": self.name}
        return {"type": self.name, "rate": WIRE_RATE}

    def decode(self, audio: bytes) -> bytes:
        """Return 16-bit PCM at `rate`."""
        law = _LAWS.get(self.name)
        return audio if law is None else g711.decode(audio, law)


class Encoder:
    """Encodes a stream of 24 kHz 16-bit PCM into a format of the wire."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._law = _LAWS.get(audio_format.name)
        self._resampler = Resampler(WIRE_RATE, audio_format.rate)

    def push(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Encode more of the stream; with `last`, also what the resampler still holds."""
        out = self._resampler.push(pcm, last=last)
        return out if self._law is None else g711.encode(out, self._law)


def convert(audio: bytes, given: AudioFormat, wanted: AudioFormat) -> Steps[bytes]:
    """Convert a whole clip from one format to another, a few seconds at a time."""
    if given == wanted:
        return audio
    resampler, encoder = Resampler(given.rate, WIRE_RATE), Encoder(wanted)
    converted: list[bytes] = []
    step = 5000 * given.bytes_per_ms
    for start in range(0, len(audio), step):
        pcm = resampler.push(given.decode(audio[start : start + step]))
        converted.append(encoder.push(pcm))
        yield
    return b"".join([*converted, encoder.push(resampler.flush(), last=True)])
