"""A client that finishes no message loses its connection; all others keep theirs."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCSctpTransport

from peers.webrtc import sctp as sctp_module
from tests.support.media_caller import Call, MediaCaller, call, open_port


async def send_raw(caller: MediaCaller, data: bytes) -> None:
    """Send a message of any size, whatever the other side allows."""
    assert caller.channel is not None
    async with asyncio.timeout(20):
        await caller.open.wait()
    transport: RTCSctpTransport = caller.channel.transport
    transport._remote_max_message_size = 0
    caller.channel.send(data)


async def test_an_endless_message_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sctp_module, "MOST_FRAGMENTS", 300)
    async with open_port() as port, call(port) as one:
        await send_raw(one.caller, b"x" * 900_000)
        await one.until(one.ended.is_set)
        assert one.events == []
        assert one.peer.left == "the client sent more than it was allowed to"


async def test_a_client_that_ignores_the_window_loses_its_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sctp_module, "_LOOK_EVERY", 10**9)
    async with open_port() as port, call(port) as one:
        assert one.link._sctp is not None
        one.link._sctp._advertised_rwnd = 20_000
        await send_raw(one.caller, b"x" * 100_000)
        await one.until(one.ended.is_set)


async def test_large_messages_are_taken() -> None:
    async with open_port() as port, call(port) as one:
        for _ in range(20):
            await send_raw(one.caller, b"x" * 200_000)
        await one.until(lambda: len(one.events) == 20)
        assert not one.ended.is_set()


async def opened(one: Call, count: int) -> None:
    for number in range(count):
        one.caller.connection.createDataChannel(f"other {number}")


async def test_other_channels_are_ignored_and_very_many_end_the_call() -> None:
    async with open_port() as port, call(port) as one:
        await opened(one, 3)
        await one.caller.send('{"type": "response.create"}')
        await one.until(lambda: one.events)
        await opened(one, 20)
        await one.until(one.ended.is_set)
        assert one.peer.left == "the client opened too many data channels"
