"""The client's microphone: packets of its track in, 24 kHz PCM out, in order and without holes.

A track may stop while the user is silent: browsers send a packet every 400 ms then, a muted client
perhaps none. A turn ends by silence that is *heard*, so that silence is written here, as zeros, by
the clock: from a packet that says so, soon after one that came alone, or after 200 ms of nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from peers.webrtc.codecs import Decoder
from peers.webrtc.opus import FRAME_MS, LONGEST_MS, RATE
from peers.webrtc.reorder import Audio, Lost, Pause, Reorder, Step
from peers.webrtc.rtp import ReceivedCounts, RtpPacket

QUIET_AFTER_MS = 200.0
"""Without a packet for this long, the client counts as silent."""
QUIET_AFTER_PAUSE_MS = 60.0
"""The same behind a packet that came after a pause: in silence, they come alone."""
_LONGEST_GAP_MS = 5000.0
"""No jump of timestamps adds more silence than this."""
_BYTES_PER_MS = 2 * RATE // 1000


class Microphone:
    """The incoming track of one call; the clock is passed in."""

    def __init__(self, payload_type: int, decoder: Decoder, hear: Callable[[bytes], None]) -> None:
        """Wait for the first packet.

        Args:
            payload_type: The negotiated one; packets of others are ignored.
            decoder: Of the negotiated codec.
            hear: Takes 24 kHz 16-bit mono PCM.
        """
        self._payload_type = payload_type
        self._decoder = decoder
        self._hear = hear
        self._order = Reorder(decoder.span)
        self.counts = ReceivedCounts(decoder.clock_rate)
        self._until_ms: float | None = None
        """The time up to which audio was heard; None: nothing has come yet."""
        self._patience_ms = QUIET_AFTER_MS
        """How long after the last packet the client counts as silent; 0: it does."""
        self._filled_ms = 0.0
        """Zeros written since the last packet."""
        self.heard_ms = 0.0
        """Audio given on, concealed and silent one included."""
        self.concealed_ms = 0.0
        """Audio that was lost and is made up."""

    def came(self, packet: RtpPacket, now_ms: float) -> None:
        """Take a packet."""
        if packet.payload_type != self._payload_type:
            return
        self.counts.came(packet, now_ms / 1000)
        self._take(self._order.push(packet, now_ms), now_ms)

    def tick(self, now_ms: float) -> None:
        """Give up what is missing, and write silence; called about every 20 ms."""
        self._take(self._order.expire(now_ms), now_ms)
        if self._until_ms is None:
            return
        ahead_ms = now_ms - self._until_ms
        if ahead_ms < self._patience_ms:
            return
        self._patience_ms = 0.0
        frames = int(ahead_ms / FRAME_MS)
        if frames > 0:
            # A loop that stood still writes no minutes at once.
            ms = min(frames * FRAME_MS, _LONGEST_GAP_MS)
            self._until_ms += frames * FRAME_MS
            self._filled_ms += ms
            self._give(bytes(int(ms) * _BYTES_PER_MS))

    def _take(self, steps: list[Step], now_ms: float) -> None:
        patience_ms = QUIET_AFTER_MS
        for step in steps:
            match step:
                case Audio(payload):
                    self._play(payload, patience_ms)
                    patience_ms = QUIET_AFTER_MS
                    self._until_ms = now_ms
                    self._filled_ms = 0.0
                case Lost(ticks, following):
                    self._make_up(self._missing_ms(ticks), following)
                case Pause(ticks):
                    patience_ms = QUIET_AFTER_PAUSE_MS
                    self._give(bytes(int(self._missing_ms(ticks)) * _BYTES_PER_MS))

    def _play(self, payload: bytes, patience_ms: float) -> None:
        if self._decoder.silent(payload):
            self._patience_ms = 0.0
            # Zeros, not the decoder's comfort noise: detectors know them for certain.
            ms = self._decoder.span(payload) * 1000 // self._decoder.clock_rate
            self._give(bytes(ms * _BYTES_PER_MS))
        else:
            self._patience_ms = patience_ms
            self._give(self._decoder.decode(payload))

    def _missing_ms(self, ticks: int) -> float:
        """Return how much of a gap has not been filled with silence yet."""
        gap_ms = ticks * 1000 / self._decoder.clock_rate
        return min(max(0.0, gap_ms - self._filled_ms), _LONGEST_GAP_MS)

    def _make_up(self, ms: float, following: bytes) -> None:
        if ms <= 0:
            return
        near_ms = min(ms, LONGEST_MS)
        if ms > near_ms:
            # Nothing that could be made up for so long resembles what was said.
            self._give(bytes(int(ms - near_ms) * _BYTES_PER_MS))
        self.concealed_ms += max(0.0, ms - self._decoder.redundant_ms(following))
        self._give(self._decoder.recover(following, near_ms))

    def _give(self, pcm: bytes) -> None:
        if pcm:
            self.heard_ms += len(pcm) / _BYTES_PER_MS
            self._hear(pcm)
