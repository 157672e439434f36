"""A client that reads only when it is told to, so that what is made for it has to wait."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from tests.support.running_server import RunningServer

MIB = 1024 * 1024
KERNEL_BYTES = 12 * MIB
"""More than two sockets' buffers hold on any system."""


class Deaf:
    """A client that says what it wants, and reads only when it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._protocol = ClientProtocol(parse_uri("ws://test/v1/realtime"), max_size=None)

    async def open(self) -> None:
        self._protocol.send_request(self._protocol.connect())
        await self._flush()
        while not self._protocol.handshake_exc and self._protocol.state.name != "OPEN":
            await self.read()

    async def send(self, type_: str, **fields: Any) -> None:
        self._protocol.send_text(json.dumps({"type": type_, **fields}).encode())
        await self._flush()

    async def ping(self) -> None:
        self._protocol.send_ping(b"x")
        await self._flush()

    async def read(self) -> list[Frame]:
        """Take what is there; an empty list may mean the end."""
        data = await asyncio.get_running_loop().sock_recv(self.socket, MIB)
        if not data:
            raise EOFError
        self._protocol.receive_data(data)
        return [event for event in self._protocol.events_received() if isinstance(event, Frame)]

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            await asyncio.get_running_loop().sock_sendall(self.socket, data)


@asynccontextmanager
async def deaf(server: RunningServer) -> AsyncIterator[Deaf]:
    with socket.socket() as connection:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
        made = Deaf(connection)
        await made.open()
        yield made
