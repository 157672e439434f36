"""What comes in the name of a call, from somebody who knows it, does no harm."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aioice import stun

from peers.webrtc.ice import MOST_ADDRESSES, MOST_WAITING, SharedConnection
from peers.webrtc.udp_port import UdpPort, UdpSocket

PASSWORD = "p" * 24
STRANGER = ("127.0.0.1", 9)


@dataclass
class Place:
    """A call on a port."""

    port: UdpPort
    bound: UdpSocket
    connection: SharedConnection
    media: list[bytes]

    def comes(self, data: bytes, addr: tuple[str, int] = STRANGER) -> None:
        self.port.received(self.bound, data, addr)

    def check(self, password: str = PASSWORD) -> bytes:
        message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        message.attributes["USERNAME"] = "w0abcd:client"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 1
        message.add_message_integrity(password.encode())
        return bytes(message)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    port = UdpPort()
    await port.bind(["127.0.0.1"], 0)
    media: list[bytes] = []
    connection = SharedConnection(port, "w0abcd", PASSWORD, media.append, lambda: None)
    connection.remote_username, connection.remote_password = "client", "q" * 24
    await connection.gather_candidates()
    connection._early_checks_done = True
    yield Place(port, port.sockets["127.0.0.1"], connection, media)
    await connection.close()
    await port.close()
    assert not port._calls
    assert not port._heard


async def test_attributes_that_are_too_short_are_no_check(place: Place) -> None:
    """Of each kind that aioice knows, none and one byte."""
    for kind in stun.ATTRIBUTES_BY_TYPE:
        for value in (b"", b"x"):
            name = b"w0abcd:client\0\0\0"
            body = struct.pack("!HH", 6, 13) + name
            body += struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
            head = struct.pack("!HHI", 1, len(body), stun.COOKIE) + bytes(12)
            place.comes(head + body)
    assert place.connection.checks == 0
    place.comes(place.check())
    assert place.connection.checks == 1


async def test_a_wrong_password_proves_nothing(place: Place) -> None:
    place.comes(place.check("z" * 24))
    assert place.connection.checks == 0
    place.comes(bytes([128, 0]))
    assert place.media == []


async def test_media_comes_from_where_the_client_was_proved_to_be(place: Place) -> None:
    place.comes(place.check())
    place.comes(bytes([128, 0]))
    place.comes(bytes([128, 1]), ("127.0.0.1", 10))
    assert place.media == [bytes([128, 0])]


async def test_a_client_is_followed_to_some_addresses_only(place: Place) -> None:
    for number in range(MOST_ADDRESSES + 10):
        place.comes(place.check(), ("127.0.0.1", 1000 + number))
    assert place.connection.checks == MOST_ADDRESSES
    assert len(place.port._heard) == MOST_ADDRESSES


async def test_what_waits_for_the_handshake_is_bounded(place: Place) -> None:
    place.comes(place.check())
    for _ in range(MOST_WAITING + 10):
        place.comes(bytes([22, 0]))
    assert place.connection._queue.qsize() == MOST_WAITING
