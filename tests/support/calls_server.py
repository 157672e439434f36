"""A server with fake media, and a client of its HTTP side and its sidebands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from config import Settings
from tests.support.fake_calls import OFFER, FakeClient, fake_calls
from tests.support.running_server import RunningServer, plain_http, running
from tests.support.strict_reader import check_event
from tests.support.wire_client import PATIENCE_S

SDP = {"Content-Type": "application/sdp"}


class Sideband:
    """A further connection to a call."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def event(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event: dict[str, Any] = json.loads(await self.socket.recv())
        return event

    async def until(self, type_: str) -> list[dict[str, Any]]:
        """Return the events up to and including the next one of a type."""
        events = [await self.event()]
        while events[-1]["type"] != type_:
            events.append(await self.event())
        for event in events:
            check_event(event)
        return events

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait for the close, past all events; return its code and reason."""
        async with asyncio.timeout(PATIENCE_S):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason


@dataclass
class CallsServer:
    """The server and its calls so far."""

    running: RunningServer
    clients: list[FakeClient]
    http: httpx.AsyncClient

    async def post(self, path: str = "/v1/realtime/calls", **request: Any) -> httpx.Response:
        """Post an offer, unless `request` has a body."""
        if not request.keys() & {"content", "files"}:
            request = {**request, "content": OFFER}
            request["headers"] = {**SDP, **request.get("headers", {})}
        return await self.http.post(f"{self.running.http}{path}", **request)

    async def call(self, **request: Any) -> str:
        """Open a call, take its client's greeting, and return its place."""
        answer = await self.post(**request)
        assert answer.status_code == 201, answer.text
        if self.clients[-1].link.connected.is_set():
            await self.greeting()
        place: str = answer.headers["location"]
        return place

    async def greeting(self) -> dict[str, Any]:
        """The session with which the last call's client is greeted."""
        event = await self.clients[-1].event()
        assert event["type"] in ("session.created", "transcription_session.created")
        session: dict[str, Any] = event["session"]
        return session

    async def secret(self, **request: Any) -> str:
        """Make a client secret."""
        url = f"{self.running.http}/v1/realtime/client_secrets"
        value: str = (await self.http.post(url, json={}, **request)).json()["value"]
        return value

    async def hang_up(self, place: str, *, method: str = "POST", **request: Any) -> httpx.Response:
        url = f"{self.running.http}{place}{'/hangup' if method == 'POST' else ''}"
        return await self.http.request(method, url, **request)

    @asynccontextmanager
    async def sideband(
        self, place: str, *, path: str = "/v1/realtime", **options: Any
    ) -> AsyncIterator[Sideband]:
        """Listen in to a call."""
        call_id = place.rpartition("/")[2]
        url = f"ws://127.0.0.1:{self.running.port}{path}?call_id={call_id}"
        unbound: dict[str, Any] = {"max_size": None, "max_queue": None, "proxy": None, **options}
        async with connect(url, **unbound) as socket:
            yield Sideband(socket)

    async def all_over(self) -> None:
        """Let all clients leave, and wait for the end of their calls."""
        for client in self.clients:
            client.leave()
        await self.running.emptied()


@asynccontextmanager
async def calls_server(
    settings: Settings | None = None, *, connect: bool = True
) -> AsyncIterator[CallsServer]:
    """Run the product with fake media.

    Args:
        settings: With scripted providers, if None.
        connect: See `fake_calls`.
    """
    async with AsyncExitStack() as stack:
        clients = stack.enter_context(fake_calls(connect=connect))
        server = await stack.enter_async_context(running(settings))
        http = await stack.enter_async_context(plain_http(timeout=30))
        yield CallsServer(server, clients, http)
