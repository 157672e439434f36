"""How the server ends: nobody new is let in, answers are finished, and the exit code is 0."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AbstractAsyncContextManager

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import connection
import pipeline_worker
from draining_server import DrainingServer
from main import listen
from tests.providers.own_backends import SegmentSTT
from tests.running_server import running as in_this_process
from tests.running_server import scripted_settings
from tests.server_process import Process, server_process
from tests.wire_client import WireClient, client

SLOW = {"text": "One, two, three, four, five, six, seven, eight.", "word_ms": 150}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


def slow_server(**environment: str) -> AbstractAsyncContextManager[Process]:
    return server_process(REALTIME_LLM__OPTIONS=json.dumps(SLOW), **environment)


async def close_code(wire: WireClient) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await wire.receive()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_a_running_answer_is_finished_and_nobody_else_is_let_in():
    async with slow_server() as running, client(running.url) as wire, client(running.url) as idle:
        await wire.say("hi")
        await wire.until("response.created")
        running.process.send_signal(signal.SIGTERM)
        assert await close_code(idle) == 1001
        assert await running.health() == (503, "draining")
        with pytest.raises(InvalidStatus) as refused:
            await connect(running.url)
        assert refused.value.response.status_code == 503
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert await close_code(wire) == 1001
        assert await running.ended() == 0


async def test_an_answer_that_takes_longer_than_the_grace_period_is_cut():
    async with slow_server(REALTIME_SERVER__SHUTDOWN_GRACE_S="0.2") as running:
        async with client(running.url) as wire:
            await wire.say("hi")
            await wire.until("response.created")
            running.process.send_signal(signal.SIGTERM)
            assert await close_code(wire) == 1001
            assert "response.done" not in wire.types()
        assert await running.ended() == 0


async def test_a_second_signal_cuts_what_is_running():
    async with slow_server(REALTIME_SERVER__SHUTDOWN_GRACE_S="600") as running:
        async with client(running.url) as wire:
            await wire.say("hi")
            await wire.until("response.created")
            running.process.send_signal(signal.SIGINT)
            while await running.health() != (503, "draining"):
                pass
            running.process.send_signal(signal.SIGINT)
            assert await close_code(wire) == 1001
            assert "response.done" not in wire.types()
        assert await running.ended() == 0
        assert "Traceback" not in running.logged()


async def test_a_third_signal_ends_the_server_whatever_hangs():
    steps: list[str] = []
    draining = asyncio.Event()

    async def drain() -> None:
        draining.set()
        await asyncio.Event().wait()

    server = DrainingServer(
        uvicorn.Config(FastAPI(), log_config=None), drain, lambda: steps.append("hurry")
    )
    serving = asyncio.create_task(server.serve(sockets=[listen("127.0.0.1", 0)]))
    while not server.started:
        await asyncio.sleep(0)
    server.handle_exit(signal.SIGTERM, None)
    await draining.wait()
    server.handle_exit(signal.SIGTERM, None)
    while not steps:
        await asyncio.sleep(0)
    assert not serving.done()
    server.handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(20):
        await serving
    assert steps == ["hurry"]


async def test_a_service_that_does_not_clean_up_keeps_no_session(monkeypatch):
    async def stuck(_service: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(SegmentSTT, "cleanup", stuck)
    monkeypatch.setattr(pipeline_worker, "PATIENCE_S", 0.1)
    own = {"provider": "tests.providers.own_backends:SegmentSTT"}
    async with in_this_process(scripted_settings(stt=own)) as running:
        async with client(running.url) as wire:
            await wire.settled()
        await running.emptied()


async def test_a_session_that_cannot_end_holds_nobody_up(monkeypatch):
    released = asyncio.Event()

    async def stuck(_service: object) -> None:
        await released.wait()

    monkeypatch.setattr(SegmentSTT, "cleanup", stuck)
    monkeypatch.setattr(connection, "CLOSING_S", 0.1)
    settings = scripted_settings(
        stt={"provider": "tests.providers.own_backends:SegmentSTT"},
        server={"shutdown_grace_s": 0.1},
    )
    async with in_this_process(settings) as running, client(running.url):
        try:
            async with asyncio.timeout(20):
                await running.connections.drain()
            assert running.connections.active == 1
        finally:
            released.set()
        await running.emptied()
