"""Messages that come whole are taken without the parser; nobody can tell, but by the time."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from serving.process.uvicorn_websocket import RealtimeWebSocket, server_config
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

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


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

    config = server_config(app, scripted_settings())
    config.lifespan = "off"
    config.load()
    connection, sink = protocol(config=config, server_state=ServerState(), app_state={}), _Sink()
    connection.connection_made(sink)
    connection.data_received(HANDSHAKE)
    while b"\r\n\r\n" not in sink.written:
        await asyncio.sleep(0)
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
async def test_however_bytes_arrive_the_same_is_delivered(
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
    ("pieces", "parsed"),
    [
        ([WHOLE], 0),
        ([WHOLE, WHOLE], 0),
        ([WHOLE[:100], WHOLE[100:], WHOLE], 2),
        ([WHOLE + WHOLE, WHOLE], 0),
        ([WHOLE + WHOLE[:100], WHOLE[100:]], 2),
        ([Frame(Opcode.PING, b"").serialize(mask=True) + WHOLE, WHOLE], 1),
        ([Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=True), WHOLE], 2),
    ],
)
async def test_a_whole_message_passes_the_parser_by(
    monkeypatch: pytest.MonkeyPatch, pieces: list[bytes], parsed: int
) -> None:
    """This test notices when a new version of websockets closes the short cut."""
    seen: list[bytes] = []
    slow = WebSocketsSansIOProtocol.data_received

    def counted(self: WebSocketsSansIOProtocol, data: bytes) -> None:
        seen.append(data)
        slow(self, data)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "data_received", counted)
    await delivered(RealtimeWebSocket, pieces)
    assert len(seen) - 1 == parsed
