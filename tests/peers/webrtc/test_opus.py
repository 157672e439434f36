"""Opus in both directions, its redundancy, and what it makes up."""

from __future__ import annotations

import numpy as np
import pytest

from peers.webrtc import opus
from peers.webrtc.opus import FRAME_BYTES, FRAME_MS, NoOpus, OpusDecoder, OpusEncoder
from tests.support.clips import FIRST, SECOND

MS = FRAME_BYTES // FRAME_MS


def frames(pcm: bytes) -> list[bytes]:
    whole = len(pcm) - len(pcm) % FRAME_BYTES
    return [pcm[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]


def energy(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(np.float64) ** 2)))


@pytest.fixture(scope="module")
def speech() -> list[bytes]:
    return frames(FIRST + SECOND)[:150]


def test_speech_is_heard_again(speech: list[bytes]) -> None:
    encoder, decoder = OpusEncoder(fec=False), OpusDecoder()
    heard = [decoder.decode(encoder.encode(frame)) for frame in speech]
    assert all(len(frame) == FRAME_BYTES for frame in heard)
    assert energy(b"".join(heard)) == pytest.approx(energy(b"".join(speech)), rel=0.1)


def test_packets_say_how_long_they_are(speech: list[bytes]) -> None:
    decoder = OpusDecoder()
    assert decoder.span(OpusEncoder(fec=False).encode(speech[0])) == 960
    # 60 ms of silence, by its first byte alone (RFC 6716, section 3.1).
    assert decoder.span(bytes([0x18])) == 2880
    assert decoder.span(b"") == 0
    assert decoder.span(b"\xff\xff") == 0


def test_silence_becomes_packets_that_say_so() -> None:
    encoder = OpusEncoder(fec=False)
    packets = [encoder.encode_silence() for _ in range(60)]
    assert OpusDecoder().silent(packets[-2])
    assert sum(map(OpusDecoder().silent, packets)) > 30


def test_a_held_tone_is_sound_to_its_end() -> None:
    encoder = OpusEncoder(fec=False)
    encoder.encode_silence()
    tone = tone_of(440, 4.0)
    frames = [tone[at : at + FRAME_BYTES] for at in range(0, len(tone), FRAME_BYTES)]
    assert not any(OpusDecoder().silent(encoder.encode(frame)) for frame in frames)


def tone_of(hertz: float, seconds: float) -> bytes:
    """A tone, 24 kHz 16-bit mono."""
    at = np.arange(int(seconds * 24000)) / 24000
    return bytes((8000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes())


def lossy(speech: list[bytes], *, fec: bool) -> tuple[bytes, float]:
    """Every fifth packet is lost; returns what is heard, and how much was recovered in ms."""
    encoder, decoder = OpusEncoder(fec=fec), OpusDecoder()
    encoder.expect_loss(0.2)
    packets = [encoder.encode(frame) for frame in speech]
    heard, recovered = b"", 0.0
    for number, packet in enumerate(packets):
        if number % 5 == 4 and number + 1 < len(packets):
            following = packets[number + 1]
            recovered += decoder.redundant_ms(following)
            heard += decoder.recover(following, FRAME_MS)
        else:
            heard += decoder.decode(packet)
    return heard, recovered


def test_lost_speech_is_recovered_from_the_next_packet(speech: list[bytes]) -> None:
    heard, recovered = lossy(speech, fec=True)
    assert len(heard) == len(speech) * FRAME_BYTES
    assert recovered > 200
    bare, nothing = lossy(speech, fec=False)
    assert len(bare) == len(speech) * FRAME_BYTES
    assert nothing == 0


@pytest.mark.parametrize("ms", [20, 40, 60, 120])
def test_as_much_is_made_up_as_was_lost(speech: list[bytes], ms: int) -> None:
    encoder, decoder = OpusEncoder(fec=False), OpusDecoder()
    packets = [encoder.encode(frame) for frame in speech[40:60]]
    for packet in packets:
        decoder.decode(packet)
    assert len(decoder.conceal(ms)) == ms * MS
    assert len(decoder.recover(packets[-1], ms)) == ms * MS


def test_a_broken_packet_is_made_up() -> None:
    decoder = OpusDecoder()
    assert len(decoder.decode(b"\xff\xff\xff")) == FRAME_BYTES
    assert len(decoder.recover(b"\xff\xff\xff", FRAME_MS)) == FRAME_BYTES


def test_where_there_is_no_libopus_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "_candidates", lambda: iter(["/nowhere/libopus.so"]))
    opus.library.cache_clear()
    with pytest.raises(NoOpus, match="pip install"):
        opus.library()
    monkeypatch.undo()
    opus.library.cache_clear()
    opus.library()
