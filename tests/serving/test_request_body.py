"""Bodies of requests: their size, and clients that do not go on with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastapi import Request
from starlette.types import Message

from serving.request_body import BodyCutOff, BodyStalled, read_body
from wire.errors import ProtocolError

MOST = 1000


def request(receive: Callable[[], Awaitable[Message]]) -> Request:
    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def chunk(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def sent(*messages: Message) -> Request:
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    return request(receive)


async def test_a_body_comes_in_pieces():
    assert await read_body(sent(chunk(b"a"), chunk(b"b", more=False)), MOST) == b"ab"


async def test_a_body_that_is_too_large_is_not_read_to_its_end():
    with pytest.raises(ProtocolError, match="larger than 1000 bytes"):
        await read_body(sent(chunk(bytes(MOST)), chunk(b"x")), MOST)


async def test_a_client_that_goes_in_the_middle_is_no_error_of_the_server():
    with pytest.raises(BodyCutOff):
        await read_body(sent(chunk(b"a"), {"type": "http.disconnect"}), MOST)


async def test_a_body_that_does_not_go_on_is_waited_for_so_long():
    came = iter([chunk(b"abc")])

    async def receive() -> Message:
        for message in came:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(60):
        with pytest.raises(BodyStalled, match="3 bytes came"):
            await read_body(request(receive), MOST, stall_s=0.05)


async def test_a_byte_now_and_then_is_no_going_on():
    async def receive() -> Message:
        await asyncio.sleep(0)
        return chunk(b"")

    async with asyncio.timeout(60):
        with pytest.raises(BodyStalled, match="bytes per second"):
            await read_body(request(receive), MOST, stall_s=0.05)
