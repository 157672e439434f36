"""The audio of one call on the wire: SRTP packets and reports, in and out.

Reports are counted and written here because media passes by aiortc, which would do it otherwise.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import pylibsrtp

from peers.webrtc.codecs import make_decoder, make_encoder
from peers.webrtc.figures import CallFigures
from peers.webrtc.loudspeaker import Loudspeaker
from peers.webrtc.metronome import INTERVAL_S
from peers.webrtc.microphone import Microphone
from peers.webrtc.playout import Drained, Started
from peers.webrtc.rtcp import (
    REPORT_INTERVAL_S,
    LastSenderReport,
    SenderClock,
    StreamReport,
    read_reports,
    round_trip_ms,
    write_bye,
    write_report,
)
from peers.webrtc.rtp import ReceivedCounts, RtpPacket, is_rtcp, read_packet, write_packet
from peers.webrtc.sdp import OfferedAudio

_LONGEST_DATAGRAM = 1500
"""Bytes; libsrtp's buffer holds no more."""
_FIRST_REPORT_TICKS = 25


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """The ciphers of a call, which the DTLS handshake has agreed on."""

    receive: pylibsrtp.Session
    send: pylibsrtp.Session


class Tracks:
    """Both tracks of a call."""

    def __init__(
        self,
        audio: OfferedAudio | None,
        *,
        clock: Callable[[], float],
        send: Callable[[bytes], object],
        hear: Callable[[bytes], None],
        report: Callable[[Started | Drained], None],
    ) -> None:
        """Start silent, without keys.

        Args:
            audio: What was negotiated; None: what is played is heard by nobody.
            clock: Returns seconds.
            send: Takes datagrams.
            hear: Takes the client's audio, 24 kHz 16-bit mono.
            report: Takes what was played.
        """
        self.ssrc = secrets.randbits(32)
        self.cname = secrets.token_hex(8)
        self._audio = audio
        self._clock = clock
        self._send = send
        self._keys: SrtpKeys | None = None
        self._microphone: Microphone | None = None
        payload_type, encoder = 0, None
        if audio is not None:
            payload_type = audio.codec.payload_type
            if audio.direction in ("sendrecv", "recvonly"):
                self._microphone = Microphone(payload_type, make_decoder(audio.codec), hear)
            if audio.direction in ("sendrecv", "sendonly"):
                encoder = make_encoder(audio.codec)
        self.loudspeaker = Loudspeaker(payload_type, encoder, self.ssrc, self._put, report)
        self._nothing = ReceivedCounts(48000)
        self._ticks = 0
        self._last_report: LastSenderReport | None = None
        self._round_trip_ms: float | None = None
        self._sent_loss = 0.0

    def use(self, keys: SrtpKeys) -> None:
        """Begin: the call is connected."""
        self._keys = keys

    def came(self, datagram: bytes) -> None:
        """Take a datagram of the client; one that is forged, or doubled, is dropped."""
        if self._keys is None or len(datagram) > _LONGEST_DATAGRAM:
            return
        try:
            if is_rtcp(datagram):
                self._reports_came(self._keys.receive.unprotect_rtcp(datagram))
                return
            plain = self._keys.receive.unprotect(datagram)
        except pylibsrtp.Error:
            return
        packet = read_packet(plain)
        if packet is not None and self._microphone is not None:
            self._microphone.came(packet, self._clock() * 1000)

    def tick(self) -> None:
        """Play the next frame, and hear what silence there is; called every 20 ms."""
        self._ticks += 1
        now_ms = self._clock() * 1000
        if self._microphone is not None:
            self._microphone.tick(now_ms)
        self.loudspeaker.tick(now_ms)
        if self._ticks % round(REPORT_INTERVAL_S / INTERVAL_S) == _FIRST_REPORT_TICKS:
            self._report()

    def end(self) -> None:
        """Tell the client that no audio follows."""
        if self._audio is not None and self._keys is not None:
            self._send(self._keys.send.protect_rtcp(write_bye(self.ssrc)))

    def figures(self) -> CallFigures:
        """Return how the call goes."""
        microphone = self._microphone
        return CallFigures(
            loss=self._received.loss,
            sent_loss=self._sent_loss,
            jitter_ms=self._received.jitter_ms,
            round_trip_ms=self._round_trip_ms,
            concealed_ms=0.0 if microphone is None else microphone.concealed_ms,
            heard_ms=0.0 if microphone is None else microphone.heard_ms,
            played_ms=self.loudspeaker.played_ms,
        )

    @property
    def _received(self) -> ReceivedCounts:
        return self._nothing if self._microphone is None else self._microphone.counts

    def _put(self, packet: RtpPacket) -> None:
        if self._keys is not None:
            self._send(self._keys.send.protect(write_packet(packet)))

    def _reports_came(self, plain: bytes) -> None:
        for report in read_reports(plain):
            if isinstance(report, SenderClock):
                self._last_report = LastSenderReport(report, self._clock())
            elif report.ssrc == self.ssrc:
                self._report_came(report)

    def _report_came(self, report: StreamReport) -> None:
        measured = round_trip_ms(report, time.time())
        if measured is not None:
            self._round_trip_ms = measured
        if report.fraction_lost != self._sent_loss:
            self._sent_loss = report.fraction_lost
            self.loudspeaker.expect_loss(report.fraction_lost)

    def _report(self) -> None:
        if self._audio is None or self._keys is None:
            return
        plain = write_report(
            ssrc=self.ssrc,
            cname=self.cname,
            sent=self.loudspeaker.counts,
            timestamp=self.loudspeaker.timestamp,
            unix_s=time.time(),
            received=self._received,
            last=self._last_report,
            now_s=self._clock(),
        )
        self._send(self._keys.send.protect_rtcp(plain))
