"""The `openai` providers against a loopback server that speaks OpenAI's HTTP APIs."""

from __future__ import annotations

import base64

import pytest

from config import load_settings
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError
from tests.support.openai_stack import stack
from tests.support.wire_client import speech

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


async def test_a_character_of_a_call_that_is_cut_in_two_is_put_together():
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    async with stack() as (fake, _server, wire):
        # The fake cuts arguments behind the fifth unit.
        fake.reply, fake.finish = [], "tool_calls"
        fake.tool_calls = [("f", '"Hi \ud83d\ude00 \ud83d."')]
        await wire.update(output_modalities=["text"], tools=[tool])
        await wire.say("hi")
        (call,) = (await wire.until("response.done"))["response"]["output"]
        assert call["arguments"] == '"Hi 😀 \ufffd."'
        deltas = [event["delta"] for event in wire.of("response.function_call_arguments.delta")]
        assert "".join(deltas) == '"Hi 😀 \ufffd."'


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


async def test_an_answer_whose_voice_fails_costs_what_its_model_counted():
    async with stack() as (fake, _server, wire):
        fake.voice_fails = True
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert (done["status"], "TTS" in str(done["status_details"])) == ("failed", True)
        assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (11, 7)


async def test_no_language_means_the_recogniser_decides():
    async with stack() as (fake, _server, wire):
        await wire.append(speech())
        await wire.until("response.done")
        assert "language" not in fake.transcriptions[0]


async def test_speech_before_a_tool_call_is_an_item_of_its_own():
    async with stack() as (fake, _server, wire):
        fake.reply, fake.finish = ["Let me check."], "tool_calls"
        fake.tool_calls = [("a", "{}")]
        await wire.say("weather")
        done = (await wire.until("response.done"))["response"]
        assert [item["type"] for item in done["output"]] == ["message", "function_call"]
        assert wire.of("response.output_audio.delta")


@pytest.mark.parametrize("kind", ["stt", "llm", "tts"])
def test_openai_itself_needs_a_key(kind, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    groups = {name: {"provider": "scripted"} for name in ("stt", "llm", "tts")}
    groups[kind] = {"provider": "openai"}
    with pytest.raises(ProviderSetupError, match="OPENAI_API_KEY"):
        PipelineManager(load_settings(**groups))
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-vendor's-variable")
    PipelineManager(load_settings(**groups))
