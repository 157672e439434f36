"""One UDP port for all calls of a process.

A datagram belongs to the call whose client was last heard, and authenticated, from its address.
From any other address only two things count: a connectivity check that names the call, and the
answer to a check of ours. All else is dropped for the price of a look at it, whoever sends it.

With many calls, datagrams wait for others, no longer than 4 ms: one after the other they take two
thirds of the time that they take between other work, because the processor's caches still hold what
they need. With few calls they do not wait.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol, cast

Address = tuple[str, int]

_COOKIE = b"\x21\x12\xa4\x42"
_REQUEST, _INDICATION = 0x0001, 0x0011
_RESPONSES = (0x0101, 0x0111)
_USERNAME = 0x0006
_SOCKET_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel, for bursts of many calls; it gives what it allows."""
_LONGEST_USERNAME = 513
GATHER_S = 0.004
"""Shortest time between two rounds of datagrams."""
MOST_AT_ONCE = 32
"""Datagrams of one round, which takes up to 2 ms; then the event loop does other work."""


class Endpoint(Protocol):
    """One call's end on one socket."""

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a datagram of the call."""


class Owner(Protocol):
    """A call."""

    def endpoint_of(self, bound: UdpSocket) -> Endpoint | None:
        """Return the call's end on a socket."""


class UdpPort:
    """The sockets of a process, one for each local address, all with the same port."""

    def __init__(self) -> None:
        self.sockets: dict[str, UdpSocket] = {}
        """By local address."""
        self.port = 0
        self._calls: dict[str, Owner] = {}
        """By the user name of their checks."""
        self._heard: dict[tuple[UdpSocket, str, int], Endpoint] = {}
        """By the address at which a client was heard."""
        self._asked: dict[bytes, Endpoint] = {}
        """Checks of ours that are not answered, by their transaction."""
        self._gathered: deque[tuple[UdpSocket, bytes, tuple[Any, ...]]] = deque()
        self._round: asyncio.Handle | None = None
        self._last_round = 0.0
        self.dropped = 0
        """Datagrams that belong to no call."""
        self.arrived = 0
        """All datagrams."""

    async def bind(self, addresses: Iterable[str], port: int) -> None:
        """Listen on more addresses.

        Args:
            addresses: By number.
            port: 0: any that is free.

        Raises:
            OSError: The port is taken, or an address is not this machine's.
        """
        loop = asyncio.get_running_loop()
        for address in addresses:
            _, bound = await loop.create_datagram_endpoint(
                lambda address=address: UdpSocket(self, address),  # type: ignore[misc]
                local_addr=(address, self.port or port),
            )
            self.port = bound.port
            self.sockets[address] = bound

    async def close(self) -> None:
        """Stop listening; the port is free then."""
        await asyncio.gather(*(bound.close() for bound in self.sockets.values()))
        if self._round is not None:
            self._round.cancel()
        self.sockets.clear()

    def add(self, username: str, call: Owner) -> None:
        """Let checks that name `username` go to a call."""
        self._calls[username] = call

    def remove(self, username: str) -> None:
        """Forget a call; its endpoints are forgotten by `forget`."""
        self._calls.pop(username, None)

    def learn(self, bound: UdpSocket, address: Address, endpoint: Endpoint) -> None:
        """Let what comes from an address go to a call: its client was authenticated there."""
        self._heard[bound, address[0], address[1]] = endpoint

    def forget(self, endpoint: Endpoint) -> None:
        """Forget all addresses of an endpoint."""
        for key in [key for key, known in self._heard.items() if known is endpoint]:
            del self._heard[key]

    def expect(self, transaction: bytes, endpoint: Endpoint) -> None:
        """Let the answer to a check go to a call."""
        self._asked[transaction] = endpoint

    def expect_no_more(self, transaction: bytes) -> None:
        """Forget a check."""
        self._asked.pop(transaction, None)

    def gather(self, bound: UdpSocket, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a datagram, to be handed over soon, in order with the others."""
        self._gathered.append((bound, data, addr))
        if self._round is None:
            loop = asyncio.get_running_loop()
            self._round = loop.call_at(self._last_round + GATHER_S, self._hand_over)

    def _hand_over(self) -> None:
        loop = asyncio.get_running_loop()
        self._last_round = loop.time()
        self._round = None
        try:
            for _ in range(min(len(self._gathered), MOST_AT_ONCE)):
                self.received(*self._gathered.popleft())
        finally:
            # Also if one of them fails: the others are of other calls.
            if self._gathered:
                self._round = loop.call_soon(self._hand_over)

    def received(self, bound: UdpSocket, data: bytes, addr: tuple[Any, ...]) -> None:
        """Hand a datagram to its call, or drop it."""
        self.arrived += 1
        known = self._heard.get((bound, addr[0], addr[1]))
        if known is not None:
            first = data[0] if data else 255
            # Media and DTLS; checks may be for another call, and are told apart below.
            if 20 <= first <= 63 or 128 <= first <= 191:
                known.datagram_received(data, addr)
                return
        endpoint = self._of_check(bound, data)
        if endpoint is None:
            self.dropped += 1
        else:
            endpoint.datagram_received(data, addr)

    def _of_check(self, bound: UdpSocket, data: bytes) -> Endpoint | None:
        if len(data) < 20 or data[4:8] != _COOKIE:
            return None
        kind = int.from_bytes(data[:2], "big")
        if kind in _RESPONSES:
            return self._asked.get(data[8:20])
        if kind not in (_REQUEST, _INDICATION):
            return None
        username = checked_username(data)
        call = None if username is None else self._calls.get(username)
        return None if call is None else call.endpoint_of(bound)


def checked_username(data: bytes) -> str | None:
    """Return the first half of the user name in a connectivity check: the receiver's.

    Args:
        data: A STUN message (RFC 8489), of which nothing is believed.
    """
    at, end = 20, len(data)
    while at + 4 <= end:
        kind = int.from_bytes(data[at : at + 2], "big")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _USERNAME:
            name = data[at + 4 : at + 4 + length]
            if length > _LONGEST_USERNAME or len(name) < length or not name.isascii():
                return None
            return name.decode("ascii").partition(":")[0]
        at += 4 + length + (-length % 4)
    return None


class UdpSocket(asyncio.DatagramProtocol):
    """One of the port's sockets."""

    def __init__(self, port: UdpPort, address: str) -> None:
        """Belong to a port; `address` is the local one."""
        self.address = address
        self._owner = port
        self.transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()

    @property
    def port(self) -> int:
        """The local port."""
        assert self.transport is not None, "it is bound"
        return int(self.transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.DatagramTransport, transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a datagram from anybody."""
        self._owner.gather(self, data, addr)

    def error_received(self, exc: Exception) -> None:
        """Pass over what the kernel reports about clients that cannot be reached."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._closed.set()

    async def close(self) -> None:
        """Stop listening."""
        if self.transport is not None:
            self.transport.close()
            await self._closed.wait()
