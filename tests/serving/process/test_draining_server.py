"""How the server ends: nobody new is let in, answers are finished, and the exit code is 0."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from providers import running_pipeline
from serving import open_sessions
from serving.process.draining_server import DrainingServer
from serving.process.server import bound_socket
from tests.providers.hanging import HANGS
from tests.providers.own_backends import SegmentSTT
from tests.support.running_server import plain_http, scripted_settings
from tests.support.running_server import running as in_this_process
from tests.support.server_process import Process, server_process
from tests.support.wire_client import WireClient, client, denial

SLOW = {"text": "One, two, three, four, five, six, seven, eight.", "word_ms": 150}

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="signals")]


def slow_server(**environment: str) -> AbstractAsyncContextManager[Process]:
    return server_process(REALTIME_LLM__OPTIONS=json.dumps(SLOW), **environment)


@asynccontextmanager
async def answering(**environment: str) -> AsyncIterator[tuple[Process, WireClient]]:
    """A server in the middle of an answer; it has to end well when the block does."""
    async with slow_server(**environment) as running:
        async with client(running.url) as wire:
            await wire.say("hi")
            await wire.until("response.created")
            yield running, wire
        assert await running.ended() == 0


async def close_code(wire: WireClient) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await wire.receive()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_a_running_answer_is_finished_and_nobody_else_is_let_in() -> None:
    async with answering() as (running, wire), client(running.url) as idle:
        running.process.send_signal(signal.SIGTERM)
        assert await close_code(idle) == 1001
        assert await running.health() == (503, "draining")
        with pytest.raises(InvalidStatus) as refused:
            await connect(running.url)
        assert refused.value.response.status_code == 503
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert await close_code(wire) == 1001


async def test_an_answer_that_takes_longer_than_the_grace_period_is_cut() -> None:
    async with answering(REALTIME_SERVER__SHUTDOWN_GRACE_S="0.2") as (running, wire):
        running.process.send_signal(signal.SIGTERM)
        assert await close_code(wire) == 1001
        assert "response.done" not in wire.types()


async def test_a_second_signal_cuts_what_is_running() -> None:
    async with answering(REALTIME_SERVER__SHUTDOWN_GRACE_S="600") as (running, wire):
        running.process.send_signal(signal.SIGINT)
        while await running.health() != (503, "draining"):
            pass
        running.process.send_signal(signal.SIGINT)
        assert await close_code(wire) == 1001
        assert "response.done" not in wire.types()
        assert await running.ended() == 0
        assert "Traceback" not in running.logged()


# --- server.drain_s -----------------------------------------------------------------------------


async def test_sessions_live_on_until_they_end_and_nobody_else_is_let_in() -> None:
    async with (
        server_process(REALTIME_SERVER__DRAIN_S="600") as running,
        plain_http(base_url=running.http) as http,
    ):
        async with client(running.url) as wire, client(running.url) as idle:
            assert (await http.get("/readyz")).status_code == 200
            running.process.send_signal(signal.SIGTERM)
            while (await http.get("/readyz")).status_code == 200:
                pass
            assert await running.health() == (503, "draining")
            unready = await http.get("/readyz")
            assert (unready.status_code, unready.text) == (503, "not ready\n")
            assert (await http.get("/livez")).status_code == 200
            for refused in (
                await denial(running.url),
                await http.post("/v1/realtime/client_secrets", json={}),
            ):
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
                assert refused.json()["error"]["code"] == "server_draining"
            # It is a session as ever: more than one answer, and time to think between them.
            for _ in range(2):
                await wire.say("hi")
                assert (await wire.until("response.done"))["response"]["status"] == "completed"
            await idle.settled()
        assert await running.ended() == 0
        assert "open sessions: 2; they may go on for 600 s" in running.logged()


async def test_what_still_goes_on_then_has_the_grace_period_and_no_more() -> None:
    async with (
        answering(REALTIME_SERVER__DRAIN_S="0.5") as (running, wire),
        client(running.url) as idle,
    ):
        running.process.send_signal(signal.SIGTERM)
        assert await close_code(idle) == 1001
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert await close_code(wire) == 1001
        assert "open sessions: 2; they are closed now" in running.logged()


async def test_a_second_signal_ends_that_time_and_the_grace_period() -> None:
    patient = {"REALTIME_SERVER__DRAIN_S": "600", "REALTIME_SERVER__SHUTDOWN_GRACE_S": "600"}
    async with answering(**patient) as (running, wire), client(running.url) as idle:
        running.process.send_signal(signal.SIGTERM)
        while await running.health() != (503, "draining"):
            pass
        running.process.send_signal(signal.SIGTERM)
        assert await close_code(idle) == 1001
        assert await close_code(wire) == 1001
        assert "response.done" not in wire.types()


# --- what hangs ---------------------------------------------------------------------------------


def hanging_server(where: str, grace_s: int) -> AbstractAsyncContextManager[Process]:
    return server_process(
        REALTIME_LLM__PROVIDER=f"tests.providers.hanging:{where}",
        REALTIME_SERVER__SHUTDOWN_GRACE_S=str(grace_s),
    )


async def hung(running: Process) -> None:
    async with asyncio.timeout(20):
        while HANGS not in running.logged():
            await asyncio.sleep(0.01)


async def ended_by_signals(running: Process) -> int:
    """Tell it to end, as often as it takes: signals that come too soon after another are one."""
    while running.process.returncode is None:
        # `send_signal` would take the exit code of a process that has just ended, and asyncio,
        # which waits for it in a thread, would report 255.
        with suppress(ProcessLookupError):
            os.kill(running.process.pid, signal.SIGTERM)
        await asyncio.sleep(0.01)
    return await running.ended()


async def test_what_cannot_end_in_time_is_named_and_ended_by_force() -> None:
    """Neither the event loop nor the interpreter would ever give up a thread."""
    async with hanging_server("InThread", grace_s=0) as running:
        async with client(running.url) as wire:
            await wire.say("hi")
            await hung(running)
            running.process.send_signal(signal.SIGTERM)
            assert await close_code(wire) == 1001
        assert await running.ended() == 0
        named = r"threads \(\w+_\d+\b.*\) did not end: the process is ended by force"
        assert re.search(named, running.logged())


async def test_a_third_signal_ends_a_server_that_cannot_close_a_provider() -> None:
    async with hanging_server("AtClose", grace_s=600) as running:
        running.process.send_signal(signal.SIGTERM)
        await hung(running)
        async with asyncio.timeout(20):
            assert await ended_by_signals(running) == 0
        assert "a provider did not end: the process is ended by force" in running.logged()


async def test_a_third_signal_ends_a_server_whose_event_loop_is_blocked() -> None:
    async with hanging_server("InLoop", grace_s=600) as running:
        async with client(running.url) as wire:
            await wire.say("hi")
            await hung(running)
            async with asyncio.timeout(20):
                assert await ended_by_signals(running) == 0
        assert "whatever occupies the event loop did not end" in running.logged()


async def test_a_signal_that_comes_late_does_not_change_the_exit_status() -> None:
    async with hanging_server("LateSignal", grace_s=600) as running:
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert "by force" not in running.logged()


async def test_each_signal_leaves_less_time_and_an_early_one_counts() -> None:
    """A signal may come when the server has no event loop yet."""
    steps: list[float] = []

    async def drain(live_on_s: float) -> None:
        steps.append(live_on_s)
        server.handle_exit(signal.SIGTERM, None)
        await hurried.wait()
        server.handle_exit(signal.SIGTERM, None)

    hurried = asyncio.Event()
    config = uvicorn.Config(FastAPI(), log_config=None)
    server = DrainingServer(
        config, drain, hurried.set, steps.append, live_on_s=lambda: 5, grace_s=100
    )
    server.handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(20):
        await server.serve(sockets=[bound_socket("127.0.0.1", 0)])
    assert steps == [115, 5, 10, 0]


async def test_a_task_that_would_end_the_program_ends_alone() -> None:
    """Of `asyncio.create_task` in somebody's own class, nobody else would see the end."""
    ends = "tests.own_processors.people:EndsInATask"
    async with server_process(REALTIME_PROCESSORS__BEFORE_VOICE=ends) as running:
        for _again in range(2):
            async with client(running.url) as wire:
                await wire.say("Hello")
                done = (await wire.until("response.done"))["response"]
                assert done["status"] == "completed"
        assert await running.health() == (200, "healthy")
        told = running.logged()
        assert told.count("would have ended the server by SystemExit") == 2
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_a_service_that_does_not_clean_up_keeps_no_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stuck(_service: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(SegmentSTT, "cleanup", stuck)
    monkeypatch.setattr(running_pipeline, "PATIENCE_S", 0.1)
    own = {"provider": "tests.providers.own_backends:SegmentSTT"}
    async with in_this_process(scripted_settings(stt=own)) as running:
        async with client(running.url) as wire:
            await wire.settled()
        await running.emptied()


async def test_a_session_that_cannot_end_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()

    async def stuck(_service: object) -> None:
        await released.wait()

    monkeypatch.setattr(SegmentSTT, "cleanup", stuck)
    monkeypatch.setattr(open_sessions, "CLOSING_S", 0.1)
    settings = scripted_settings(
        stt={"provider": "tests.providers.own_backends:SegmentSTT"},
        server={"shutdown_grace_s": 0.1},
    )
    async with in_this_process(settings) as running, client(running.url):
        try:
            async with asyncio.timeout(20):
                await running.sessions.drain()
            assert running.sessions.active == 1
        finally:
            released.set()
        await running.emptied()
