"""Where a connection to a service goes, and where not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from pipeline_manager import pipelines_for
from tests.support.running_server import running
from tests.support.upstream_stack import upstream_settings
from tests.support.wire_client import client

KEY = "AIza-upstream-secret-key"


@asynccontextmanager
async def listening(answer: HTTPStatus, location: str = "") -> AsyncIterator[tuple[int, list[Any]]]:
    """Refuse all handshakes; yields the port, and the headers of those that came."""
    asked: list[Any] = []

    async def refuse(connection: ServerConnection, request: Request) -> Response:
        asked.append(dict(request.headers))
        response = connection.respond(answer, "")
        if location:
            response.headers["Location"] = location
        return response

    async def never(_socket: ServerConnection) -> None:
        raise AssertionError("all are refused")

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        yield next(iter(server.sockets)).getsockname()[1], asked


@pytest.mark.parametrize("provider", ["openai", "google"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("status", [HTTPStatus.FOUND, HTTPStatus.PERMANENT_REDIRECT])
async def test_a_redirect_is_refused_by_name_and_nothing_goes_there(provider, host, status):
    async with (
        listening(HTTPStatus.FORBIDDEN) as (other, stolen),
        listening(status, f"ws://user:secret@{host}:{other}/elsewhere?x=secret") as (port, asked),
    ):
        settings = upstream_settings(f"ws://127.0.0.1:{port}", provider=provider, api_key=KEY)
        async with running(settings, pipelines_for(settings)) as server, client(server.url) as wire:
            await wire.say("hello")
            response = (await wire.until("response.done"))["response"]
            assert response["status"] == "failed"
            message = response["status_details"]["error"]["message"]
            assert f"it redirects to {host}:{other} (status {status.value})" in message
            assert "upstream.url" in message
            assert "secret" not in message
    assert asked
    assert not stolen


@pytest.mark.parametrize("location", ["", "ws://[", "/same/host"])
async def test_a_redirect_to_nowhere_is_refused_too(location):
    async with listening(HTTPStatus.SEE_OTHER, location) as (port, _asked):
        settings = upstream_settings(f"ws://127.0.0.1:{port}")
        async with running(settings, pipelines_for(settings)) as server, client(server.url) as wire:
            await wire.say("hello")
            response = (await wire.until("response.done"))["response"]
            assert "(status 303)" in response["status_details"]["error"]["message"]
