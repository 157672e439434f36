"""A Realtime service that fails, in every way there is: what is told, and what goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from loguru import logger

from tests.support.fake_realtime import KEY, USAGE
from tests.support.running_server import plain_http
from tests.support.upstream_stack import before, stack
from tests.support.wire_client import WireClient, speech

NOBODY = "ws://127.0.0.1:9/v1/realtime"


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
    assert error["message"].startswith("Upstream gpt-realtime at 127.0.0.1 failed: ")
    assert KEY not in str(wire.events)
    return error


async def answered(wire: WireClient) -> None:
    """Ask once more, and get an answer."""
    await wire.say("again")
    done = (await wire.until("response.done"))["response"]
    assert done["status"] == "completed"


async def test_without_a_service_sessions_open_and_responses_fail_by_name():
    async with before(NOBODY) as (_server, wire):
        await wire.say("hello")
        error = await failed(wire)
        assert error["code"] == "provider_unreachable"
        assert "upstream.url" in error["message"]


async def test_a_service_that_comes_later_is_found():
    async with stack({"status": 503}) as (service, _server, wire):
        await wire.say("hello")
        assert "status 503" in (await failed(wire))["message"]
        service.recover()
        await answered(wire)


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, "invalid_api_key", "Check upstream.api_key."),
        (403, "permission_denied", "Check what the API key may use."),
        (404, "invalid_request", "Check upstream.url, upstream.model and upstream.options."),
        (429, "rate_limit_exceeded", "Try again later, or check the account's limits."),
        (503, "provider_error", "status 503"),
    ],
)
async def test_the_answer_to_a_spoken_turn_says_why_no_connection_stood(status, code, told):
    async with stack({"status": status}) as (_service, _server, wire):
        await wire.append(speech())
        error = await failed(wire)
        assert error["code"] == code
        assert told in error["message"]


@pytest.mark.parametrize("refusal", [{"status": 401}, {"refusal": "invalid_api_key"}])
async def test_a_wrong_key_is_told_with_its_remedy_and_not_shown(refusal):
    async with stack(refusal) as (_service, _server, wire):
        await wire.say("hello")
        error = await failed(wire)
        assert error["code"] == "invalid_api_key"
        assert "Check upstream.api_key." in error["message"]


async def test_a_connection_that_breaks_in_an_answer_fails_it_and_the_next_one_works():
    cut = {"cut_at": "response.output_audio.delta"}
    async with stack(cut) as (service, _server, wire):
        await wire.say("hello")
        assert "the connection was lost" in (await failed(wire))["message"]
        service.recover()
        await answered(wire)
        assert len(service.calls) == 2


async def test_a_connection_that_breaks_between_turns_is_not_noticed():
    async with stack() as (service, _server, wire):
        await answered(wire)
        service.calls[0].abort()
        await service.calls[0].closed.wait()
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(service.calls) == 2
        assert not wire.of("error")


async def test_a_connection_that_breaks_while_the_user_speaks_is_not_noticed():
    async with stack() as (service, _server, wire):
        await wire.update(audio={"input": {"turn_detection": None}})
        whole = speech()
        await wire.append(whole[:48000])
        await service.until(lambda: len(service.calls[0].audio) >= 24000)
        service.calls[0].abort()
        await service.calls[0].closed.wait()
        await wire.append(whole[48000:])
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert bytes(service.calls[1].audio) == whole


async def test_a_session_that_nears_its_end_is_renewed_between_turns():
    async with stack({"life_s": 60}) as (service, _server, wire):
        await answered(wire)
        service.life_s = 3600
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(service.calls) == 2
        await wire.append(speech())
        await wire.until("response.done")
        assert len(service.calls) == 2


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("rate_limit_exceeded", "rate_limit_exceeded"),
        ("insufficient_quota", "insufficient_quota"),
        ("server_error", "provider_error"),
    ],
)
async def test_a_response_that_the_service_fails_fails_for_its_reason(code, shown):
    failure = (code, f"Rate limit reached for key {KEY}.")
    async with stack({"failure": failure}) as (service, _server, wire):
        await wire.say("hello")
        error = await failed(wire)
        assert error["code"] == shown
        assert "Rate limit reached for key" in error["message"]
        service.recover()
        await answered(wire)
        assert len(service.calls) == 1


async def test_a_response_that_the_service_fails_costs_what_it_says():
    async with stack({"failure": ("server_error", "It broke.")}) as (_service, _server, wire):
        await wire.say("hello")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "failed"
        assert done["usage"] == USAGE


async def test_a_request_that_the_service_refuses_fails_its_response_alone():
    async with stack({"refuses": "response.create"}) as (service, _server, wire):
        await wire.say("hello")
        assert "The fake refuses this." in (await failed(wire))["message"]
        service.recover()
        await answered(wire)
        assert len(service.calls) == 1


async def test_a_service_that_does_not_take_the_session_is_told_of():
    async with stack({"refuses": "session.update"}) as (_service, _server, wire):
        await wire.say("hello")
        assert "The fake refuses this." in (await failed(wire))["message"]


async def test_a_service_that_stalls_is_given_up_and_left():
    stalled: dict[str, Any] = {"timeout_s": 0.3, "connect_timeout_s": 0.3}
    async with stack({"silent": True}, **stalled) as (service, _server, wire):
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
        '{"no": "type"}',
        b"\x00\x01",
        '{"type": "response.created", "response": 7}',
        '{"type": "response.created"}',
    ],
)
async def test_a_service_that_sends_garbage_is_left(garbage):
    async with stack({"garbage": garbage}) as (service, _server, wire):
        await wire.say("hello")
        assert (await failed(wire))["code"] == "provider_error"
        service.recover()
        await answered(wire)
        assert len(service.calls) == 2


async def test_an_answer_that_is_cut_short_is_incomplete():
    async with stack({"status_of_response": "incomplete"}) as (_service, _server, wire):
        await wire.say("hello")
        done = (await wire.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == (
            "incomplete",
            "max_output_tokens",
        )


async def test_a_turn_without_a_transcript_is_answered_all_the_same():
    async with stack({"deaf": True}) as (_service, _server, wire):
        await wire.update(audio={"input": {"transcription": {"model": "x"}}})
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        await wire.settled()
        (event,) = wire.of("conversation.item.input_audio_transcription.failed")
        assert "Deaf today." in event["error"]["message"]


REFUSED_SETTINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"refuses_language": "de"}, {"model": "x", "language": "de"}),
    ({"refuses_model": "gpt-transcribe"}, {"model": "x"}),
]


@pytest.mark.parametrize(("fault", "asked"), REFUSED_SETTINGS)
async def test_settings_that_it_refuses_to_transcribe_with_fail_transcripts_alone(fault, asked):
    async with stack(fault) as (service, _server, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        for _ in range(2):
            await wire.append(speech())
            done = (await wire.until("response.done"))["response"]
            assert done["status"] == "completed"
            await wire.settled()
            failed = wire.of("conversation.item.input_audio_transcription.failed")[-1]
            told = failed["error"]["message"]
            assert told.startswith("Upstream gpt-realtime at 127.0.0.1 failed: ")
            assert "it does not transcribe with these settings (invalid_value)" in told
            assert "Invalid value: " in told
            assert "Check session.audio.input.transcription" in told
        failures = wire.of("conversation.item.input_audio_transcription.failed")
        assert len({failure["item_id"] for failure in failures}) == 2
        assert len(service.calls) == 1
        assert not wire.of("error")
        assert not wire.of("conversation.item.input_audio_transcription.completed")


async def test_settings_that_it_takes_again_are_transcribed_with():
    async with stack({"refuses_language": "de"}) as (service, _server, wire):
        await wire.update(audio={"input": {"transcription": {"model": "x", "language": "de"}}})
        await wire.append(speech())
        await wire.until("conversation.item.input_audio_transcription.failed")
        await wire.update(audio={"input": {"transcription": {"model": "x", "language": "fr"}}})
        await wire.append(speech())
        heard = await wire.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "what is the weather"
        assert len(service.calls) == 1


async def test_failures_of_transcripts_are_its_own_in_the_metrics():
    async with stack({"deaf": True}) as (_service, server, wire), plain_http() as http:
        await wire.update(audio={"input": {"transcription": {"model": "x"}}})
        await wire.append(speech())
        failed = await wire.until("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["message"].startswith("Upstream gpt-realtime at 127.0.0.1 failed: ")
        metrics = (await http.get(f"{server.http}/metrics")).text
    errors = [one for one in metrics.splitlines() if one.startswith("realtime_provider_errors")]
    assert any('stage="Upstream"' in one for one in errors)
    assert not any('stage="STT"' in one for one in errors)


@pytest.mark.parametrize("refusal", [{"status": 401}, {"refusal": "invalid_api_key"}])
async def test_of_a_wrong_key_clients_see_no_part(refusal):
    shown = f"{KEY[:8]}***{KEY[-4:]}"
    async with stack({**refusal, "shown_key": shown}) as (_service, _server, wire):
        await wire.say("hello")
        told = (await failed(wire))["message"]
        assert "the key was refused" in told
        assert KEY[:8] not in told
        assert KEY[-4:] not in told
        assert "REDACTED" not in told


@pytest.mark.parametrize("refusal", [{"status": 401}, {"refusal": "none"}])
async def test_a_key_that_is_missing_is_told_with_its_remedy(refusal):
    async with stack(refusal, api_key=None) as (_service, _server, wire):
        await wire.say("hello")
        error = await failed(wire)
        assert error["code"] == "invalid_api_key"
        assert "it wants a key" in error["message"]
        assert error["message"].endswith("Set upstream.api_key.")


async def test_a_client_that_leaves_ends_the_connection_to_the_service():
    async with stack({"held": asyncio.Event()}) as (service, _server, wire):
        await wire.say("hello")
        await wire.until("response.output_audio.delta")
        await wire.socket.close()
        await service.calls[0].closed.wait()
        assert service.calls[0].socket.close_code == 1000
