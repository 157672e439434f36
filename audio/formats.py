"""The audio formats of the wire, and conversion to and from PCM (§C.2, E)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, overload

from audio import g711
from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, Rate, Resampler
from flow.steps import Steps

FormatName = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
_LAWS: dict[FormatName, g711.Law] = {"audio/pcmu": "ulaw", "audio/pcma": "alaw"}

PACKET_BYTES = 160
"""G.711 is sent in multiples of this, 20 ms: what telephony plays at a time (§E)."""


@dataclass(frozen=True, init=False)
class AudioFormat:
    """One audio format of the wire, mono."""

    name: FormatName
    rate: Rate
    """Samples per second."""

    @overload
    def __init__(self, name: Literal["audio/pcm"] = ..., rate: Rate = ...) -> None: ...
    @overload
    def __init__(self, name: FormatName) -> None: ...
    def __init__(self, name: FormatName = "audio/pcm", rate: Rate = WIRE_RATE) -> None:
        """Name a format.

        Args:
            name: As on the wire.
            rate: Hz of PCM; G.711 has one rate alone.
        """
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "rate", g711.RATE if name in _LAWS else rate)

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> AudioFormat:
        """Return the format that a client or `wire` has written; without a rate, PCM has 24 kHz."""
        name: FormatName = written["type"]
        if name == "audio/pcm":
            return cls(name, written.get("rate") or WIRE_RATE)
        return cls(name)

    @cached_property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 1 if self.name in _LAWS else 2

    @cached_property
    def bytes_per_ms(self) -> int:
        """Bytes of one millisecond: 48 for PCM at 24 kHz, 8 for G.711 (§E)."""
        return self.rate * self.sample_bytes // 1000

    def wire(self) -> dict[str, Any]:
        """Return the format as sessions show it."""
        if self.name in _LAWS:
            return {"type": self.name}
        return {"type": self.name, "rate": self.rate}

    def decode(self, audio: bytes) -> bytes:
        """Return 16-bit PCM at `rate`."""
        law = _LAWS.get(self.name)
        return audio if law is None else g711.decode(audio, law)

    def encode(self, pcm: bytes) -> bytes:
        """Return 16-bit PCM at `rate` in this format."""
        law = _LAWS.get(self.name)
        return pcm if law is None else g711.encode(pcm, law)


class Encoder:
    """Encodes a stream of 24 kHz 16-bit PCM into a format of the wire, G.711 in whole packets."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._law = _LAWS.get(audio_format.name)
        self._resampler = Resampler(WIRE_RATE, audio_format.rate)
        self._begun = b""
        """The begun packet, which waits for its rest."""

    def push(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Encode more of the stream.

        Args:
            pcm: Whole samples.
            last: Whether the stream ends here: then comes also what the resampler and the begun
                packet hold, filled up with silence (§E).
        """
        out = self._resampler.push(pcm, last=last)
        if self._law is None:
            return out
        if last:
            lacking = -(len(self._begun) + len(out) // BYTES_PER_SAMPLE) % PACKET_BYTES
            out += bytes(BYTES_PER_SAMPLE * lacking)
        encoded = self._begun + g711.encode(out, self._law)
        whole = len(encoded) - len(encoded) % PACKET_BYTES
        self._begun = encoded[whole:]
        return encoded[:whole]


def convert(audio: bytes, given: AudioFormat, wanted: AudioFormat) -> Steps[bytes]:
    """Convert a whole clip from one format to another, a few seconds at a time.

    It keeps its length: nothing is filled up to whole packets.
    """
    if given == wanted:
        return audio
    resampler = Resampler(given.rate, wanted.rate)
    converted: list[bytes] = []
    step = 5000 * given.bytes_per_ms
    for start in range(0, len(audio), step):
        pcm = resampler.push(given.decode(audio[start : start + step]))
        converted.append(wanted.encode(pcm))
        yield
    return b"".join([*converted, wanted.encode(resampler.flush())])
