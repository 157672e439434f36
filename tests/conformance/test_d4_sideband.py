"""`?call_id=`: further connections to a call (protocol §D.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from loguru import logger
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from serving.calls.registry import SIDEBANDS
from tests.support.calls_server import CallsServer, calls_server
from tests.support.keys import KEY, OTHER
from tests.support.running_server import scripted_settings
from tests.support.wire_client import PATIENCE_S, refusal
from wire.client_events import CloseSession, CreateItem, CreateResponse
from wire.item_fields import TextPartFields, UserMessageFields

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[CallsServer]:
    async with calls_server() as running_server:
        yield running_server


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _all_over(server: CallsServer) -> AsyncIterator[None]:
    yield
    await server.all_over()


def message(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


async def test_it_gets_what_happens_from_now_on_but_no_audio(server: CallsServer) -> None:
    place = await server.call()
    client = server.clients[-1]
    async with server.sideband(place) as sideband:
        await sideband.send("conversation.item.create", item=message("Hello."))
        await sideband.send("response.create")
        events = await sideband.until("response.done")
        heard = await client.until("response.done")
    types = [event["type"] for event in events]
    assert types[0] == "conversation.item.added", "no greeting, and nothing older"
    assert "response.output_audio_transcript.delta" in types
    assert "response.output_audio.delta" not in types
    assert events[-1] == heard


async def test_it_joins_late_and_leaves_without_ending_anything(server: CallsServer) -> None:
    place = await server.call()
    client = server.clients[-1]
    client.put(CreateItem(type="conversation.item.create", item=_hello()))
    await client.until("conversation.item.done")
    async with server.sideband(place) as sideband:
        await sideband.send("input_audio_buffer.clear")
        assert (await sideband.event())["type"] == "input_audio_buffer.cleared"
    client.put(CreateResponse(type="response.create"))
    await client.until("response.done")
    assert await server.running.active_sessions() == 1


def _hello() -> UserMessageFields:
    part = TextPartFields(type="input_text", text="Hello.")
    return UserMessageFields(type="message", role="user", content=[part])


async def test_only_who_made_an_error_hears_of_it(server: CallsServer) -> None:
    place = await server.call()
    client = server.clients[-1]
    async with server.sideband(place) as one, server.sideband(place) as other:
        await one.send("conversation.item.create", item={**message("Hi."), "id": "item_1"})
        for sideband in (one, other):
            await sideband.until("conversation.item.done")
        await one.send("nonsense", event_id="mine")
        await one.send("conversation.item.retrieve", item_id="nowhere", event_id="mine too")
        await one.send("conversation.item.retrieve", item_id="item_1")
        await one.send("input_audio_buffer.clear")
        mine = await one.until("input_audio_buffer.cleared")
        theirs = await other.until("input_audio_buffer.cleared")
        await client.until("conversation.item.done")
        assert (await client.event())["type"] == "input_audio_buffer.cleared"
    assert [event["type"] for event in mine] == [
        "error",
        "error",
        "conversation.item.retrieved",
        "input_audio_buffer.cleared",
    ]
    assert [event["error"]["event_id"] for event in mine[:2]] == ["mine", "mine too"]
    assert [event["type"] for event in theirs] == ["input_audio_buffer.cleared"]


async def test_it_may_stop_the_playback_but_not_speak(server: CallsServer) -> None:
    place = await server.call()
    async with server.sideband(place) as sideband:
        await sideband.send("output_audio_buffer.clear")
        await sideband.send("input_audio_buffer.append", audio="AAAA", event_id="mine")
        (error,) = await sideband.until("error")
    assert error["error"]["event_id"] == "mine"
    assert error["error"]["code"] == "invalid_value"


async def test_each_has_its_own_dialect(server: CallsServer) -> None:
    place = await server.call()
    beta: dict[str, Any] = {"additional_headers": {"OpenAI-Beta": "realtime=v1"}}
    preview = "/openai/realtime"
    async with (
        server.sideband(place) as ga,
        server.sideband(place, **beta) as one,
        server.sideband(place, path=preview) as two,
    ):
        await one.send("conversation.item.create", item=message("Hi."))
        for sideband in (one, two):
            assert (await sideband.event())["type"] == "conversation.item.created"
        assert (await ga.event())["type"] == "conversation.item.added"


async def test_the_end_of_the_call_closes_it(server: CallsServer) -> None:
    place = await server.call()
    async with server.sideband(place) as one, server.sideband(place) as other:
        await server.hang_up(place)
        assert await one.closed() == (1000, "")
        assert await other.closed() == (1000, "")
    place = await server.call()
    async with server.sideband(place) as one, server.sideband(place) as other:
        server.clients[-1].put(CloseSession(type="session.close"))
        assert await one.closed() == (1000, "")
        assert await other.closed() == (1000, "")


@pytest.mark.parametrize("path", ["/v1/realtime", "/openai/v1/realtime", "/openai/realtime"])
async def test_an_unknown_call_fails_the_handshake(server: CallsServer, path: str) -> None:
    place = await server.call()
    await server.hang_up(place)
    for unknown in (place, "/rtc_1", "/rtc_00aaaaaaaaaa"):
        with pytest.raises(InvalidStatus) as caught:
            async with server.sideband(unknown, path=path):
                pass
        answer = caught.value.response
        assert answer.status_code == 404
        assert json.loads(answer.body)["error"]["code"] == "call_id_not_found"


async def test_a_browser_gets_its_subprotocol(server: CallsServer) -> None:
    place = await server.call()
    offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.x")]
    async with server.sideband(place, subprotocols=offered) as sideband:
        assert sideband.socket.subprotocol == "realtime"


async def test_there_may_be_many_but_not_any_number(server: CallsServer) -> None:
    place = await server.call()
    url = f"ws://127.0.0.1:{server.running.port}/v1/realtime?call_id={place.rpartition('/')[2]}"
    opened = [server.sideband(place) for _ in range(SIDEBANDS)]
    sidebands = [await one.__aenter__() for one in opened]
    await sidebands[0].send("input_audio_buffer.clear")
    for sideband in sidebands:
        assert (await sideband.event())["type"] == "input_audio_buffer.cleared"
    assert (await refusal(url, proxy=None)).code == 1013
    await asyncio.gather(*(one.__aexit__(None, None, None) for one in opened))


async def test_it_needs_an_api_key_or_the_secret_that_opened_the_call() -> None:
    settings = scripted_settings(server={"api_keys": [KEY, OTHER]})
    async with calls_server(settings) as server:
        of_key = {"headers": {"Authorization": f"Bearer {KEY}"}}
        own, another = await server.secret(**of_key), await server.secret(**of_key)
        place = await server.call(headers={"Authorization": f"Bearer {own}"})
        for key in (KEY, OTHER, own):
            bearer: dict[str, Any] = {"additional_headers": {"Authorization": f"Bearer {key}"}}
            async with server.sideband(place, **bearer) as sideband:
                await sideband.send("input_audio_buffer.clear")
                assert (await sideband.event())["type"] == "input_audio_buffer.cleared"
        url = f"ws://127.0.0.1:{server.running.port}/v1/realtime?call_id={place.rpartition('/')[2]}"
        bearer = {"additional_headers": {"Authorization": f"Bearer {another}"}}
        refused = await refusal(url, proxy=None, **bearer)
        assert (refused.error["code"], refused.code) == ("invalid_api_key", 3000)


async def test_the_log_says_why_it_ended(server: CallsServer) -> None:
    reasons: list[str] = []
    sink = logger.add(
        lambda message: reasons.append(message.record["extra"]["reason"]),
        filter=lambda record: record["extra"].get("event") == "sideband.closed",
    )
    place = await server.call()
    async with server.sideband(place):
        pass
    async with server.sideband(place) as sideband:
        await server.hang_up(place)
        await sideband.closed()
    await server.all_over()
    logger.remove(sink)
    assert sorted(reasons) == ["it left", "the client closed it"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_it_joins_and_ends_a_call_that_lives_on_while_the_server_drains(method: str) -> None:
    async with calls_server() as server:
        place = await server.call()
        draining = asyncio.create_task(server.running.sessions.drain(600))
        async with asyncio.timeout(PATIENCE_S):
            while (await server.post()).status_code != 503:
                pass
        async with server.sideband(place) as sideband:
            await sideband.send("conversation.item.create", item=message("Hello."))
            await sideband.send("response.create")
            events = await sideband.until("response.done")
            assert events[-1]["response"]["status"] == "completed"
            unknown = "/v1/realtime/calls/rtc_00aaaaaaaaaa"
            assert (await server.hang_up(unknown, method=method)).status_code == 404
            assert (await server.hang_up(place, method=method)).status_code == 200
            assert await sideband.closed() == (1000, "")
        async with asyncio.timeout(PATIENCE_S):
            await draining


async def test_it_ends_as_the_server_stops() -> None:
    async with calls_server() as server:
        place = await server.call()
        async with server.sideband(place) as sideband:
            await server.running.sessions.drain()
            assert await sideband.closed() == (1001, "The server is shutting down.")
