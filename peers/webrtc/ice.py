"""aioice's connection on the shared UDP port.

aioice binds a port for every call and interface, and cannot be told which; this subclass gives it
endpoints on sockets that are there already. What is neither a check nor DTLS, the media, bypasses
its queue.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Callable
from typing import Any

from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, ConnectionClosed, ConnectionEvent, StunProtocol

from peers.webrtc.udp_port import Endpoint, UdpPort, UdpSocket

_NEEDED = {"USERNAME", "MESSAGE-INTEGRITY", "PRIORITY"}
"""Attributes of every check (RFC 8445, section 7.1)."""
MOST_ADDRESSES = 64
"""Addresses of a client that are checked; each costs packets. Browsers have fewer than ten."""
MOST_WAITING = 1024
"""Datagrams that wait for DTLS; what is too much is lost, as on the way, and comes again."""


class SharedEndpoint(StunProtocol):
    """One call's end on one of the shared sockets."""

    def __init__(self, connection: SharedConnection, port: UdpPort, bound: UdpSocket) -> None:
        """Join a call to a socket."""
        super().__init__(connection)
        self.bound = bound
        self._connection = connection
        self._port = port
        assert bound.transport is not None, "the port is open"
        self.transport = bound.transport
        self.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", bound.address),
            component=1,
            transport="udp",
            priority=candidate_priority(1, "host"),
            host=bound.address,
            port=bound.port,
            type="host",
        )

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Take a datagram of the call; only checks are worth a parser."""
        assert isinstance(data, bytes), "datagrams are bytes"
        if data[0] >= 20:
            self._connection.data_received(data, 1)
            return
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error):
            # aioice would take it for data of the client, for whom nobody vouches here.
            return
        if message.message_class is stun.Class.REQUEST and not self._authentic(message):
            # aioice would answer; nobody learns here what is behind the port.
            return
        if data[0] == 1:
            # An answer to a check of ours: some clients send none of their own.
            self._connection.came()
        super().datagram_received(data, addr)

    def _authentic(self, message: stun.Message) -> bool:
        password = self._connection.local_password.encode()
        return message.attributes.keys() >= _NEEDED and message.check_message_integrity(password)

    async def request(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, tuple[str, int]]:
        """Ask, and return the answer."""
        self._port.expect(request.transaction_id, self)
        try:
            return await super().request(request, addr, integrity_key, retransmissions)
        finally:
            self._port.expect_no_more(request.transaction_id)

    async def close(self) -> None:
        """Leave the socket, which others use."""
        self._port.forget(self)


class SharedConnection(Connection):
    """The ICE connection of one call."""

    def __init__(
        self,
        port: UdpPort,
        username: str,
        password: str,
        media: Callable[[bytes], None],
        came: Callable[[], None],
    ) -> None:
        """Join the port.

        Args:
            port: The open port.
            username: The server's, unique in the process.
            password: The server's.
            media: Takes SRTP and SRTCP.
            came: Called for each datagram of the client.
        """
        super().__init__(ice_controlling=False, local_username=username, local_password=password)
        self._port = port
        self._endpoints = {
            bound: SharedEndpoint(self, port, bound) for bound in port.sockets.values()
        }
        self._media = media
        self.came = came
        self.knocked = asyncio.Event()
        """Set when somebody has asked for this call."""
        self.checks = 0
        """Authenticated checks of the client."""
        port.add(username, self)

    def endpoint_of(self, bound: UdpSocket) -> Endpoint | None:
        """Return the call's end on a socket."""
        return self._endpoints.get(bound)

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109  # its name
    ) -> list[Candidate]:
        """Return the candidates of the shared sockets."""
        endpoints = list(self._endpoints.values())
        self._protocols += endpoints
        return [endpoint.local_candidate for endpoint in endpoints]

    def reaches(self, address: str) -> bool:
        """Tell whether an address is of a family on which the port listens."""
        return any((":" in bound.address) == (":" in address) for bound in self._endpoints)

    def request_received(
        self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        """Answer a check, and keep it until `connect`."""
        super().request_received(message, addr, protocol)
        self.knocked.set()

    def _check_periodic(self) -> bool:
        # aioice would ask every 20 ms as long as the client could name more addresses; calls name
        # none later, and those that the client is heard from are checked without being asked for.
        going_on = super()._check_periodic()
        left = (CandidatePair.State.WAITING, CandidatePair.State.FROZEN)
        return going_on and (
            not self._check_list or any(pair.state in left for pair in self._check_list)
        )

    def check_incoming(
        self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        """Take a check that was authenticated: the client is at its address."""
        assert isinstance(protocol, SharedEndpoint), "there are no others"
        known = {(one.host, one.port) for one in self._remote_candidates}
        if len(known) >= MOST_ADDRESSES and addr not in known:
            return
        self.checks += 1
        self.came()
        self._port.learn(protocol.bound, addr, protocol)
        super().check_incoming(message, addr, protocol)

    def data_received(self, data: bytes, component: int) -> None:
        """Take what is no check: media past the queue, DTLS into it."""
        self.came()
        if 128 <= data[0] <= 191:
            self._media(data)
        elif self._queue.qsize() < MOST_WAITING:
            super().data_received(data, component)

    def send_now(self, data: bytes) -> bool:
        """Send a datagram to the client; False: there is no way to it."""
        pair = self._nominated.get(1)
        if pair is None:
            return False
        pair.protocol.transport.sendto(data, pair.remote_addr)
        return True

    async def get_event(self) -> ConnectionEvent:
        """Return the next event; that it is closed, whoever asks too late.

        aioice says None then, at which aiortc asks again without end, and nothing else runs.
        """
        return await super().get_event() or ConnectionClosed()

    def may_check(self, address: str) -> bool:
        """Return whether an address can be reached from here: a private server stays private."""
        here = any(ipaddress.ip_address(bound.address).is_loopback for bound in self._endpoints)
        return ipaddress.ip_address(address).is_loopback or not here

    @property
    def has_way(self) -> bool:
        """Whether a way to the client was found."""
        return bool(self._nominated)

    async def close(self) -> None:
        """Leave the port."""
        await super().close()
        self._port.remove(self.local_username)
