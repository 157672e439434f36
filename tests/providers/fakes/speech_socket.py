"""What the fakes of streaming speech services share: connections that are counted and can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

Socket = TypeVar("Socket", bound="SpeechSocket")


@dataclass
class SpeechSocket:
    """A WebSocket server whose fields say how it behaves."""

    FAULTS: ClassVar[tuple[str, ...]]
    """Fields that `recover` resets."""

    calls: list[Any] = field(default_factory=list)
    """Connections; `audio` of each is what was heard on it: 16-bit mono PCM at 16 kHz."""
    attempts: int = 0
    """Handshakes, refused ones included."""
    port: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def heard_ms(self) -> list[float]:
        """Length of what was heard on each connection."""
        return [len(call.audio) / 32 for call in self.calls]

    def recover(self) -> None:
        """Behave well from now on."""
        whole = type(self)()
        for name in self.FAULTS:
            setattr(self, name, getattr(whole, name))

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until `condition()` holds; it is looked at whenever something comes."""
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a handshake; None: it succeeds."""
        raise NotImplementedError

    async def serve(self, socket: ServerConnection) -> None:
        """Serve a connection."""
        raise NotImplementedError


@asynccontextmanager
async def listening(fake: Socket, port: int) -> AsyncIterator[Socket]:
    """Run a fake on a loopback port; 0: a free one."""
    server: Server
    async with serve(
        fake.serve, "127.0.0.1", port, process_request=fake.refuse, close_timeout=0.1
    ) as server:
        fake.port = next(iter(server.sockets)).getsockname()[1]
        try:
            yield fake
        finally:
            fake.over.set()
