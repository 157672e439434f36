"""Gemini Live that fails, in every way there is: what is told, and what goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from loguru import logger

from tests.support.fake_live import KEY
from tests.support.live_stack import before, live_stack
from tests.support.wire_client import WireClient, speech


@pytest.fixture(autouse=True)
def no_key_is_shown(capfd):
    """The key is in no line of the log, whatever happens."""
    yield
    logger.complete()
    shown = capfd.readouterr()
    assert KEY not in shown.out + shown.err


async def failed(wire: WireClient) -> dict[str, Any]:
    """Return the error of the response that ends next; it names the service, and no key."""
    response = (await wire.until("response.done"))["response"]
    assert response["status"] == "failed"
    error: dict[str, Any] = response["status_details"]["error"]
    assert error["message"].startswith("Upstream gemini-3.8-live at 127.0.0.1 failed: ")
    assert KEY not in str(wire.events)
    return error


async def answered(wire: WireClient) -> None:
    """Ask once more, and get an answer."""
    await wire.say("again")
    assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_without_a_service_sessions_open_and_responses_fail_by_name():
    async with before("ws://127.0.0.1:9") as (_server, wire):
        await wire.say("hello")
        error = await failed(wire)
        assert error["code"] == "provider_unreachable"
        assert "upstream.url" in error["message"]


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ({"status": 401}, "invalid_api_key", "Check upstream.api_key."),
        (
            {"refusal": (1007, f"API key not valid ({KEY}). Please pass a valid API key.")},
            "invalid_api_key",
            "Check upstream.api_key.",
        ),
        (
            {"refusal": (1011, "You exceeded your current quota, please check your plan.")},
            "insufficient_quota",
            "Check the account's credit.",
        ),
        (
            {"refusal": (1008, "models/x is not found for API version v1beta")},
            "invalid_request",
            "Check upstream.url, upstream.model and upstream.options.",
        ),
        ({"refusal": (1011, "Internal error encountered.")}, "provider_error", "try again later"),
        ({"refusal": (1001, "")}, "provider_unreachable", "close code 1001"),
        ({"status": 503}, "provider_error", "status 503"),
    ],
)
async def test_a_refusal_is_told_with_its_remedy_and_forgotten_when_it_is_over(fault, code, told):
    async with live_stack(fault) as (service, _server, wire):
        await wire.say("hello")
        error = await failed(wire)
        assert error["code"] == code
        assert told in error["message"]
        service.recover()
        await answered(wire)


async def test_a_connection_that_breaks_in_an_answer_fails_it_and_the_next_one_works():
    async with live_stack({"cut_at": "modelTurn"}) as (service, _server, wire):
        await wire.say("hello")
        assert "the connection was lost" in (await failed(wire))["message"]
        service.recover()
        await answered(wire)
        assert len(service.calls) == 2


async def test_a_connection_that_breaks_between_turns_is_not_noticed():
    async with live_stack() as (service, _server, wire):
        await answered(wire)
        service.calls[0].abort()
        await service.calls[0].closed.wait()
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert not wire.of("error")
        assert service.calls[1].history[0] == ("user", "again")


async def test_a_connection_that_breaks_while_the_user_speaks_is_not_noticed():
    async with live_stack() as (service, _server, wire):
        await wire.update(audio={"input": {"turn_detection": None}})
        await answered(wire)
        whole = speech()
        await wire.append(whole[:96000])
        await service.until(lambda: len(service.calls[0].audio) >= 32000)
        service.calls[0].abort()
        await service.calls[0].closed.wait()
        await wire.append(whole[96000:])
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert abs(len(service.calls[1].audio) - len(whole) * 2 / 3) < 4


async def test_a_connection_that_the_service_will_end_is_renewed_between_turns():
    async with live_stack() as (service, _server, wire):
        await answered(wire)
        await service.calls[0].send(goAway={"timeLeft": "10s"})
        # What is sent next comes behind it.
        await answered(wire)
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(speech())
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        last = service.calls[-1]
        assert last is not service.calls[0]
        assert last.history[0] == ("user", "again")
        assert last.inputs[-2:] == ["activityStart", "activityEnd"]
        await answered(wire)
        assert service.calls[-1] is last


async def test_a_service_that_stalls_is_given_up_and_left():
    stalled: dict[str, Any] = {"timeout_s": 0.3, "connect_timeout_s": 0.3}
    async with live_stack({"silent": True}, **stalled) as (service, _server, wire):
        await wire.say("hello")
        assert "has been silent for" in (await failed(wire))["message"]
        service.recover()
        await answered(wire)
        assert len(service.calls) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        "<html>502 Bad Gateway</html>",
        "[1, 2]",
        b"\xff\x01",
        '{"serverContent": 7}',
        '{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm"}}]}}}',
        '{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": '
        '"audio/pcm;rate=16000", "data": "AAAA"}}]}}}',
        '{"toolCall": {}}',
        '{"usageMetadata": []}',
    ],
)
async def test_a_service_that_sends_garbage_is_left(garbage):
    async with live_stack({"garbage": garbage}) as (service, _server, wire):
        await wire.say("hello")
        assert (await failed(wire))["code"] == "provider_error"
        service.recover()
        await answered(wire)
        assert len(service.calls) == 2


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("PROHIBITED_INPUT_CONTENT", "incomplete"),
        ("MALFORMED_FUNCTION_CALL", "failed"),
        ("NEED_MORE_INPUT", "completed"),
    ],
)
async def test_the_service_tells_why_a_turn_is_complete(reason, status):
    async with live_stack({"reason": reason}) as (_service, _server, wire):
        await wire.say("hello")
        assert (await wire.until("response.done"))["response"]["status"] == status


async def test_a_turn_without_a_transcript_is_answered_all_the_same():
    async with live_stack({"deaf": True}) as (_service, _server, wire):
        await wire.update(audio={"input": {"transcription": {"model": "x"}}})
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        event = await wire.until("conversation.item.input_audio_transcription.failed")
        assert "wrote no transcript" in event["error"]["message"]


async def test_a_client_that_leaves_ends_the_connection_to_the_service():
    async with live_stack({"held": asyncio.Event()}) as (service, _server, wire):
        await wire.say("hello")
        await wire.until("response.output_audio.delta")
        await wire.socket.close()
        await service.calls[0].closed.wait()
