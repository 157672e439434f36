"""G.711 for clients that offer nothing better: 8 kHz, without redundancy or silent packets."""

from __future__ import annotations

from typing import Literal

from audio.formats import AudioFormat
from audio.pcm import Resampler, silence
from peers.webrtc.opus import FRAME_BYTES, FRAME_MS, RATE

_RATE = 8000
_FORMATS: dict[str, Literal["audio/pcmu", "audio/pcma"]] = {
    "PCMU": "audio/pcmu",
    "PCMA": "audio/pcma",
}


class TelephonyDecoder:
    """Decodes one stream into 24 kHz 16-bit mono PCM."""

    clock_rate = _RATE

    def __init__(self, name: Literal["PCMU", "PCMA"]) -> None:
        self._format = AudioFormat(_FORMATS[name])
        self._resampler = Resampler(_RATE, RATE, "LQ")

    def span(self, payload: bytes) -> int:
        """Return how long a packet lasts, in ticks of the clock."""
        return len(payload)

    def silent(self, payload: bytes) -> bool:
        """Tell whether a packet only says that the client is silent: none does."""
        return False

    def decode(self, payload: bytes) -> bytes:
        """Decode the next packet."""
        return self._resampler.push(self._format.decode(payload))

    def recover(self, following: bytes, ms: float) -> bytes:
        """Return silence: a packet knows nothing of those before it."""
        return self.conceal(ms)

    def conceal(self, ms: float) -> bytes:
        """Return `ms` of silence."""
        return silence(ms, RATE)

    def redundant_ms(self, payload: bytes) -> float:
        """Return 0."""
        return 0.0


class TelephonyEncoder:
    """Encodes one stream of 24 kHz 16-bit mono PCM, 20 ms at a time."""

    clock_rate = _RATE
    pauses = False

    def __init__(self, name: Literal["PCMU", "PCMA"]) -> None:
        self._format = AudioFormat(_FORMATS[name])
        self._resampler = Resampler(RATE, _RATE, "LQ")
        self._begun = b""

    def expect_loss(self, part: float) -> None:
        """Do nothing: G.711 has no redundancy."""

    def encode_silence(self) -> bytes:
        """Encode a frame of silence."""
        return self.encode(bytes(FRAME_BYTES))

    def encode(self, pcm: bytes) -> bytes:
        """Encode 20 ms; the first packets are filled up with silence that the filter holds back."""
        self._begun += self._resampler.push(pcm)
        wanted = 2 * _RATE * FRAME_MS // 1000
        if len(self._begun) < wanted:
            self._begun = bytes(wanted - len(self._begun)) + self._begun
        packet, self._begun = self._begun[:wanted], self._begun[wanted:]
        return self._format.encode(packet)
