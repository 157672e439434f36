"""One call: aiortc's ICE, DTLS and SCTP, with media of our own beside them.

aiortc's parts are used one by one, not by its `RTCPeerConnection`: that would bring transceivers,
threads and a jitter buffer which loses audio. Encrypted media leaves the connection before DTLS
sees it, and is decrypted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
    RTCSctpCapabilities,
)

from peers.base import NotConnected
from peers.webrtc.figures import CallFigures
from peers.webrtc.ice import SharedConnection
from peers.webrtc.loudspeaker import Loudspeaker
from peers.webrtc.metronome import INTERVAL_S, Metronome
from peers.webrtc.obstacles import Dtls, Progress, obstacle
from peers.webrtc.playout import Drained, Started
from peers.webrtc.sctp import BoundedSctp
from peers.webrtc.sdp import Endpoint, Fingerprint, IceCandidate, IceCredentials, Offer
from peers.webrtc.tracks import SrtpKeys, Tracks
from peers.webrtc.udp_port import UdpPort

CONNECT_S = 15.0
"""Seconds in which a call has to be connected."""
DEAD_S = 10.0
"""Seconds without a datagram after which the client is gone."""
CHANNEL_LOW_BYTES = 64 * 1024
"""Bytes in the channel's own buffer up to which it takes another event."""
MOST_CHANNELS = 16
"""Data channels that a client may open; only the first has events."""
LAST_WORDS_S = 2.0
"""Seconds in which the last events must reach the client before the connection is closed."""


class Listener(Protocol):
    """Who takes what comes by a link."""

    def heard(self, pcm: bytes) -> None:
        """Take audio of the client, 24 kHz 16-bit mono."""

    def received(self, message: str | bytes) -> None:
        """Take a message of the data channel."""

    def reported(self, report: Started | Drained) -> None:
        """Take what was played."""

    def played_on(self) -> None:
        """Note that the queue of audio may be shorter."""

    def ended(self) -> None:
        """The link is over."""


class RtcLink:
    """A call's connection."""

    def __init__(
        self,
        offer: Offer,
        port: UdpPort,
        metronome: Metronome,
        certificate: RTCCertificate,
        credentials: IceCredentials,
        announced: str,
        forget: Callable[[RtcLink], None],
    ) -> None:
        """Prepare for the client; it connects once `attach` has given it a listener.

        Args:
            offer: The client's offer.
            port: The open UDP port.
            metronome: The beat of the process.
            certificate: For DTLS.
            credentials: The server's, for this call alone.
            announced: The addresses that the answer has, for messages.
            forget: Called when the link is closed.
        """
        self.offer = offer
        self._announced = announced
        self._metronome = metronome
        self._forget = forget
        self._certificate = certificate
        self._loop = asyncio.get_running_loop()
        self._tracks = Tracks(
            offer.audio,
            clock=self._loop.time,
            send=lambda datagram: self._connection.send_now(datagram),
            hear=self._heard,
            report=self._reported,
        )
        self._connection = SharedConnection(
            port, credentials.username, credentials.password, self._tracks.came, self._came
        )
        gatherer = RTCIceGatherer(iceServers=[])
        gatherer._connection = self._connection
        self._ice = RTCIceTransport(gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._dtls._set_role(offer.role)
        self._sctp = BoundedSctp(self._dtls) if offer.channel is not None else None
        self._channel: RTCDataChannel | None = None
        self._channels = 0
        self._channel_room = asyncio.Event()
        self._listener: Listener | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._stands = asyncio.Event()
        """Set when the call is connected, and when it never will be."""
        self._over = False
        self._why: str | None = None
        self._quiet_ticks = 0
        """Ticks since the client's last datagram; a loop that stood still counts none."""

    async def open(self, candidates: Sequence[IceCandidate], session_id: int) -> Endpoint:
        """Return what the answer says of this side."""
        await self._ice.iceGatherer.gather()
        local = self._ice.iceGatherer.getLocalParameters()
        return Endpoint(
            ice=IceCredentials(local.usernameFragment or "", local.password or ""),
            fingerprints=[
                Fingerprint(one.algorithm, one.value)
                for one in self._certificate.getFingerprints()
                if one.algorithm == "sha-256"
            ],
            candidates=candidates,
            ssrc=self._tracks.ssrc,
            cname=self._tracks.cname,
            session_id=session_id,
        )

    def attach(self, listener: Listener) -> None:
        """Begin to connect."""
        self._listener = listener
        self._dtls.on("statechange", self._dtls_changed)
        if self._sctp is not None:
            self._sctp.on("datachannel", self._channel_came)
        self._connecting = self._loop.create_task(self._connect())

    # --- connecting ---------------------------------------------------------------------------

    async def _connect(self) -> None:
        ice = self.offer.ice
        # Who can reach the server checks first. So nobody makes it send to addresses of others,
        # except for clients that never check by themselves.
        named = self.offer.candidates if ice.lite else ()
        for candidate in filter(lambda one: self._connection.may_check(one.address), named):
            await self._ice.addRemoteCandidate(
                RTCIceCandidate(
                    component=1,
                    foundation=candidate.foundation,
                    ip=candidate.address,
                    port=candidate.port,
                    priority=candidate.priority,
                    protocol="udp",
                    type=candidate.type,
                )
            )
        # The one that checks by itself leads where the client does not.
        self._connection.ice_controlling = ice.lite
        await self._ice.start(RTCIceParameters(ice.username, ice.password, ice.lite))
        if self._ice.state != "completed":
            return
        await self._dtls.start(
            RTCDtlsParameters(
                [RTCDtlsFingerprint(one.algorithm, one.value) for one in self.offer.fingerprints]
            )
        )
        if self._dtls.state != "connected":
            return
        self._tracks.use(SrtpKeys(self._dtls._rx_srtp, self._dtls._tx_srtp))
        self._metronome.add(self._tick)
        channel = self.offer.channel
        if self._sctp is None or channel is None:
            self._stands.set()
            return
        with suppress(ConnectionError):
            await self._sctp.start(RTCSctpCapabilities(channel.max_message_size), channel.port)

    async def connected(self) -> None:
        """Wait until the call is connected, its data channel too if one is offered.

        Raises:
            NotConnected: It is not within `CONNECT_S`; the message has the reason.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._stands.wait()
        if not self.is_connected:
            raise NotConnected(self._obstacle())

    @property
    def is_connected(self) -> bool:
        """Whether events and audio can pass."""
        return (
            not self._over
            and self._dtls.state == "connected"
            and (self.offer.channel is None or self._channel is not None)
        )

    def _obstacle(self) -> str:
        states = {"connected": Dtls.DONE, "closed": Dtls.DONE, "failed": Dtls.FAILED}
        return obstacle(
            Progress(
                announced=self._announced,
                waited_s=CONNECT_S,
                checked=self._connection.checks > 0,
                has_way=self._connection.has_way,
                dtls=states.get(self._dtls.state, Dtls.UNFINISHED),
                left=self._over,
            )
        )

    def _dtls_changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            overrun = self._sctp is not None and self._sctp.overrun
            self._end("the client sent more than it was allowed to" if overrun else None)

    # --- the data channel ---------------------------------------------------------------------

    def _channel_came(self, channel: RTCDataChannel) -> None:
        self._channels += 1
        if self._channels > MOST_CHANNELS:
            self._end("the client opened too many data channels")
        if self._channel is not None:
            # A client has one; what others are for, nobody here knows.
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = CHANNEL_LOW_BYTES
        channel.on("bufferedamountlow", self._channel_room.set)
        channel.on("message", self._message_came)
        channel.on("close", self._channel_closed)
        self._stands.set()

    def _message_came(self, message: str | bytes) -> None:
        if self._listener is not None and not self._over:
            self._listener.received(message)

    def _channel_closed(self) -> None:
        self._end(None)

    @property
    def max_message_bytes(self) -> int | None:
        """Bytes of the largest message that the client takes; None: any."""
        return (self.offer.channel.max_message_size or None) if self.offer.channel else None

    async def send_text(self, text: str) -> bool:
        """Send a message, in order; waits while the channel's buffer is full.

        Returns:
            False: there is no data channel, or the link is over.
        """
        channel = self._channel
        if channel is None or self._over or channel.readyState != "open":
            return False
        self._channel_room.clear()
        channel.send(text)
        if channel.bufferedAmount > CHANNEL_LOW_BYTES:
            await self._channel_room.wait()
        return not self._over

    async def all_arrived(self) -> None:
        """Wait until the client has all messages, at most `LAST_WORDS_S`."""
        if self._sctp is None or self._channel is None or self._over:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._sctp.all_arrived()

    # --- media --------------------------------------------------------------------------------

    def _came(self) -> None:
        self._quiet_ticks = 0

    def _heard(self, pcm: bytes) -> None:
        if self._listener is not None:
            self._listener.heard(pcm)

    def _reported(self, report: Started | Drained) -> None:
        if self._listener is not None:
            self._listener.reported(report)

    def _tick(self) -> None:
        if self._over:
            # It was called just before it was removed.
            return
        self._quiet_ticks += 1
        self._tracks.tick()
        if self._listener is not None:
            self._listener.played_on()
        if self._quiet_ticks > DEAD_S / INTERVAL_S:
            self._end(f"the tab was closed or lost its network: nothing arrived for {DEAD_S:.0f} s")

    @property
    def loudspeaker(self) -> Loudspeaker:
        """What the client hears."""
        return self._tracks.loudspeaker

    def figures(self) -> CallFigures:
        """Return how the call goes."""
        return self._tracks.figures()

    # --- the end ------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self._over

    @property
    def why(self) -> str | None:
        """Why it ended; None: it has not, or somebody closed it."""
        return self._why

    def _end(self, why: str | None) -> None:
        if self._over:
            return
        self._over = True
        self._why = why
        self._metronome.remove(self._tick)
        self._stands.set()
        self._channel_room.set()
        if self._listener is not None:
            self._listener.ended()

    async def close(self) -> None:
        """Close the connection; nothing of it is left."""
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._end(None)
        try:
            self._tracks.end()
            if self._sctp is not None:
                await self._sctp.stop()
            await self._dtls.stop()
            await self._ice.stop()
            if self._connecting is not None:
                self._connecting.cancel()
                with suppress(asyncio.CancelledError):
                    await self._connecting
        finally:
            self._listener = None
            self._forget(self)
