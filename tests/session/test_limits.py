"""What a client may have of everything, and what it is told when it wants more."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from config import LimitsConfig
from serving.process import uvicorn_websocket
from session.decisions import SpeechStarted
from tests.support.keys import KEY, OTHER
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.session_driver import USER_TEXT, Driver, of, session_config, types
from tests.support.wire_client import client, denial, refusal, speech

MIB = 1024 * 1024
HANDSHAKE = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def limited(**limits: Any) -> Driver:
    return Driver(session_config(limits=LimitsConfig(**limits)))


def the_error(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert types(events) == ["error"]
    error: dict[str, Any] = events[0]["error"]
    return error


# --- sessions ---


async def test_a_full_server_asks_to_come_back_and_takes_the_next_when_one_has_left() -> None:
    async with running(scripted_settings(limits={"sessions": 2})) as server:
        async with client(server.url), client(server.url):
            error, code, _ = await refusal(server.url)
            assert (error["type"], error["code"], code) == (
                "server_error",
                "server_overloaded",
                1013,
            )
            assert "limits.sessions" in error["message"]
            assert await server.active_sessions() == 2
        await server.emptied()
        async with client(server.url):
            pass


async def test_a_key_has_its_own_share() -> None:
    settings = scripted_settings(server={"api_keys": [KEY, OTHER]}, limits={"sessions_per_key": 1})
    bearer = {key: {"Authorization": f"Bearer {key}"} for key in (KEY, OTHER)}
    async with running(settings) as server, client(server.url, additional_headers=bearer[KEY]):
        error, code, _ = await refusal(server.url, additional_headers=bearer[KEY])
        assert (error["code"], code) == ("rate_limit_exceeded", 1013)
        assert "limits.sessions_per_key" in error["message"]
        async with client(server.url, additional_headers=bearer[OTHER]):
            pass


async def test_without_keys_nobody_has_a_share() -> None:
    settings = scripted_settings(limits={"sessions_per_key": 1})
    async with running(settings) as server, client(server.url), client(server.url):
        assert await server.active_sessions() == 2


async def test_a_full_replica_says_so_before_the_handshake_for_the_balancer() -> None:
    settings = scripted_settings(
        server={"replica": "a", "secret": "a secret of replicas", "api_keys": [KEY, OTHER]},
        limits={"sessions": 2, "sessions_per_key": 1},
    )
    bearer = {key: {"Authorization": f"Bearer {key}"} for key in (KEY, OTHER)}
    async with running(settings) as server, plain_http(base_url=server.http) as http:
        async with client(server.url, additional_headers=bearer[KEY]):
            # That is its own limit, wherever it asks: it learns why.
            told = await refusal(server.url, additional_headers=bearer[KEY])
            assert (told.error["code"], told.code) == ("rate_limit_exceeded", 1013)
            async with client(server.url, additional_headers=bearer[OTHER]):
                for path in ("", "/translations"):
                    url = server.url.replace("/realtime", f"/realtime{path}")
                    full = await denial(url, additional_headers=bearer[KEY])
                    assert (full.status_code, full.headers["Retry-After"]) == (503, "2")
                    error = full.json()["error"]
                    assert (error["type"], error["code"]) == ("server_error", "server_overloaded")
                # It has done what it is there for, and takes the next client.
                assert (await http.get("/readyz")).status_code == 200
                metrics = (await http.get("/metrics", headers=bearer[KEY])).text
        assert 'refused_total{reason="server_overloaded"} 2.0' in metrics
        await server.emptied()
        async with client(server.url, additional_headers=bearer[KEY]):
            pass


async def test_a_client_that_vanishes_during_its_handshake_keeps_no_place() -> None:
    async with running(scripted_settings(limits={"sessions": 1})) as server:
        for _ in range(20):
            _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HANDSHAKE)
            writer.transport.abort()
        await server.emptied()
        async with client(server.url):
            assert await server.active_sessions() == 1


async def test_whoever_comes_first_gets_the_last_place() -> None:
    """Clients that connect at the same moment must not slip in together."""
    async with running(scripted_settings(limits={"sessions": 3})) as server:
        sockets = await asyncio.gather(*(connect(server.url) for _ in range(8)))
        first = [json.loads(await socket.recv())["type"] for socket in sockets]
        assert sorted(first) == ["error"] * 5 + ["session.created"] * 3
        for socket in sockets:
            await socket.close()


# --- messages ---


async def test_fifteen_mib_of_audio_fit_into_one_append_and_no_byte_more() -> None:
    manual = {"type": "none"}
    async with running(scripted_settings(vad=manual)) as server, client(server.url) as wire:
        await wire.append(bytes(15 * MIB), step=15 * MIB)
        assert await wire.settled() == []
        await wire.append(bytes(15 * MIB + 3), step=16 * MIB)
        (error,) = await wire.settled()
        assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", "audio")
        assert "15 MiB" in error["error"]["message"]


async def test_a_message_that_is_too_large_closes_the_connection_and_says_so(
    lines: list[str],
) -> None:
    async with running(scripted_settings(limits={"message_mib": 1})) as server:
        async with client(server.url) as wire:
            with pytest.raises(ConnectionClosedError) as closed:
                await wire.append(bytes(4 * MIB), step=4 * MIB)
                while True:
                    await wire.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        await server.emptied()
    assert [line for line in lines if "closed after" in line and "cut off with 1009: " in line]


async def test_a_message_in_countless_fragments_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(uvicorn_websocket, "CUT_AFTER_S", 0.2)
    async with running() as server:
        async with connect(server.url) as socket:
            await socket.recv()

            async def pieces():
                while True:
                    yield ""
                    await asyncio.sleep(0)

            with pytest.raises(ConnectionClosedError) as closed:
                async with asyncio.timeout(20):
                    await socket.send(pieces())
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
            assert "fragments" in closed.value.rcvd.reason
        await server.emptied()


# --- the input buffer ---


def test_uncommitted_audio_has_a_bound_and_the_event_beyond_it_changes_nothing() -> None:
    driver = limited(buffered_audio_s=2)
    driver.manual()
    assert driver.append(1500) == []
    error = the_error(driver.append(600))
    assert error["code"] == "input_audio_buffer_full"
    assert "limits.buffered_audio_s" in error["message"]
    assert driver.append(500) == []
    assert driver.inside.buffer.written_ms == 2000
    driver.send("input_audio_buffer.commit")
    assert driver.append(2000) == []


def test_a_detected_turn_counts_when_the_client_is_to_commit_it() -> None:
    driver = limited(buffered_audio_s=2)
    driver.append(96)
    driver.decided(SpeechStarted(0))
    driver.append(1404)
    driver.manual()
    assert the_error(driver.append(600))["code"] == "input_audio_buffer_full"
    assert driver.append(500) == []


def test_a_full_buffer_is_heard_when_turns_are_detected_again() -> None:
    driver = limited(buffered_audio_s=2)
    driver.manual()
    driver.append(2000)
    assert types(driver.turn_detection()) == ["session.updated"]
    assert driver.inside.buffer.written_ms == 2000
    assert driver.append(2000) == []
    driver.decided(SpeechStarted(3808))
    events = driver.append(2000)
    assert types(events)[:1] == ["input_audio_buffer.speech_stopped"]


def test_a_detected_turn_that_is_too_long_is_ended_and_the_next_begins() -> None:
    driver = limited(buffered_audio_s=2)
    driver.append(96)
    driver.decided(SpeechStarted(0))
    events = driver.append(2000)
    assert types(events)[:2] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    assert 1900 < of(events, "input_audio_buffer.speech_stopped")[0]["audio_end_ms"] <= 2100
    assert driver.inside.buffer.open is None
    driver.decided(SpeechStarted(2096))
    assert driver.inside.buffer.open is not None


async def test_a_detected_turn_that_is_too_long_goes_on_as_another_over_the_wire() -> None:
    settings = scripted_settings(limits={"buffered_audio_s": 1})
    async with running(settings) as server, client(server.url) as wire:
        detection = {"type": "server_vad", "create_response": False}
        await wire.update(audio={"input": {"turn_detection": detection}})
        await wire.append(speech(after_ms=0) * 2)
        await wire.settled()
        assert len(wire.of("input_audio_buffer.committed")) >= 2
        assert len(wire.of("input_audio_buffer.speech_started")) >= 2


# --- what a session holds ---


def test_a_conversation_has_a_largest_number_of_items() -> None:
    driver = limited(conversation_items=2)
    driver.say("one", id="item_1")
    driver.say("two")
    error = the_error(driver.say("three"))
    assert error["code"] == "conversation_full"
    assert "limits.conversation_items" in error["message"]
    driver.manual()
    driver.append(500)
    assert the_error(driver.send("input_audio_buffer.commit"))["code"] == "conversation_full"
    driver.send("conversation.item.delete", item_id="item_1")
    assert "error" not in types(driver.send("input_audio_buffer.commit"))


def test_responses_beside_the_conversation_have_a_largest_number() -> None:
    driver = limited(responses=2)
    for _ in range(2):
        driver.respond(conversation="none", input=[USER_TEXT])
    error = the_error(driver.respond(conversation="none", input=[USER_TEXT]))
    assert error["code"] == "too_many_responses"
    assert "limits.responses" in error["message"]
    driver.finish()
    assert "error" not in types(driver.respond(conversation="none", input=[USER_TEXT]))


@pytest.mark.parametrize("where", ["session", "response"])
def test_tools_and_instructions_have_a_bound_that_is_exact(where: str):
    def ask(driver: Driver, **fields: Any) -> list[dict[str, Any]]:
        return driver.update(**fields) if where == "session" else driver.respond(**fields)

    tools = [{"type": "function", "name": f"f{n}"} for n in range(3)]
    driver = limited(tools=2, instructions_chars=10)
    before = driver.state()
    error = the_error(ask(driver, tools=tools))
    assert (error["code"], error["param"]) == ("array_above_max_length", f"{where}.tools")
    assert "limits.tools" in error["message"]
    error = the_error(ask(driver, instructions="x" * 11))
    assert (error["code"], error["param"]) == (
        "string_above_max_length",
        f"{where}.instructions",
    )
    assert "limits.instructions_chars" in error["message"]
    assert driver.state() == before
    assert "error" not in types(ask(driver, tools=tools[:2], instructions="x" * 10))


# --- the pace of appends ---


async def test_a_client_that_is_too_fast_waits_and_others_do_not() -> None:
    settings = scripted_settings(
        vad={"type": "none"}, limits={"append_burst_s": 1, "append_speed": 1}
    )
    async with (
        running(settings) as server,
        client(server.url) as hasty,
        client(server.url) as other,
    ):
        await hasty.append(bytes(48 * 20_000), step=48 * 1000)
        settled = asyncio.create_task(hasty.settled())
        for _ in range(100):
            await other.settled()
        assert not settled.done()
        settled.cancel()


async def test_a_client_that_is_slowed_loses_nothing() -> None:
    settings = scripted_settings(
        vad={"type": "none"}, limits={"append_burst_s": 1, "append_speed": 50}
    )
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "m"}}})
        await wire.append(bytes(48 * 5000), step=48 * 1000)
        await wire.send("input_audio_buffer.commit")
        done = await wire.until("conversation.item.input_audio_transcription.completed")
        assert done["usage"] == {"type": "duration", "seconds": 5}


# --- clients that have gone ---


async def test_a_client_that_answers_no_ping_is_given_up(lines: list[str]) -> None:
    limits = {"ping_interval_s": 0.05, "ping_timeout_s": 0.05}
    async with running(scripted_settings(limits=limits)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        async with asyncio.timeout(20):
            # It reads all it is sent, up to the end, and says nothing.
            said = await reader.read()
        assert b"session.created" in said
        assert b"keepalive ping timeout" in said
        writer.close()
        await server.emptied()
    assert [line for line in lines if "keepalive ping timeout" in line]
