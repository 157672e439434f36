"""The client's loudspeaker: 24 kHz PCM in, a packet of its track every 20 ms out.

The first frame of an answer leaves at once, the others one a tick. In silence, after a tail that
tells the decoder that this is a pause, one packet every 400 ms tells that the stream goes on. A
tick that comes late sends one frame all the same, so the stream falls behind the clock; in the next
silence it catches up, or the client would hold back ever more sound.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from peers.webrtc.codecs import Encoder
from peers.webrtc.fader import Fader
from peers.webrtc.opus import FRAME_MS
from peers.webrtc.playout import Drained, Playout, Started
from peers.webrtc.rtp import RtpPacket, SentCounts

_TAIL = 25
"""Frames of silence that are sent behind a sound; browsers conceal what is fewer, as if lost."""
_BEHIND = 2
"""Frames that ticks may be late by for once."""
_REST = 400 // FRAME_MS
"""Ticks between two packets in silence."""


class Loudspeaker:
    """The outgoing track of one call; `tick` is called every 20 ms, and told the time."""

    def __init__(
        self,
        payload_type: int,
        encoder: Encoder | None,
        ssrc: int,
        send: Callable[[RtpPacket], None],
        report: Callable[[Started | Drained], None],
    ) -> None:
        """Start silent.

        Args:
            payload_type: The negotiated one.
            encoder: Of the negotiated codec; None: the client takes no audio, which plays for
                nobody then.
            ssrc: The stream.
            send: Takes packets, to be encrypted and sent.
            report: Takes what began and ended; is never called within `play`.
        """
        self._payload_type = payload_type
        self._encoder = encoder
        self.ssrc = ssrc
        self._send = send
        self._report = report
        self._queue = Playout()
        self._fader = Fader()
        self.counts = SentCounts()
        self._sequence = secrets.randbits(15)
        self.timestamp = secrets.randbits(31)
        """Of the next frame."""
        self._early = False
        """Whether what plays left one tick early."""
        self._due_ms: float | None = None
        """The time of the next frame, were all ticks in time; None: there was none yet."""
        self._silent = _TAIL
        """Ticks since the last sound."""
        self.played_ms = 0.0

    @property
    def has_room(self) -> bool:
        """Whether less than a minute is queued."""
        return self._queue.has_room

    @property
    def queued_ms(self) -> float:
        """Milliseconds that wait to be played."""
        return self._queue.queued_ms

    def play(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Queue audio; the first frame behind silence leaves at once."""
        self._queue.put(response_id, item_id, pcm)

    def start_at_once(self) -> None:
        """Send the first frame now, if nothing was playing; `report` is called."""
        if self._silent and self._queue.has_frame:
            self._early = True
            self._sound()

    def silence(self) -> None:
        """Stop, and drop what is queued; what comes next is as loud as ever."""
        self._queue.silence()
        self._fader = Fader()

    def duck(self, *, on: bool) -> None:
        """Lower what is played by 12 dB, or restore it."""
        self._fader.duck(on=on)

    def played(self) -> Mapping[str, float]:
        """Return item → ms played, of items of responses whose end has not been played."""
        return self._queue.played()

    def expect_loss(self, part: float) -> None:
        """Prepare for a loss of `part` of the packets, 0 to 1, as the client reports it."""
        if self._encoder is not None:
            self._encoder.expect_loss(part)

    def tick(self, now_ms: float) -> None:
        """Send the next frame, or what silence asks for.

        Args:
            now_ms: The time, by any clock that runs on.
        """
        if self._due_ms is None:
            self._due_ms = now_ms
        if self._sound():
            return
        self._silent += 1
        if self._early:
            # The first frame left before its tick, and with it all that followed.
            self._early = False
            return
        at_rest = self._silent > _TAIL
        if not (at_rest and self._pauses) or self._silent % _REST == 0:
            self._send_payload(None, marker=False)
        self._advance()
        behind = int((now_ms - self._due_ms) / FRAME_MS) + 1
        if at_rest and behind > _BEHIND:
            self._advance(behind)

    @property
    def _pauses(self) -> bool:
        return self._encoder is None or self._encoder.pauses

    def _sound(self) -> bool:
        frame = self._queue.next_frame()
        if frame is not None:
            self._send_payload(self._fader.faded(frame), marker=self._silent > 0)
            self._silent = 0
            self.played_ms += FRAME_MS
            self._advance()
        for report in self._queue.reports():
            self._report(report)
        return frame is not None

    def _send_payload(self, pcm: bytes | None, *, marker: bool) -> None:
        """Send a frame; None: of silence."""
        if self._encoder is None:
            return
        encoder = self._encoder
        packet = RtpPacket(
            self._payload_type,
            self._sequence,
            self.timestamp,
            self.ssrc,
            encoder.encode_silence() if pcm is None else encoder.encode(pcm),
            marker,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.counts.sent(packet)
        self._send(packet)

    def _advance(self, frames: int = 1) -> None:
        rate = 48000 if self._encoder is None else self._encoder.clock_rate
        self.timestamp = (self.timestamp + frames * rate * FRAME_MS // 1000) & 0xFFFFFFFF
        if self._due_ms is not None:
            self._due_ms += frames * FRAME_MS
