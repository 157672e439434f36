"""A server that passes sessions on to itself opens no sessions for sessions without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from config import load_settings
from pipeline_manager import pipelines_for
from providers.links.passing_on import HEADER, MOST
from tests.support.fake_realtime import fake_realtime
from tests.support.ports import free_port
from tests.support.running_server import SCRIPTED, RunningServer, running, scripted_settings
from tests.support.upstream_stack import before, upstream_settings
from tests.support.wire_client import client, speech


@asynccontextmanager
async def leading(port: int, to: int, **changed: Any) -> AsyncIterator[RunningServer]:
    """Run a server at `port` with the one at `to` as its upstream."""
    settings = upstream_settings(f"ws://127.0.0.1:{to}/v1/realtime", **changed)
    async with running(settings, pipelines_for(settings), port) as server:
        yield server


async def refusal(server: RunningServer, *, spoken: bool = False) -> tuple[str, int]:
    """Ask for an answer; return why there is none, and how many sessions are open."""
    async with client(server.url) as wire:
        await (wire.append(speech()) if spoken else wire.say("hello"))
        response = (await wire.until("response.done"))["response"]
        assert response["status"] == "failed"
        opened = await server.active_sessions()
        return response["status_details"]["error"]["message"], opened


@pytest.mark.parametrize("spoken", [False, True])
async def test_a_server_that_is_its_own_upstream_refuses_itself(spoken):
    port = free_port()
    async with leading(port, port) as server:
        message, opened = await refusal(server, spoken=spoken)
        assert "leads back" in message
        assert "upstream.url" in message
        assert opened == 1


async def test_two_servers_that_are_each_other_s_upstream_notice_it():
    one, other = free_port(), free_port()
    async with leading(one, other) as first, leading(other, one) as second:
        message, opened = await refusal(first)
        assert "leads back" in message
        assert opened == 1
        # The one beside it has a session for this one's, and that is all.
        async with asyncio.timeout(10):
            assert await second.active_sessions() <= 1


async def test_a_stack_may_lead_to_another_one_of_the_same_server():
    port = free_port()
    stacks = {"near": {"upstream": {"provider": "openai"}}}
    stacks["near"]["upstream"]["url"] = f"ws://127.0.0.1:{port}/v1/realtime"
    settings = load_settings(**SCRIPTED, stacks=stacks)
    async with running(settings, pipelines_for(settings), port) as server:
        url = server.url.replace("gpt-realtime", "near")
        async with client(url) as wire:
            await wire.say("hello")
            response = (await wire.until("response.done"))["response"]
            assert response["status"] == "completed"


async def test_a_session_that_was_passed_on_too_often_is_refused():
    async with fake_realtime() as service, before(service.url) as (server, _wire):
        marks = ", ".join(f"{n:032x}" for n in range(MOST))
        with pytest.raises(InvalidStatus) as caught:
            async with connect(server.url, additional_headers={HEADER: marks}):
                pass
        assert caught.value.response.status_code == 508
        assert b"upstream_loop" in (caught.value.response.body or b"")


async def test_a_header_that_is_none_counts_nothing():
    async with fake_realtime() as service, before(service.url) as (server, _wire):
        nonsense = ", ".join(["x"] * 1000)
        async with connect(server.url, additional_headers={HEADER: nonsense}) as socket_:
            assert "session.created" in str(await socket_.recv())
        # What is passed on names this server alone.
        await service.until(lambda: len(service.calls) == 2)
        (mark,) = service.calls[-1].headers[HEADER].split(", ")
        assert len(mark) == 32


# --- recognisers that are servers of ours ---------------------------------------------------------


@asynccontextmanager
async def hearing_by(port: int, to: int) -> AsyncIterator[RunningServer]:
    """Run a server at `port` whose recogniser is the one at `to`."""
    heard_by = {
        "provider": "realtime",
        "api_base": f"ws://127.0.0.1:{to}/v1/realtime",
        "api_key": "a-key-that-nobody-asks-for",
        "retries": 0,
    }
    settings = scripted_settings(stt=heard_by)
    async with running(settings, pipelines_for(settings), port) as server:
        yield server


async def unheard(server: RunningServer) -> tuple[str, int]:
    """Speak; return why nothing was heard, and how many sessions are open."""
    async with client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "x"}}})
        await wire.append(speech())
        response = (await wire.until("response.done"))["response"]
        assert response["status"] == "failed"
        return response["status_details"]["error"]["message"], await server.active_sessions()


async def test_a_server_that_is_its_own_recogniser_refuses_itself():
    port = free_port()
    async with hearing_by(port, port) as server:
        message, opened = await unheard(server)
        assert "leads back" in message
        assert "stt.api_base" in message
        assert opened == 1


async def test_servers_that_hear_by_each_other_notice_it():
    one, other = free_port(), free_port()
    async with hearing_by(one, other) as first, hearing_by(other, one) as second:
        message, opened = await unheard(first)
        # The one beside it could not hear the turn, as its own recogniser leads back.
        assert "leads back" in message
        assert opened == 1
        async with asyncio.timeout(10):
            assert await second.active_sessions() <= 1


async def test_a_recogniser_behind_an_upstream_notices_that_it_leads_back():
    one, other = free_port(), free_port()
    async with (
        leading(one, other, vad={"type": "none"}) as first,
        hearing_by(other, one),
        client(first.url) as wire,
    ):
        await wire.append(speech())
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        response = (await wire.until("response.done"))["response"]
        assert "leads back" in response["status_details"]["error"]["message"]
        assert await first.active_sessions() == 1


async def test_what_refuses_a_session_names_the_recogniser_s_setting():
    async with hearing_by(free_port(), free_port()) as server:
        marks = ", ".join(f"{n:032x}" for n in range(MOST))
        with pytest.raises(InvalidStatus) as caught:
            async with connect(server.url, additional_headers={HEADER: marks}):
                pass
        assert caught.value.response.status_code == 508
        assert b"stt.api_base leads back" in (caught.value.response.body or b"")
