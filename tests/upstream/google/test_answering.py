"""When an answer of Gemini Live is over, and what it is said to have cost, as a client gets it."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from tests.support.fake_live import SOUND
from tests.support.live_stack import live_stack
from tests.support.wire_client import WireClient, speech
from upstream.google import answering

ANSWER = "It is sunny, and warm."
COUNTED = (110, 50)
"""What the service counts of each answer."""
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOLS: dict[str, Any] = {"tools": [("get_weather", {"city": "Oslo"})]}


def count(response: dict[str, Any]) -> tuple[int, int]:
    """Return the tokens that a response took."""
    return response["usage"]["input_tokens"], response["usage"]["output_tokens"]


async def made(wire: WireClient) -> dict[str, Any]:
    """Wait until all of an answer is there; return its item."""
    item: dict[str, Any] = (await wire.until("response.output_item.done"))["item"]
    return item


async def done(wire: WireClient) -> dict[str, Any]:
    """Return the response that ends next."""
    response: dict[str, Any] = (await wire.until("response.done"))["response"]
    return response


async def test_all_of_an_answer_comes_at_once_and_its_cost_when_the_service_tells_it():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (_service, _server, wire):
        await wire.say("one")
        item = await made(wire)
        assert item["content"][0]["transcript"] == ANSWER
        assert len(wire.of("response.output_audio.done")) == 1
        await wire.settled()
        assert not wire.of("response.done")
        plays.set()
        response = await done(wire)
        assert (response["status"], count(response)) == ("completed", COUNTED)
        assert response["output"] == [item]


@pytest.mark.parametrize("ends", [True, False])
async def test_a_service_that_counts_sooner_may_still_say_that_it_kept_something_back(ends):
    plays = asyncio.Event()
    fake = {"plays": plays, "counts_sooner": True, "reason": "PROHIBITED_INPUT_CONTENT"}
    async with live_stack(fake) as (_service, _server, wire):
        await wire.say("one")
        await made(wire)
        await wire.settled()
        if ends:
            plays.set()
        response = await done(wire)
        status = "incomplete" if ends else "completed"
        assert (response["status"], count(response)) == (status, COUNTED)


@pytest.mark.parametrize("steps", range(6))
async def test_a_turn_may_end_in_the_moment_in_which_its_answer_is_taken_as_made(
    steps, monkeypatch
):
    monkeypatch.setattr(answering, "GRACE_S", 0.0)
    asked = Mock(take=AsyncMock(), request=Mock(max_output_tokens=None))
    answers = answering.Answering(Mock(), AsyncMock())
    await answers.begin(asked)
    answers.all_came(answers.made)
    for _ in range(steps):
        await asyncio.sleep(0)
    await answers.count({"promptTokenCount": 7, "responseTokenCount": 37}, last=True)
    await answers.turn_over("PROHIBITED_INPUT_CONTENT")
    report = asked.take.await_args.args[0]
    assert (report.reason, report.usage.output_tokens) == ("content_filter", 37)
    answers.stop()


async def test_that_an_answer_was_cut_short_is_known_when_it_is_counted():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (_service, _server, wire):
        await wire.update(max_output_tokens=COUNTED[1])
        await wire.say("one")
        await made(wire)
        plays.set()
        response = await done(wire)
        assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        # The item was complete as far as anybody knew when it was told.
        (item,) = response["output"]
        assert item["status"] == "completed"


@pytest.mark.parametrize(
    ("reason", "status"),
    [("PROHIBITED_INPUT_CONTENT", "incomplete"), ("RESPONSE_REJECTED", "failed")],
)
async def test_what_the_service_says_at_the_end_of_its_turn_counts(reason, status):
    plays = asyncio.Event()
    async with live_stack({"plays": plays, "reason": reason}) as (_service, _server, wire):
        await wire.say("one")
        await made(wire)
        plays.set()
        response = await done(wire)
        assert response["status"] == status
        if status == "incomplete":
            assert response["status_details"]["reason"] == "content_filter"
        else:
            assert reason in response["status_details"]["error"]["message"]


async def test_nobody_has_to_wait_for_the_count_to_ask_for_the_next_answer():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (service, _server, wire):
        await wire.say("one")
        await made(wire)
        await wire.say("two")
        first = await done(wire)
        assert first["status"] == "completed"
        # An estimate: nobody has told anything.
        assert count(first) != COUNTED
        await made(wire)
        plays.set()
        second = await done(wire)
        assert (second["status"], count(second)) == ("completed", COUNTED)
        assert not wire.of("error")
        (call,) = service.calls
        one, two = ["activityStart", "one", "activityEnd"], ["activityStart", "two", "activityEnd"]
        assert call.inputs == [*one, *two]


async def test_who_speaks_into_the_end_of_the_sound_cancels_nothing():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (service, _server, wire):
        await wire.say("one")
        await made(wire)
        await wire.append(speech())
        first = await done(wire)
        assert (first["status"], first["output"][0]["content"][0]["transcript"]) == (
            "completed",
            ANSWER,
        )
        plays.set()
        second = await done(wire)
        assert (second["status"], count(second)) == ("completed", COUNTED)
        (call,) = service.calls
        assert call.inputs[-2:] == ["activityStart", "activityEnd"]


async def test_what_was_made_cannot_be_cancelled_any_more():
    async with live_stack({"plays": asyncio.Event()}) as (service, _server, wire):
        await wire.say("one")
        await made(wire)
        await wire.send("response.cancel")
        assert (await done(wire))["status"] == "completed"
        assert not wire.of("error")
        await wire.send("response.cancel")
        assert (await wire.until("error"))["error"]["code"] == "response_cancel_not_active"
        # The connection is as good as it was.
        await wire.say("two")
        await made(wire)
        assert len(service.calls) == 1


async def test_a_service_that_never_tells_is_not_waited_for_for_ever():
    async with live_stack({"plays": asyncio.Event()}) as (_service, _server, wire):
        await wire.say("one")
        await made(wire)
        response = await done(wire)
        assert response["status"] == "completed"
        assert response["usage"]["output_token_details"]["audio_tokens"] == len(SOUND) * 3 // 2400


async def test_a_connection_that_is_lost_behind_an_answer_takes_nothing_from_it():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (service, _server, wire):
        await wire.say("one")
        await made(wire)
        service.calls[0].abort()
        assert (await done(wire))["status"] == "completed"
        plays.set()
        await wire.say("two")
        assert (await done(wire))["status"] == "completed"
        assert service.calls[1].history == [("user", "one"), ("model", ANSWER)]


async def test_an_answer_beside_the_conversation_is_counted_too():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (_service, _server, wire):
        beside = {"conversation": "none", "metadata": {"topic": "beside"}, "input": []}
        await wire.send("response.create", response=beside)
        await made(wire)
        # The conversation goes on meanwhile.
        await wire.say("one")
        await made(wire)
        plays.set()
        counts = [count(await done(wire)) for _ in range(2)]
        assert COUNTED in counts


@pytest.mark.parametrize("how", ["counts_alone", "uncounted"])
async def test_the_call_of_a_function_is_counted_if_that_is_told_behind_it(how):
    async with live_stack({**TOOLS, how: True}) as (_service, _server, wire):
        await wire.update(tools=[WEATHER])
        await wire.say("weather?")
        item = await made(wire)
        assert item["name"] == "get_weather"
        response = await done(wire)
        assert response["status"] == "completed"
        assert (count(response) == COUNTED) == (how == "counts_alone")


async def test_a_result_that_comes_before_the_count_is_read():
    async with live_stack({**TOOLS, "uncounted": True}) as (service, _server, wire):
        await wire.update(tools=[WEATHER])
        await wire.say("weather?")
        item = await made(wire)
        result = {"type": "function_call_output", "call_id": item["call_id"], "output": "21C"}
        await wire.send("conversation.item.create", item=result)
        await wire.send("response.create")
        assert (await done(wire))["output"][0]["type"] == "function_call"
        assert (await made(wire))["content"][0]["transcript"] == ANSWER
        assert not wire.of("error")
        (call,) = service.calls
        assert [one["response"] for one in call.results] == [{"output": "21C"}]


async def test_the_count_of_an_answer_comes_in_a_message_of_its_own():
    async with live_stack({"counts_alone": True, "plays": asyncio.Event()}) as (
        service,
        _server,
        wire,
    ):
        await wire.say("one")
        await made(wire)
        await service.calls[0].send(usageMetadata={"promptTokenCount": 7, "responseTokenCount": 3})
        assert count(await done(wire)) == (7, 3)


async def test_answers_that_wait_for_their_count_are_not_more_than_may_run():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}, limits={"responses": 2}) as (service, _server, wire):
        for _ in range(4):
            beside = {"conversation": "none", "input": []}
            await wire.send("response.create", response=beside)
            await made(wire)
        assert not wire.of("error")
        # The oldest two have an estimate; their connections are given back.
        assert [one["response"]["status"] for one in wire.of("response.done")] == ["completed"] * 2
        assert all(count(one["response"]) != COUNTED for one in wire.of("response.done"))
        await service.until(lambda: sum(call.closed.is_set() for call in service.calls) >= 2)
        plays.set()
        assert [count(await done(wire)) for _ in range(2)] == [COUNTED] * 2
