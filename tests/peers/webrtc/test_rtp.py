"""RTP packets are read as RFC 3550 has them, and streams are counted as it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.rtp import (
    ReceivedCounts,
    RtpPacket,
    SentCounts,
    is_rtcp,
    read_packet,
    write_packet,
)

PACKET = RtpPacket(111, 7, 960, 42, b"sound", marker=True)


def test_a_packet_is_read_as_it_was_written() -> None:
    assert read_packet(write_packet(PACKET)) == PACKET


def test_sources_extensions_and_padding_are_no_audio() -> None:
    plain = write_packet(PACKET)
    header = bytes([plain[0] | 0x20 | 0x10 | 2]) + plain[1:12]
    sources = bytes(8)
    extension = b"\xbe\xde\x00\x01" + b"\x10\x00\x00\x00"
    padded = header + sources + extension + b"sound" + b"\x00\x00\x03"
    assert read_packet(padded) == PACKET


@given(st.binary(max_size=80))
def test_noise_is_no_packet_or_one(noise: bytes) -> None:
    packet = read_packet(noise)
    assert packet is None or len(packet.payload) <= len(noise)


def test_reports_are_told_from_audio() -> None:
    assert is_rtcp(bytes([0x80, 200]))
    assert not is_rtcp(write_packet(PACKET))
    assert not is_rtcp(b"\x80")


def stream(numbers: list[int]) -> ReceivedCounts:
    counts = ReceivedCounts(48000)
    for number in numbers:
        counts.came(RtpPacket(111, number & 0xFFFF, number * 960, 42, b""), number * 0.02)
    return counts


def test_loss_is_what_never_came() -> None:
    counts = stream([0, 1, 3, 4])
    assert (counts.expected, counts.received, counts.loss) == (5, 4, 0.2)
    assert counts.lost_since_report() == (256 // 5, 1)
    assert counts.lost_since_report() == (0, 1)


def test_numbers_wrap_and_what_is_late_is_no_loss() -> None:
    counts = stream([65534, 65536, 65535, 65537])
    assert counts.expected == 4
    assert counts.loss == 0
    assert counts.highest == 65537


def test_even_packets_have_no_jitter_and_a_pause_is_none() -> None:
    counts = stream([0, 1, 2, 50, 51])
    assert counts.jitter == 0
    uneven = ReceivedCounts(48000)
    for number in range(100):
        late = 0.01 * (number % 2)
        uneven.came(RtpPacket(111, number, number * 960, 42, b""), number * 0.02 + late)
    assert 8 < uneven.jitter_ms < 11


def test_a_new_source_is_counted_anew() -> None:
    counts = stream([0, 5])
    counts.came(RtpPacket(111, 900, 0, 43, b""), 1)
    assert (counts.ssrc, counts.expected, counts.loss) == (43, 1, 0)


def test_what_is_sent_is_counted_without_headers() -> None:
    counts = SentCounts()
    counts.sent(PACKET)
    assert (counts.packets, counts.payload_bytes) == (1, 5)
