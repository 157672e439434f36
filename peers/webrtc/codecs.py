"""What a call's audio passes through, whichever codec was negotiated."""

from __future__ import annotations

from typing import Protocol

from peers.webrtc.opus import OpusDecoder, OpusEncoder
from peers.webrtc.sdp import Codec
from peers.webrtc.telephony import TelephonyDecoder, TelephonyEncoder


class Decoder(Protocol):
    """Decodes one stream into 24 kHz 16-bit mono PCM."""

    clock_rate: int
    """Ticks of RTP timestamps per second."""

    def span(self, payload: bytes) -> int:
        """Return how long a packet lasts, in ticks; 0: it has no audio."""

    def silent(self, payload: bytes) -> bool:
        """Tell whether a packet only says that the client is silent."""

    def decode(self, payload: bytes) -> bytes:
        """Decode the next packet."""

    def recover(self, following: bytes, ms: float) -> bytes:
        """Return `ms` of lost audio, as far as possible from the packet behind it."""

    def conceal(self, ms: float) -> bytes:
        """Return `ms` of audio that goes on from what came last."""

    def redundant_ms(self, payload: bytes) -> float:
        """Return how much of the audio before a packet can be recovered from it."""


class Encoder(Protocol):
    """Encodes one stream of 24 kHz 16-bit mono PCM, 20 ms at a time."""

    clock_rate: int
    """Ticks of RTP timestamps per second."""
    pauses: bool
    """Whether the codec lets a stream rest while it is silent (DTX)."""

    def expect_loss(self, part: float) -> None:
        """Prepare for a loss of `part` of the packets, 0 to 1."""

    def encode(self, pcm: bytes) -> bytes:
        """Encode 20 ms of sound."""

    def encode_silence(self) -> bytes:
        """Encode 20 ms of silence, behind which the stream may rest."""


def make_decoder(codec: Codec) -> Decoder:
    """Return a decoder of the negotiated codec."""
    return OpusDecoder() if codec.name == "opus" else TelephonyDecoder(codec.name)


def make_encoder(codec: Codec) -> Encoder:
    """Return an encoder of the negotiated codec."""
    return OpusEncoder(fec=codec.fec) if codec.name == "opus" else TelephonyEncoder(codec.name)
