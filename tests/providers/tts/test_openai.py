"""The voice of an OpenAI-compatible server: what is special to it."""

from __future__ import annotations

from pipecat.frames.frames import (
    AggregatedTextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)

from config import TTSConfig
from providers.tts.openai import OpenAICompatibleTTS
from tests.providers.speaking import failure, mute_server, voice
from tests.providers.stage import running
from tests.providers.voice_vendors import OPENAI
from tests.support.ports import free_port


async def test_a_server_that_takes_no_part_times_out(monkeypatch):
    monkeypatch.setattr("providers.tts.openai_voices.PATIENCE_S", 0.2)
    async with (
        mute_server() as port,
        voice(OPENAI.group(f"http://127.0.0.1:{port}/v1", timeout_s=0.2)) as wire,
    ):
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "timed out" in error["message"]


async def test_after_a_failure_the_answer_ends():
    provider = OpenAICompatibleTTS(TTSConfig(**OPENAI.group(f"http://127.0.0.1:{free_port()}/v1")))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(
            LLMFullResponseStartFrame(),
            AggregatedTextFrame("Hello.", "sentence"),
            LLMFullResponseEndFrame(),
        )
        await pipeline.stage.until(LLMFullResponseEndFrame)
        assert len(pipeline.stage.errors) == 1
    await provider.close()
