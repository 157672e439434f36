"""Calls whose media are objects in this process: the rest of a call without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from config import LimitsConfig, WebRTCConfig
from peers.in_process import InProcessPeer
from peers.webrtc.figures import CallFigures
from peers.webrtc.media_port import InvalidOffer
from serving.calls import registry
from session.effects import OutputAudio
from wire.dialect import Dialect
from wire.envelope import ServerEvent, WireEvent

OFFER = "v=0\r\ns=-\r\nt=0 0\r\n"
"""What is taken for an offer."""
ANSWER = "v=0\r\ns=the answer\r\nt=0 0\r\n"
PATIENCE_S = 45


class FakeLink:
    """What stands between an answered offer and its client."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.failed: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.failed = error
        self.connected.set()


class FakeClient(InProcessPeer):
    """The client of a call; it is connected when its test says so."""

    def __init__(self, link: FakeLink, dialect: Dialect, _limits: LimitsConfig) -> None:
        super().__init__()
        self.link = link
        self._dialect = dialect

    async def connected(self) -> None:
        await self.link.connected.wait()
        if self.link.failed is not None:
            raise self.link.failed

    @property
    def stats(self) -> CallFigures:
        return CallFigures(
            loss=0.25,
            sent_loss=0,
            jitter_ms=3,
            round_trip_ms=None,
            concealed_ms=40,
            heard_ms=1000,
            played_ms=0,
        )

    async def event(self) -> WireEvent:
        """Return the next event, as it would be written; audio is passed over."""
        async with asyncio.timeout(PATIENCE_S):
            got: ServerEvent | OutputAudio = await self.get()
            while isinstance(got, OutputAudio):
                got = await self.get()
        (written,) = self._dialect.render(got)
        return written

    async def until(self, type_: str) -> WireEvent:
        """Return the next event of a type."""
        while (event := await self.event())["type"] != type_:
            pass
        return event


class FakePort:
    """The UDP port of all calls; keeps what was made of it."""

    def __init__(self, number: int, owner: str) -> None:
        self.number = number
        self.owner = owner
        self.closed = False

    @classmethod
    async def open(cls, _settings: WebRTCConfig, *, host: str, port: int, owner: str) -> FakePort:
        return cls(port, owner)

    async def answer(self, offer: str) -> tuple[FakeLink, str]:
        if not offer.startswith("v=0"):
            raise InvalidOffer("Failed to parse offer.")
        return FakeLink(), ANSWER

    async def close(self) -> None:
        self.closed = True


@contextmanager
def fake_calls(*, connect: bool = True) -> Iterator[list[FakeClient]]:
    """Let servers that start within the block have fake media.

    Args:
        connect: Whether clients connect at once; else their link's `connected` is set by the test.

    Yields:
        The clients, in the order of their calls.
    """
    clients: list[FakeClient] = []

    def client(link: FakeLink, dialect: Dialect, limits: LimitsConfig) -> FakeClient:
        clients.append(FakeClient(link, dialect, limits))
        if connect:
            link.connected.set()
        return clients[-1]

    with (
        patch.object(registry, "MediaPort", FakePort),
        patch.object(registry, "WebRTCPeer", client),
    ):
        yield clients
