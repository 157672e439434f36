"""Reports are those that aiortc, an independent implementation, reads and writes."""

from __future__ import annotations

import pytest
from aiortc import rtp as aiortc_rtp
from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.rtcp import (
    LastSenderReport,
    SenderClock,
    StreamReport,
    middle,
    ntp,
    read_reports,
    round_trip_ms,
    write_bye,
    write_report,
)
from peers.webrtc.rtp import ReceivedCounts, RtpPacket, SentCounts

UNIX_S = 1_800_000_000.5


def received(numbers: list[int]) -> ReceivedCounts:
    counts = ReceivedCounts(48000)
    for number in numbers:
        counts.came(RtpPacket(111, number, number * 960, 42, b""), number * 0.02)
    return counts


def written(sent: SentCounts, counts: ReceivedCounts) -> list[aiortc_rtp.AnyRtcpPacket]:
    return aiortc_rtp.RtcpPacket.parse(
        write_report(
            ssrc=7,
            cname="voice",
            sent=sent,
            timestamp=96000,
            unix_s=UNIX_S,
            received=counts,
            last=LastSenderReport(SenderClock(42, 0x1234), 10.0),
            now_s=10.5,
        )
    )


def test_a_sender_reports_what_it_sent_and_received() -> None:
    sent = SentCounts()
    sent.sent(RtpPacket(111, 0, 0, 7, b"12345"))
    report, description = written(sent, received([0, 1, 3]))
    assert isinstance(report, aiortc_rtp.RtcpSrPacket)
    assert report.ssrc == 7
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (1, 5)
    assert report.sender_info.rtp_timestamp == 96000
    assert report.sender_info.ntp_timestamp == ntp(UNIX_S)
    (block,) = report.reports
    assert (block.ssrc, block.packets_lost, block.fraction_lost) == (42, 1, 64)
    assert (block.highest_sequence, block.lsr, block.dlsr) == (3, 0x1234, 32768)
    assert isinstance(description, aiortc_rtp.RtcpSdesPacket)
    assert description.chunks[0].items == [(1, b"voice")]


def test_who_sends_nothing_writes_a_receiver_report() -> None:
    report, _ = written(SentCounts(), received([0]))
    assert isinstance(report, aiortc_rtp.RtcpRrPacket)
    nothing, _ = written(SentCounts(), ReceivedCounts(48000))
    assert isinstance(nothing, aiortc_rtp.RtcpRrPacket)
    assert nothing.reports == []


def test_a_stream_ends_by_bye() -> None:
    _, bye = aiortc_rtp.RtcpPacket.parse(write_bye(7))
    assert isinstance(bye, aiortc_rtp.RtcpByePacket)
    assert bye.sources == [7]


def test_a_clients_reports_are_read() -> None:
    block = aiortc_rtp.RtcpReceiverInfo(
        ssrc=7,
        fraction_lost=64,
        packets_lost=3,
        highest_sequence=9,
        jitter=12,
        lsr=5,
        dlsr=6,
    )
    info = aiortc_rtp.RtcpSenderInfo(
        ntp_timestamp=ntp(UNIX_S), rtp_timestamp=1, packet_count=1, octet_count=1
    )
    compound = bytes(aiortc_rtp.RtcpSrPacket(ssrc=42, sender_info=info, reports=[block])) + bytes(
        aiortc_rtp.RtcpRrPacket(ssrc=42, reports=[block])
    )
    expected = StreamReport(7, 0.25, 12, 5, 6)
    assert list(read_reports(compound)) == [
        SenderClock(42, middle(ntp(UNIX_S))),
        expected,
        expected,
    ]


def test_the_round_trip_is_what_is_left_of_the_time() -> None:
    left = middle(ntp(UNIX_S))
    report = StreamReport(7, 0, 0, left, 65536)
    assert round_trip_ms(report, UNIX_S + 1.08) == pytest.approx(80, abs=0.1)
    assert round_trip_ms(StreamReport(7, 0, 0, 0, 0), UNIX_S) is None
    # A clock that was set back.
    assert round_trip_ms(report, UNIX_S + 0.5) is None


@given(st.binary(max_size=120))
def test_noise_has_no_reports_or_some(noise: bytes) -> None:
    assert len(list(read_reports(noise))) <= len(noise)
