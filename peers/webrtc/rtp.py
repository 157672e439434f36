"""RTP packets (RFC 3550), and the counts that reports about a stream are made of; pure."""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = struct.Struct("!BBHII")
HEADER_BYTES = _HEADER.size


class RtpPacket(NamedTuple):
    """One packet of a stream.

    A tuple, which is made in half the time of a frozen dataclass: a hundred times a second.
    """

    payload_type: int
    sequence: int
    """Modulo 2**16."""
    timestamp: int
    """Ticks of the codec's clock, modulo 2**32."""
    ssrc: int
    payload: bytes
    marker: bool = False


def is_rtcp(datagram: bytes) -> bool:
    """Tell reports from audio where both come to one port (RFC 5761)."""
    return len(datagram) >= 2 and 192 <= datagram[1] <= 223


def read_packet(datagram: bytes) -> RtpPacket | None:
    """Read a decrypted packet; None: it is none."""
    if len(datagram) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if first >> 6 != 2:
        return None
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(datagram)
    if first & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= datagram[-1]
    if end < start:
        return None
    return RtpPacket(
        second & 0x7F, sequence, timestamp, ssrc, datagram[start:end], bool(second & 0x80)
    )


def write_packet(packet: RtpPacket) -> bytes:
    """Write a packet, to be encrypted."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    return (
        _HEADER.pack(0x80, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload
    )


class SentCounts:
    """What was sent of the server's stream, for its sender reports."""

    def __init__(self) -> None:
        self.packets = 0
        self.payload_bytes = 0

    def sent(self, packet: RtpPacket) -> None:
        """Count a packet."""
        self.packets += 1
        self.payload_bytes += len(packet.payload)


class ReceivedCounts:
    """What came of a client's stream, for the server's receiver reports (RFC 3550, appendix A)."""

    def __init__(self, clock_rate: int) -> None:
        """Count a stream whose timestamps have `clock_rate` ticks per second."""
        self._clock_rate = clock_rate
        self._first = 0
        self._highest = 0
        """The highest sequence number, with the count of wraps above its 16 bits."""
        self.received = 0
        self._transit: float | None = None
        self._jitter = 0.0
        self._reported = (0, 0)
        """Packets expected and received until the last report."""
        self.ssrc: int | None = None
        """The stream; None: nothing has come."""

    def came(self, packet: RtpPacket, now_s: float) -> None:
        """Count a packet that arrived at `now_s`, in seconds of any clock."""
        if packet.ssrc != self.ssrc:
            self.__init__(self._clock_rate)  # type: ignore[misc]  # a new stream, new counts
            self.ssrc = packet.ssrc
            self._first = self._highest = packet.sequence
        ahead = (packet.sequence - self._highest) & 0xFFFF
        if ahead < 0x8000:
            self._highest += ahead
        self.received += 1
        transit = now_s * self._clock_rate - packet.timestamp
        if self._transit is not None:
            moved = abs(transit - self._transit)
            # Timestamps wrap; a pause or a wrap is no jitter.
            if moved < self._clock_rate:
                self._jitter += (moved - self._jitter) / 16
        self._transit = transit

    @property
    def expected(self) -> int:
        """Packets that the client has sent, as far as is known."""
        return 0 if self.ssrc is None else self._highest - self._first + 1

    @property
    def loss(self) -> float:
        """The part of all packets that never came, 0 to 1."""
        expected = self.expected
        return max(0, expected - self.received) / expected if expected else 0.0

    @property
    def jitter_ms(self) -> float:
        """How much the time on the way varies, in milliseconds."""
        return self._jitter / self._clock_rate * 1000

    @property
    def jitter(self) -> int:
        """The same in ticks."""
        return int(self._jitter)

    @property
    def highest(self) -> int:
        """The highest sequence number, extended, modulo 2**32."""
        return self._highest & 0xFFFFFFFF

    def lost_since_report(self) -> tuple[int, int]:
        """Return the loss since the last call in 256ths, and all lost packets."""
        expected, received = self.expected, self.received
        before_expected, before_received = self._reported
        self._reported = (expected, received)
        new = expected - before_expected
        lost = new - (received - before_received)
        fraction = min(255, (lost << 8) // new) if new > 0 and lost > 0 else 0
        return fraction, max(-0x800000, min(0x7FFFFF, expected - received))
