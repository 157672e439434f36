"""Reading does not stop with every message; what is read is what uvicorn itself would read.

And a connection tells what ASGI does not: how it ended, and whether its client is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from serving.process.uvicorn_websocket import (
    AHEAD,
    SMALL_BYTES,
    RealtimeWebSocket,
    server_config,
)
from tests.support.running_server import scripted_settings

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
WHOLE = Frame(Opcode.TEXT, b"a" * 1280).serialize(mask=True)


class _Sink(asyncio.Transport):
    """Takes what the server writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


async def connected(
    protocol: type[WebSocketsSansIOProtocol], app: Any
) -> tuple[WebSocketsSansIOProtocol, _Sink]:
    """Return a connection that `app` has accepted."""
    config = server_config(app, scripted_settings())
    config.lifespan = "off"
    config.load()
    connection, sink = protocol(config=config, server_state=ServerState(), app_state={}), _Sink()
    connection.connection_made(sink)
    connection.data_received(HANDSHAKE)
    while b"\r\n\r\n" not in sink.written:
        await asyncio.sleep(0)
    return connection, sink


async def delivered(protocol: type[WebSocketsSansIOProtocol], pieces: list[bytes]) -> Any:
    """Return what the application gets, and what the client is sent, of bytes that arrive so."""
    got: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            got.append(message)
            if message["type"] != "websocket.receive":
                return

    connection, sink = await connected(protocol, app)
    handshake = len(sink.written)
    for piece in pieces:
        connection.data_received(piece)
    connection.connection_lost(None)
    while not got or got[-1]["type"] == "websocket.receive":
        await asyncio.sleep(0)
    return got, sink.written[handshake:]


FRAMES = st.one_of(
    st.builds(
        Frame,
        st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
        st.sampled_from([0, 5, 125, 126, 200, 1000]).map(lambda length: b"x" * length),
        st.sampled_from([True, True, True, False]),
    ),
    st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.just(b"life")),
).map(lambda frame: frame.serialize(mask=True))
ENDS = st.sampled_from(
    [
        b"",
        Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True),
        Frame(Opcode.TEXT, b"\xff" * 300).serialize(mask=True),
        bytes([WHOLE[0] | 0x40]) + WHOLE[1:],
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(FRAMES, max_size=5), ENDS, st.lists(st.integers(0, 3000), max_size=5), st.booleans()
)
async def test_however_bytes_arrive_uvicorn_would_deliver_the_same(
    frames: list[bytes], end: bytes, cuts: list[int], by_frame: bool
) -> None:
    frames = [*frames, end]
    stream = b"".join(frames)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    pieces = frames if by_frame else [stream[a:b] for a, b in pairwise(places)]
    found = await delivered(RealtimeWebSocket, pieces)
    assert found[0] == (await delivered(WebSocketsSansIOProtocol, pieces))[0]


async def test_what_looks_like_a_message_inside_of_another_is_none() -> None:
    length = len(WHOLE).to_bytes(2, "big")
    outer = b"\x82\xfe" + length + bytes(4) + WHOLE
    got, _ = await delivered(RealtimeWebSocket, [outer[:8], outer[8:], WHOLE])
    assert [message.get("bytes") or message.get("text") for message in got[:2]] == [
        WHOLE,
        "a" * 1280,
    ]


@pytest.mark.parametrize(
    ("messages", "reading"),
    [
        ([WHOLE] * AHEAD, True),
        ([WHOLE] * (AHEAD + 1), False),
        ([Frame(Opcode.TEXT, b"a" * (SMALL_BYTES + 1)).serialize(mask=True)], False),
    ],
)
async def test_reading_stops_when_messages_pile_up(messages: list[bytes], reading: bool) -> None:
    """And not with every message, as it does in uvicorn; it goes on when they have been taken."""
    take, taken = asyncio.Event(), asyncio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await take.wait()
        for _ in messages:
            await receive()
        taken.set()
        await receive()

    connection, sink = await connected(RealtimeWebSocket, app)
    for message in messages:
        connection.data_received(message)
    assert sink.reading is reading
    take.set()
    await taken.wait()
    assert sink.reading
    connection.connection_lost(None)


PONG = Frame(Opcode.PONG, b"life").serialize(mask=True)
CLOSE = Frame(Opcode.CLOSE, b"").serialize(mask=True)


@asynccontextmanager
async def held(*, writes: bool = False) -> AsyncIterator[tuple[RealtimeWebSocket, _Sink]]:
    """Hold a connection whose application reads, or writes, until it is over."""
    over = asyncio.Event()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
            await send({"type": "websocket.accept"})
            while writes or (await receive())["type"] != "websocket.disconnect":
                if writes:
                    await send({"type": "websocket.send", "text": "more"})
                    await asyncio.sleep(0)
        finally:
            over.set()

    connection, sink = await connected(RealtimeWebSocket, app)
    assert isinstance(connection, RealtimeWebSocket)
    yield connection, sink
    connection.connection_lost(None)
    await over.wait()


@pytest.mark.parametrize("arrives", [PONG, WHOLE], ids=["a pong", "a message"])
async def test_a_client_that_sends_anything_answers(arrives: bytes) -> None:
    async with held() as (connection, sink):
        before = len(sink.written)
        asked = asyncio.create_task(connection.answers(60))
        while len(sink.written) == before:
            await asyncio.sleep(0)
        assert sink.written[before] & 0x0F == Opcode.PING
        connection.data_received(arrives)
        assert await asked


async def test_a_client_that_sent_something_before_does_not_answer_by_that() -> None:
    async with held() as (connection, _):
        connection.data_received(WHOLE)
        assert not await connection.answers(0)


async def test_a_client_that_is_lost_while_it_is_asked_does_not_answer() -> None:
    async with held() as (connection, _):
        asked = asyncio.create_task(connection.answers(60))
        await asyncio.sleep(0)
        connection.gone.set()
        connection.data_received(PONG)
        assert not await asked


async def test_while_reading_pauses_a_client_counts_as_there() -> None:
    async with held(writes=True) as (connection, sink):
        for _ in range(AHEAD + 1):
            connection.data_received(WHOLE)
        assert not sink.reading
        assert await connection.answers(0)


async def test_a_client_that_is_given_up_is_gone_at_once_though_nothing_can_be_sent() -> None:
    async with held(writes=True) as (connection, sink):
        connection.pause_writing()
        connection.give_up("it does not answer")
        assert sink.aborted
        assert b"it does not answer" in sink.written
        assert not await connection.answers(60)
        connection.give_up("again")
        assert b"again" not in sink.written


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([], None),
        ([CLOSE], 1005),
        ([Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True)], 1000),
        ([Frame(Opcode.CLOSE, b"\x03\xe9gone").serialize(mask=True)], 1001),
    ],
)
async def test_a_connection_tells_how_its_client_closed_it(
    frames: list[bytes], code: int | None
) -> None:
    """Which uvicorn reports alike, without a code and lost."""
    async with held() as (connection, _):
        for frame in frames:
            connection.data_received(frame)
    assert connection.closed_with == code


async def test_what_a_client_says_to_a_close_of_the_servers_is_none_of_its_own() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1001})

    connection, sink = await connected(RealtimeWebSocket, app)
    assert isinstance(connection, RealtimeWebSocket)
    while b"\x03\xe9" not in sink.written:
        await asyncio.sleep(0)
    connection.data_received(CLOSE)
    assert connection.conn.close_rcvd is not None
    assert connection.closed_with is None
    connection.connection_lost(None)
