"""Puts the packets of a stream into order, and says what was lost; pure, the clock is passed in.

A server is no loudspeaker: it need not hold packets back to play them evenly. So a packet that is
in order is delivered at once, and only a gap makes those behind it wait, 50 ms for what may just be
late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from peers.webrtc.rtp import RtpPacket

WAIT_MS = 50.0
"""How long a missing packet is waited for: the third packet of 20 ms behind it, at 60 ms, is always
later, so that a clock that is a little off cannot make it the fourth."""
_MANY = 100
"""Packets that wait; more are not waited with."""
_FAR = 3000
"""Packets between two that a stream can lose; more is a stream that began anew (RFC 3550, A.1)."""
_MISORDERED = 500
"""Packets that one may be late by; earlier ones are of a stream that began anew."""


class Audio(NamedTuple):
    """The next packet of the stream."""

    payload: bytes


class Lost(NamedTuple):
    """Audio that did not come."""

    ticks: int
    following: bytes
    """The payload of the packet behind it, which may have redundancy."""


class Pause(NamedTuple):
    """Time in which the client sent nothing, because it was silent."""

    ticks: int


Step = Audio | Lost | Pause


class Reorder:
    """The packets of one client."""

    def __init__(self, span: Callable[[bytes], int], wait_ms: float = WAIT_MS) -> None:
        """Wait for the first packet.

        Args:
            span: Ticks that a payload lasts; 0 for one without audio.
            wait_ms: How long a missing packet is waited for.
        """
        self._span = span
        self._wait_ms = wait_ms
        self._ssrc: int | None = None
        self._next = 0
        """The sequence number that is due."""
        self._timestamp = 0
        """The timestamp that is due."""
        self._waiting: dict[int, tuple[RtpPacket, float]] = {}
        """Packets behind a gap by sequence number, and when they came."""
        self._stray: int | None = None
        """The number after that of a packet which was far off; should it come, the stream began
        anew."""
        self.doubles = 0
        """Packets that came twice, or too late."""

    @property
    def deadline_ms(self) -> float | None:
        """When the gap is given up; None: there is none."""
        if not self._waiting:
            return None
        return min(came for _, came in self._waiting.values()) + self._wait_ms

    def push(self, packet: RtpPacket, now_ms: float) -> list[Step]:
        """Take a packet that came at `now_ms`; return what can be delivered."""
        if packet.ssrc != self._ssrc:
            return self._begin(packet)
        ahead = (packet.sequence - self._next) & 0xFFFF
        if ahead >= 0x8000:
            ahead -= 0x10000
        if not -_MISORDERED <= ahead <= _FAR:
            if packet.sequence == self._stray:
                return self._begin(packet)
            self._stray = (packet.sequence + 1) & 0xFFFF
            return []
        self._stray = None
        if ahead < 0 or packet.sequence in self._waiting:
            self.doubles += 1
            return []
        if ahead > 0:
            self._waiting[packet.sequence] = packet, now_ms
            return self._give_up() if len(self._waiting) > _MANY else self.expire(now_ms)
        steps = self._deliver(packet, lost=False)
        self._follow(steps)
        return steps

    def expire(self, now_ms: float) -> list[Step]:
        """Return what is delivered because what is missing was waited for long enough."""
        steps: list[Step] = []
        while (due := self.deadline_ms) is not None and now_ms >= due:
            steps += self._give_up()
        return steps

    def _begin(self, packet: RtpPacket) -> list[Step]:
        self._ssrc = packet.ssrc
        self._waiting.clear()
        self._stray = None
        self._timestamp = packet.timestamp
        return self._deliver(packet, lost=False)

    def _give_up(self) -> list[Step]:
        """Go on behind the gap."""
        first = min(self._waiting, key=lambda number: (number - self._next) & 0xFFFF)
        packet, _ = self._waiting.pop(first)
        steps = self._deliver(packet, lost=True)
        self._follow(steps)
        return steps

    def _follow(self, steps: list[Step]) -> None:
        while (waiting := self._waiting.pop(self._next, None)) is not None:
            steps += self._deliver(waiting[0], lost=False)

    def _deliver(self, packet: RtpPacket, *, lost: bool) -> list[Step]:
        self._next = (packet.sequence + 1) & 0xFFFF
        ticks = self._span(packet.payload)
        if not ticks:
            # Padding, or nothing that can be decoded: the audio before and behind it is missed
            # by the timestamp of the next packet.
            return []
        steps: list[Step] = []
        jump = (packet.timestamp - self._timestamp) & 0xFFFFFFFF
        if 0 < jump < 0x80000000:
            steps.append(Lost(jump, packet.payload) if lost else Pause(jump))
        steps.append(Audio(packet.payload))
        self._timestamp = (packet.timestamp + ticks) & 0xFFFFFFFF
        return steps
