"""The `openai` providers against a loopback server that speaks OpenAI's HTTP APIs."""

from __future__ import annotations

import base64
import socket

import pytest

from config import load_settings
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError
from tests.support.openai_stack import settings_for, stack
from tests.support.running_server import running
from tests.support.wire_client import client, speech

RAMP = b"".join((n % 1000).to_bytes(2, "little") for n in range(7200))


async def test_a_character_that_is_cut_in_two_is_put_together():
    async with stack() as (fake, _server, wire):
        fake.reply = ["Hi \ud83d", "\ude00 and", " \ud83d", " bye."]
        await wire.update(output_modalities=["text"])
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["text"] == "Hi 😀 and \ufffd bye."
        deltas = [event["delta"] for event in wire.of("response.output_text.delta")]
        assert "".join(deltas) == "Hi 😀 and \ufffd bye."
        await wire.say("again")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_spoken_turn_goes_through_all_three():
    exact = {"speculative": False}
    async with stack(llm={"temperature": 0.3}, vad=exact) as (fake, _server, wire):
        await wire.update(audio={"input": {"transcription": {"language": "de", "prompt": "Bo"}}})
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert done["output"][0]["content"][0]["transcript"] == "Hello from the fake."
        heard = fake.transcriptions[0]
        assert (heard["model"], heard["language"], heard["prompt"]) == ("whisper-x", "de", "Bo")
        committed = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        start = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        # Exactly the turn: no pre-roll, no padding.
        assert heard["audio"] == {"rate": 16000, "frames": (committed - start) * 16}
        asked = fake.chats[0]
        assert (asked["model"], asked["temperature"], asked["stream"]) == ("llama-x", 0.3, True)
        assert asked["messages"][0]["role"] == "system"
        assert asked["messages"][1:] == [{"role": "user", "content": fake.transcript}]
        spoken = fake.speeches[0]
        assert (spoken["model"], spoken["voice"], spoken["input"]) == (
            "kokoro-x",
            "af_heart",
            "Hello from the fake.",
        )
        audio = b"".join(
            base64.b64decode(e["delta"]) for e in wire.of("response.output_audio.delta")
        )
        assert audio == RAMP
        assert done["usage"]["output_token_details"] == {"text_tokens": 7, "audio_tokens": 6}
        assert done["usage"]["input_token_details"]["text_tokens"] == 11


async def test_no_language_means_the_recogniser_decides():
    async with stack() as (fake, _server, wire):
        await wire.append(speech())
        await wire.until("response.done")
        assert "language" not in fake.transcriptions[0]


async def test_parallel_tool_calls_stream_as_items_and_their_results_go_back():
    tools = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in "ab"]
    async with stack() as (fake, _server, wire):
        fake.reply, fake.finish = [], "tool_calls"
        fake.tool_calls = [("a", '{"city": "Oslo"}'), ("b", '{"city": "Rome"}')]
        await wire.update(tools=tools, tool_choice="required")
        await wire.say("weather")
        done = (await wire.until("response.done"))["response"]
        calls = done["output"]
        assert [(c["name"], c["arguments"], c["status"]) for c in calls] == [
            ("a", '{"city": "Oslo"}', "completed"),
            ("b", '{"city": "Rome"}', "completed"),
        ]
        assert all(len(call["call_id"]) <= 32 for call in calls)
        assert fake.chats[0]["tool_choice"] == "required"
        assert [tool["function"]["name"] for tool in fake.chats[0]["tools"]] == ["a", "b"]
        fake.tool_calls, fake.finish, fake.reply = [], "stop", ["Fine."]
        for call in calls:
            item = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
            await wire.send("conversation.item.create", item=item)
        await wire.send("response.create")
        await wire.until("response.done")
        roles = [message["role"] for message in fake.chats[1]["messages"]]
        assert roles == ["system", "user", "assistant", "tool", "assistant", "tool"]


async def test_speech_before_a_tool_call_is_an_item_of_its_own():
    async with stack() as (fake, _server, wire):
        fake.reply, fake.finish = ["Let me check."], "tool_calls"
        fake.tool_calls = [("a", "{}")]
        await wire.say("weather")
        done = (await wire.until("response.done"))["response"]
        assert [item["type"] for item in done["output"]] == ["message", "function_call"]
        assert wire.of("response.output_audio.delta")


async def test_max_output_tokens_reaches_the_model_and_its_length_stop_is_incomplete():
    async with stack() as (fake, _server, wire):
        fake.finish = "length"
        await wire.update(max_output_tokens=5)
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert fake.chats[0]["max_tokens"] == 5
        assert done["status"] == "incomplete"
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (404, "invalid_request"), (500, None)]
)
async def test_a_refusal_names_stage_model_and_remedy_and_the_next_turn_works(status, code):
    async with stack() as (fake, _server, wire):
        fake.status = status
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        error = done["status_details"]["error"]
        assert done["status"] == "failed"
        assert "LLM llama-x at 127.0.0.1" in error["message"]
        assert "secret-key" not in error["message"]
        if code:
            assert error["code"] == code
        fake.status = 200
        await wire.say("again")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_stream_cut_in_the_middle_fails_the_response_only():
    async with stack() as (fake, _server, wire):
        fake.cut = True
        await wire.say("hi")
        assert (await wire.until("response.done"))["response"]["status"] == "failed"
        fake.cut = False
        await wire.say("again")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_stream_that_just_ends_is_no_complete_answer():
    async with stack() as (fake, _server, wire):
        fake.finish = None
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "failed"
        assert "in the middle" in done["status_details"]["error"]["message"]


async def test_a_server_that_is_down_is_named():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    options = {"retries": 0}
    settings = settings_for(base, llm=options, stt=options, tts=options)
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("hi")
        error = (await wire.until("response.done"))["response"]["status_details"]["error"]
        assert error["code"] == "provider_unreachable"
        assert "api_base" in error["message"]


async def test_sessions_share_the_connections():
    async with stack() as (fake, server, wire):
        for _ in range(3):
            await wire.update(output_modalities=["text"])
            await wire.say("hi")
            await wire.until("response.done")
        async with client(server.url) as other:
            await other.update(output_modalities=["text"])
            await other.say("hi")
            await other.until("response.done")
        assert len(fake.connections) == 1


@pytest.mark.parametrize("kind", ["stt", "llm", "tts"])
def test_openai_itself_needs_a_key(kind, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    groups = {name: {"provider": "scripted"} for name in ("stt", "llm", "tts")}
    groups[kind] = {"provider": "openai"}
    with pytest.raises(ProviderSetupError, match="OPENAI_API_KEY"):
        PipelineManager(load_settings(**groups))
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-vendor's-variable")
    PipelineManager(load_settings(**groups))
