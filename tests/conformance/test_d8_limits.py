"""How a session ends: by its time limit, or because the client says so (protocol §D.7, D.8)."""

from __future__ import annotations

import time

import pytest

from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client, speech

LONG = " ".join(f"word{n}" for n in range(4000))
ACCEPTED = (
    "Supported values are: 'session.update', 'session.close', 'input_audio_buffer.append', "
    "'session.input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear', "
    "'conversation.item.create', 'conversation.item.truncate', 'conversation.item.delete', "
    "'conversation.item.retrieve', 'response.create', and 'response.cancel'."
)


def limited(minutes: float, **groups: dict[str, object]):
    return scripted_settings(server={"session_limit_minutes": minutes}, **groups)


@pytest.mark.parametrize("query", ["?model=gpt-realtime", "?intent=transcription"])
async def test_a_session_that_is_too_old_is_told_so_and_closed(query):
    async with running(limited(0.005)) as server:
        async with client(server.url.split("?")[0] + query) as wire:
            error = (await wire.until("error"))["error"]
            message = "Your session hit the maximum duration of 0.005 minutes."
            assert error == {
                "type": "invalid_request_error",
                "code": "session_expired",
                "message": message,
                "param": None,
                "event_id": None,
            }
            await wire.socket.wait_closed()
            assert (wire.socket.close_code, wire.socket.close_reason) == (1001, message)
        await server.emptied()


async def test_time_is_up_in_the_middle_of_an_answer_and_of_a_turn():
    answer = {"first_token_ms": 1, "word_ms": 5, "text": LONG}
    async with running(limited(0.03, llm=answer, vad={"type": "none"})) as server:
        async with client(server.url) as wire:
            await wire.say("go on")
            await wire.append(speech(after_ms=0))
            error = (await wire.until("error"))["error"]
            assert error["code"] == "session_expired"
            await wire.socket.wait_closed()
            assert wire.socket.close_code == 1001
            # The error is the last thing a client reads.
            assert wire.of("response.created")
            assert not wire.of("response.done")
            assert wire.types()[-1] == "error"
        await server.emptied()


async def test_expires_at_follows_the_setting():
    async with running(limited(15)) as server:
        before = int(time.time())
        async with client(server.url) as wire:
            expires_at = wire.events[0]["session"]["expires_at"]
            assert before + 900 <= expires_at <= time.time() + 900
            updated = await wire.update(instructions="x")
            assert updated["session"]["expires_at"] == expires_at


async def test_the_default_is_an_hour():
    async with running() as server:
        before = int(time.time())
        async with client(server.url) as wire:
            assert wire.events[0]["session"]["expires_at"] >= before + 3600


@pytest.mark.parametrize("query", ["?model=gpt-realtime", "?intent=transcription"])
async def test_a_client_may_close_its_session(query):
    async with running() as server:
        async with client(server.url.split("?")[0] + query) as wire:
            # What was asked for before is still answered.
            await wire.send("input_audio_buffer.clear")
            await wire.send("session.close")
            await wire.until("input_audio_buffer.cleared")
            await wire.socket.wait_closed()
            assert (wire.socket.close_code, wire.socket.close_reason) == (1000, "")
        await server.emptied()


async def test_closing_takes_no_arguments():
    async with running() as server, client(server.url) as wire:
        await wire.send("session.close", reason="bored")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"]) == ("unknown_parameter", "reason")
        await wire.update(instructions="Still here?")


async def test_there_is_no_output_buffer_to_clear_on_a_websocket():
    """§A.11: it is an unknown type like any other."""
    async with running() as server, client(server.url) as wire:
        await wire.send("output_audio_buffer.clear")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "type")
        assert error["message"] == f"Invalid value: 'output_audio_buffer.clear'. {ACCEPTED}"
