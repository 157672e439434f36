"""A caller by WebRTC that uses little CPU, so that the server is the limit.

aiortc makes the connection and carries the events. The audio passes it by, for its own media would
cost more than the server: frames are encoded in advance and sent by the crowd's one timer, and of
what comes only the header and the length are read. That needs a few of aiortc's private names.
"""

from __future__ import annotations

import asyncio
import json
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av import AudioFrame, CodecContext

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from benchmarks.crowd import CHUNK_MS, OPEN_S, Answer, Caller
from clients.sdk import ClientError
from peers.webrtc.rtp import RtpPacket, is_rtcp, read_packet, write_packet

_TICKS = 48 * CHUNK_MS
"""Ticks of an RTP timestamp in a frame."""
LONGEST_PAUSE_S = 2.0
"""Silence behind an answer that is longer than any within one."""
SILENCE_S = 0.5
"""Seconds of silence that end a turn, as callers configure it, behind the last voiced sample."""


def opus_frames(pcm: bytes, loss: float = 0.0) -> list[bytes]:
    """Encode 24 kHz PCM into packets of 20 ms as browsers do, who take a room's noise for sound.

    Args:
        pcm: 16-bit mono.
        loss: The part of the packets whose loss the encoder is prepared for, 0 to 1.
    """
    encoder = CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = WIRE_RATE, "mono", "s16"
    encoder.bit_rate = 32_000
    encoder.options = {
        "application": "voip",
        "fec": "1",
        "packet_loss": str(round(100 * loss)),
    }
    size = CHUNK_MS * WIRE_RATE // 1000 * BYTES_PER_SAMPLE
    packets = []
    for at in range(0, len(pcm) - size + 1, size):
        frame = AudioFrame(format="s16", layout="mono", samples=size // BYTES_PER_SAMPLE)
        frame.sample_rate = WIRE_RATE
        frame.planes[0].update(pcm[at : at + size])
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


class _Mute(MediaStreamTrack):
    """A track that gives aiortc nothing to send."""

    kind = "audio"

    async def recv(self) -> AudioFrame:
        """Wait for as long as the call lasts."""
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class _Media:
    """The audio of a connected call: what is sent, and what comes."""

    def __init__(self, connection: RTCPeerConnection, payload_type: int) -> None:
        self._payload_type = payload_type
        self._ssrc = connection.getSenders()[0]._ssrc
        assert connection.sctp is not None, "the caller has a data channel"
        dtls = connection.sctp.transport
        self._receive, self._send = dtls._rx_srtp, dtls._tx_srtp
        pair = dtls.transport._connection._nominated[1]
        self._protocol, self._address = pair.protocol, pair.remote_addr
        self._sequence = 0
        self.on_packet: Callable[[RtpPacket, float], None] = lambda _packet, _now: None
        other = self._protocol.datagram_received

        def came(data: bytes | str, addr: tuple[Any, ...]) -> None:
            assert isinstance(data, bytes), "datagrams are bytes"
            if not 127 < data[0] < 192:
                other(data, addr)
            elif not is_rtcp(data):
                packet = read_packet(self._receive.unprotect(data))
                if packet is not None:
                    self.on_packet(packet, perf_counter())

        # asyncio asks the protocol for it with each datagram.
        self._protocol.datagram_received = came  # type: ignore[method-assign]

    def send(self, payload: bytes, *, lost: bool = False) -> None:
        """Send the next 20 ms; `lost`: on the way."""
        number = self._sequence
        self._sequence += 1
        packet = RtpPacket(
            self._payload_type,
            number & 0xFFFF,
            number * _TICKS & 0xFFFFFFFF,
            self._ssrc,
            payload,
            marker=number == 0,
        )
        protected = self._send.protect(write_packet(packet))
        if not lost and self._protocol.transport is not None:
            self._protocol.transport.sendto(protected, self._address)


@dataclass
class CallCaller(Caller):
    """A session by a call; a chunk is a packet of Opus."""

    spacings_ms: array[float] = field(default_factory=lambda: array("d"))
    """Time between the arrivals of two frames of an answer that follow each other."""
    sound_frames: int = 0
    """Frames of answers that have arrived."""
    loss: float = 0.0
    """The part of its packets that are lost on the way, 0 to 1."""
    lost: list[bool] = field(default_factory=list)
    """Of each chunk, whether it was lost."""
    silence_s: float = SILENCE_S
    """Seconds from the last voiced sample to the decision that a turn is over."""

    def __post_init__(self) -> None:
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.connection.addTrack(_Mute())
        self._channel = self.connection.createDataChannel("oai-events")
        self._channel.on("message", self._took)
        self._media: _Media | None = None
        self._random = Random(0)
        self._last: tuple[int, float] | None = None
        """The timestamp that follows on that of the last frame of an answer, and when that came."""
        self.clock: tuple[float, float] | None = None
        """When the first packet came, in seconds, and its timestamp in ms."""
        self.ahead_ms = 0.0
        """How far the server's clock of what it plays is ahead of this one, since then."""

        self._early: list[float] = []
        """When the frames came whose answer is not known yet: events travel by themselves."""

    async def call(self, url: str) -> float:
        """Make the call; returns how long it took from the POST to `session.created`, in s."""
        offer = await self.offer()
        start = perf_counter()
        answer = await post(f"{url}/calls?model=gpt-realtime", offer)
        await self.accept(answer)
        async with asyncio.timeout(OPEN_S):
            opened = await self.opened
        self.connected(answer)
        return opened - start

    async def offer(self) -> str:
        """Return the offer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Take the answer, and begin to connect."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def connected(self, answer: str) -> None:
        """Take over the audio of the call, which stands.

        Raises:
            ClientError: The answer has no Opus.
        """
        type_ = re.search(r"a=rtpmap:(\d+) opus", answer, re.IGNORECASE)
        if type_ is None:
            raise ClientError("The answer has no Opus.")
        self._media = _Media(self.connection, int(type_[1]))
        self._media.on_packet = self._heard

    def write_chunk(self, chunk: bytes) -> None:
        """Send a packet."""
        lost = self._random.random() < self.loss
        self.lost.append(lost)
        if self._media is not None:
            self._media.send(chunk, lost=lost)

    def send(self, type_: str, **fields: Any) -> None:
        """Send an event."""
        self._channel.send(json.dumps({"type": type_, **fields}))

    def leave(self) -> None:
        """Hang up."""
        self._leaving = asyncio.ensure_future(self.connection.close())

    async def left(self) -> None:
        """Wait until everything of the call is gone."""
        await self._leaving

    def decided(self, audio_end_ms: int) -> float | None:
        """Return when the silence after a turn was complete.

        The session's clock begins with the connection, not with the first chunk, so that is counted
        from the last voiced chunk.
        """
        return self.spoken + self.silence_s if self.spoken else None

    def _took(self, message: str) -> None:
        self.take_event(message.encode(), perf_counter())

    def _heard(self, packet: RtpPacket, now: float) -> None:
        at_ms = packet.timestamp / 48
        if self.clock is None:
            self.clock = now, at_ms
        played_ms = (at_ms - self.clock[1]) % (2**32 / 48)
        self.ahead_ms = played_ms - 1000 * (now - self.clock[0])
        # An answer begins with a marked packet (RFC 3551, 4.1), and its frames follow each other
        # in time; in silence they do not.
        last, self._last = self._last, None
        if not packet.marker and (last is None or packet.timestamp != last[0]):
            return
        self._last = packet.timestamp + _TICKS & 0xFFFFFFFF, now
        self.arrivals.setdefault("sound", now)
        self.arrived.set()
        self.sound_frames += 1
        if last is not None:
            self.spacings_ms.append(1000 * (now - last[1]))
        self._early.append(now)
        if self.answers and not self._ended(self.answers[-1], now):
            self._play_early()

    def take_event(self, payload: bytes, now: float) -> None:
        """Take an event of the server; its answer's first frames may have overtaken it."""
        known = len(self.answers)
        super().take_event(payload, now)
        if len(self.answers) > known:
            self._play_early()

    def _ended(self, answer: Answer, now: float) -> bool:
        """Return whether sound that comes now belongs to a later answer."""
        return answer.done is not None and answer.idle_s(now) > LONGEST_PAUSE_S

    def _play_early(self) -> None:
        for came in self._early:
            self.answers[-1].take_audio(came, CHUNK_MS / 1000)
        self._early.clear()


async def join_call(
    url: str, script: Sequence[bytes], session: dict[str, Any]
) -> tuple[CallCaller, float]:
    """Make a call and configure its session.

    Args:
        url: That of the WebSocket.
        script: Packets of Opus.
        session: What the session is updated with.

    Returns:
        The caller, and how long it took from the POST to `session.created`, in seconds.
    """
    caller = CallCaller(script)
    opened = await caller.call(url.replace("ws://", "http://"))
    caller.send("session.update", session=session)
    async with asyncio.timeout(OPEN_S):
        await caller.configured
    return caller, opened


async def post(url: str, offer: str) -> str:
    """Post an offer and return the answer; an HTTP client would take longer than the server.

    Raises:
        ClientError: The server refuses it.
    """
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    body = offer.encode()
    head = (
        f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    received = await reader.read()
    writer.close()
    head, _, answer = received.decode().partition("\r\n\r\n")
    status = head.partition("\r\n")[0]
    if " 201 " not in status:
        raise ClientError(f"The server answered {status}: {answer[:300]}")
    return answer
