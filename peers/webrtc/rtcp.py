"""RTCP reports (RFC 3550): how much of a stream arrives, and how long the way there and back is.

Pure: the caller has the clocks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from peers.webrtc.rtp import ReceivedCounts, SentCounts

REPORT_INTERVAL_S = 5.0
"""Seconds between two reports (RFC 3550, section 6.2)."""
_NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900 to 1970."""
_SENDER, _RECEIVER, _DESCRIPTION, _BYE = 200, 201, 202, 203


@dataclass(frozen=True, slots=True)
class SenderClock:
    """A client's sender report: its clock when it was sent."""

    ssrc: int
    ntp: int
    """The middle 32 bits of its NTP time."""


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What a client says of the stream that it receives."""

    ssrc: int
    fraction_lost: float
    """The part of the packets lost since its last report, 0 to 1."""
    jitter: int
    """In ticks."""
    last_sender_report: int
    """The middle 32 bits of the server's NTP time in the report that came last; 0: none has."""
    delay: int
    """Since that came, in 65536ths of a second."""


def ntp(time_s: float) -> int:
    """Return a Unix time as 64 bits of NTP."""
    return int((time_s + _NTP_EPOCH_S) * 2**32) & 0xFFFFFFFFFFFFFFFF


def middle(ntp_time: int) -> int:
    """Return the middle 32 bits of an NTP time."""
    return (ntp_time >> 16) & 0xFFFFFFFF


def round_trip_ms(report: StreamReport, now_s: float) -> float | None:
    """Return the way there and back, in milliseconds; None: the report does not tell.

    Args:
        report: What the client says of the server's stream.
        now_s: Unix time at which it came.
    """
    if not report.last_sender_report:
        return None
    took = (middle(ntp(now_s)) - report.last_sender_report - report.delay) & 0xFFFFFFFF
    # A negative time is a clock that was set meanwhile.
    return None if took >= 0x80000000 else took / 65.536


def read_reports(datagram: bytes) -> Iterator[SenderClock | StreamReport]:
    """Yield what a decrypted compound packet reports; what cannot be read is passed over."""
    at = 0
    while at + 8 <= len(datagram):
        first, kind, words = struct.unpack_from("!BBH", datagram, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(datagram):
            return
        body, count = at + 8, first & 0x1F
        if kind == _SENDER and end >= at + 28:
            (ssrc,) = struct.unpack_from("!I", datagram, at + 4)
            yield SenderClock(ssrc, int.from_bytes(datagram[at + 10 : at + 14], "big"))
            body += 20
        if kind in (_SENDER, _RECEIVER):
            for start in range(body, min(end - 23, body + 24 * count), 24):
                ssrc, lost, _, jitter, last, delay = struct.unpack_from("!IIIIII", datagram, start)
                yield StreamReport(ssrc, (lost >> 24) / 256, jitter, last, delay)
        at = end


@dataclass(frozen=True, slots=True)
class LastSenderReport:
    """The client's last sender report, and when it came, in seconds of any clock."""

    clock: SenderClock
    came_s: float


def write_report(
    *,
    ssrc: int,
    cname: str,
    sent: SentCounts,
    timestamp: int,
    unix_s: float,
    received: ReceivedCounts,
    last: LastSenderReport | None,
    now_s: float,
) -> bytes:
    """Write a compound packet: a sender or receiver report, and the name of the source.

    Args:
        ssrc: The server's stream.
        cname: Name of the source.
        sent: What was sent of the server's stream; nothing: a receiver report is written.
        timestamp: The stream's timestamp at this moment.
        unix_s: Unix time.
        received: What came of the client's stream.
        last: The client's last sender report.
        now_s: Seconds of the clock of `last`.
    """
    block = _block(received, last, now_s)
    count = 1 if block else 0
    if sent.packets:
        body = struct.pack(
            "!IQIII",
            ssrc,
            ntp(unix_s),
            timestamp & 0xFFFFFFFF,
            sent.packets & 0xFFFFFFFF,
            sent.payload_bytes & 0xFFFFFFFF,
        )
        kind = _SENDER
    else:
        body, kind = struct.pack("!I", ssrc), _RECEIVER
    return _packet(count, kind, body + block) + _description(ssrc, cname)


def write_bye(ssrc: int) -> bytes:
    """Write that the server's stream ends."""
    return _packet(0, _RECEIVER, struct.pack("!I", ssrc)) + _packet(
        1, _BYE, struct.pack("!I", ssrc)
    )


def _block(received: ReceivedCounts, last: LastSenderReport | None, now_s: float) -> bytes:
    if received.ssrc is None:
        return b""
    fraction, lost = received.lost_since_report()
    sent_at, delay = 0, 0
    if last is not None and last.clock.ssrc == received.ssrc:
        sent_at, delay = last.clock.ntp, int((now_s - last.came_s) * 65536)
    return struct.pack(
        "!IIIIII",
        received.ssrc,
        fraction << 24 | (lost & 0xFFFFFF),
        received.highest,
        received.jitter,
        sent_at,
        delay & 0xFFFFFFFF,
    )


def _description(ssrc: int, cname: str) -> bytes:
    name = cname.encode()[:255]
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\0"
    return _packet(1, _DESCRIPTION, chunk + b"\0" * (-len(chunk) % 4))


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
