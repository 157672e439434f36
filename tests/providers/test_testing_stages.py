"""The stages of a script, as a client of the server meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.double import TOOLS, Double, double
from tests.support.wire_client import WireClient, client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Double]:
    async with double() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: Double) -> AsyncIterator[Double]:
    yield shared
    await shared.http.post("/testing/reset")


async def ask(wire: WireClient, text: str) -> dict[str, Any]:
    await wire.say(text)
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


def words(response: dict[str, Any]) -> list[str]:
    return [
        part.get("transcript") or part["text"]
        for item in response["output"]
        for part in item.get("content", [])
    ]


async def test_the_model_says_what_the_script_says_or_that_it_says_nothing(server: Double):
    await server.script({"answers": "It is sunny.", "when": "weather"})
    async with client(server.url) as wire:
        assert words(await ask(wire, "Who are you?")) == [
            "The script has no answer to: Who are you?"
        ]
        assert words(await ask(wire, "And the Weather?")) == ["It is sunny."]
        assert len(wire.of("response.output_audio.delta")) > 1


async def test_several_calls_come_in_one_response(server: Double):
    calls = [{"name": "get_weather", "arguments": {"city": "Oslo"}}, {"name": "get_time"}]
    await server.script({"calls": calls, "says": "Let me look."}, {"answers": "Sunny, at noon."})
    async with client(server.url) as wire:
        await wire.update(tools=TOOLS)
        asked = await ask(wire, "How is it in Oslo?")
        said, *made = asked["output"]
        assert said["content"][0]["transcript"] == "Let me look."
        assert [(call["name"], call["arguments"]) for call in made] == [
            ("get_weather", '{"city": "Oslo"}'),
            ("get_time", "{}"),
        ]
        for call in made:
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}
            await wire.send("conversation.item.create", item=output)
        await wire.send("response.create")
        assert words((await wire.until("response.done"))["response"]) == ["Sunny, at noon."]


@pytest.mark.parametrize(
    ("session", "why"),
    [
        ({"tools": TOOLS[1:]}, "it calls 'get_weather', and the client offers get_time"),
        ({}, "it calls 'get_weather', and the client offers no function"),
        ({"tools": TOOLS, "tool_choice": "none"}, "the client has forbidden calls (tool_choice)"),
    ],
)
async def test_a_call_that_the_client_does_not_allow_says_so(
    server: Double, session: dict[str, Any], why: str
):
    await server.script({"calls": {"name": "get_weather"}})
    async with client(server.url) as wire:
        await wire.update(**session)
        failed = await ask(wire, "hello")
    assert failed["status"] == "failed"
    error = failed["status_details"]["error"]
    assert error["code"] == "invalid_request" and why in error["message"]


async def test_the_model_fails_with_the_code_and_may_have_begun(server: Double):
    await server.script(
        {"fails": "rate_limit_exceeded"},
        {"fails": "insufficient_quota", "message": "no credit", "says": "Well,"},
        {"answers": "again"},
    )
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        first, second = await ask(wire, "hello"), await ask(wire, "hello")
        assert first["status_details"]["error"]["code"] == "rate_limit_exceeded"
        assert second["status_details"]["error"]["code"] == "insufficient_quota"
        assert second["status_details"]["error"]["message"] == "no credit"
        assert [delta["delta"] for delta in wire.of("response.output_text.delta")] == ["Well,"]
        assert words(await ask(wire, "hello")) == ["again"]


async def test_the_voice_fails_at_a_text(server: Double):
    await server.script(
        {"fails": "server_error", "stage": "tts", "when": "rain"},
        {"answers": "It is sunny."},
        {"answers": "It rains."},
    )
    async with client(server.url) as wire:
        assert (await ask(wire, "hello"))["status"] == "completed"
        failed = await ask(wire, "hello")
    assert failed["status_details"]["error"]["code"] == "server_error"


async def test_a_spoken_turn_is_heard_as_the_script_says(server: Double):
    await server.script(
        {"hears": "what is the weather"},
        {"answers": "It is sunny.", "when": "weather"},
        {"fails": "server_error", "stage": "stt"},
    )
    async with client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await wire.append(speech())
        done = await wire.until("response.done")
        assert words(done["response"]) == ["It is sunny."]
        [heard] = wire.of(f"{TRANSCRIPTION}.completed")
        assert heard["transcript"] == "what is the weather"
        await wire.append(speech())
        failed = await wire.until(f"{TRANSCRIPTION}.failed")
        assert failed["error"]["code"] == "server_error"
        await wire.until("response.done")
    [session] = await server.sessions()
    lines = session["conversation"].splitlines()
    assert lines[:2] == ["user: what is the weather", "assistant: It is sunny."]
    audio = await server.http.get(f"/testing/sessions/{session['id']}/heard")
    assert audio.content == speech() * 2


async def test_an_answer_that_stalls_can_be_cancelled(server: Double):
    await server.script({"stalls": 2, "answers": "One two three."}, {"answers": "Four."})
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        await wire.say("hello")
        await wire.until("response.output_text.delta")
        await wire.until("response.output_text.delta")
        await wire.send("response.cancel")
        done = (await wire.until("response.done"))["response"]
        assert (done["status"], words(done)) == ("cancelled", ["One two"])
        assert words(await ask(wire, "hello")) == ["Four."]


async def test_an_answer_is_no_longer_than_the_client_wants(server: Double):
    await server.script({"answers": "one two three four"})
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"], max_output_tokens=2)
        done = await ask(wire, "hello")
    assert (done["status"], words(done)) == ("incomplete", ["one two"])


async def test_a_stage_that_a_setting_names_is_not_the_scripts():
    async with double(llm={"provider": "scripted", "options": {"text": "by another"}}) as server:
        await server.script({"answers": "by the script"}, {"hears": "hello"})
        async with client(server.url) as wire:
            assert words(await ask(wire, "hello")) == ["by another"]
            await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await wire.append(speech())
            heard = await wire.until(f"{TRANSCRIPTION}.completed")
    assert heard["transcript"] == "hello"
