"""Clients that offer G.711 alone hear and are heard."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from peers.webrtc.opus import FRAME_BYTES
from peers.webrtc.telephony import TelephonyDecoder, TelephonyEncoder
from tests.support.clips import FIRST


def energy(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(np.float64) ** 2)))


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_speech_is_heard_again(name: Literal["PCMU", "PCMA"]) -> None:
    encoder, decoder = TelephonyEncoder(name), TelephonyDecoder(name)
    said = FIRST[: 100 * FRAME_BYTES]
    packets = [
        encoder.encode(said[at : at + FRAME_BYTES]) for at in range(0, len(said), FRAME_BYTES)
    ]
    assert {len(packet) for packet in packets} == {160}
    heard = b"".join(decoder.decode(packet) for packet in packets)
    assert energy(heard) == pytest.approx(energy(said), rel=0.25)
    assert len(said) - len(heard) < 4 * FRAME_BYTES


def test_what_is_lost_is_silent() -> None:
    decoder = TelephonyDecoder("PCMU")
    assert decoder.span(bytes(160)) == 160
    assert not decoder.silent(b"\xff")
    assert decoder.redundant_ms(bytes(160)) == 0
    assert decoder.recover(bytes(160), 20) == bytes(FRAME_BYTES)
