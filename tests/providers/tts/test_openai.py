"""The voice of an OpenAI-compatible server: streaming, failures and recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)

from config import TTSConfig
from providers.tts.openai import OpenAICompatibleTTS
from tests.providers.fakes.openai_speech import CHARACTER_MS, FakeSpeech
from tests.providers.fakes.tone import tone
from tests.providers.speaking import answer, audio, failure, free_port, mute_server, voice
from tests.providers.stage import running
from tests.support.running_server import serving
from tests.support.wire_client import WireClient

CLAUSES = ["Hello there,", "this is the first sentence.", "And this is the second one."]


def settings(port: int, **changed: Any) -> dict[str, Any]:
    base = {"provider": "openai", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "sk-key"}
    return {**base, "model": "kokoro-x", "retries": 0, **changed}


@asynccontextmanager
async def stack(**changed: Any) -> AsyncIterator[tuple[FakeSpeech, WireClient]]:
    fake = FakeSpeech()
    async with serving(fake.app) as port, voice(settings(port, **changed)) as wire:
        yield fake, wire


def spoken(first: int = 0) -> bytes:
    return b"".join(tone(first + n, len(text) * CHARACTER_MS) for n, text in enumerate(CLAUSES))


async def test_an_answer_arrives_whole_and_in_order():
    async with stack() as (fake, wire):
        assert (await answer(wire))["status"] == "completed"
        assert [asked["input"] for asked in fake.asked] == CLAUSES
        assert audio(wire) == spoken()


async def test_audio_is_streamed():
    async with stack() as (fake, wire):
        fake.go_on.clear()
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        fake.go_on.set()
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert audio(wire) == spoken()


async def test_a_cancelled_answer_releases_its_connection():
    async with stack() as (fake, wire):
        fake.go_on.clear()
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        await wire.send("response.cancel")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        async with asyncio.timeout(20):
            await fake.left.wait()
        fake.go_on.set()
        assert (await answer(wire))["status"] == "completed"


@pytest.mark.parametrize(
    ("set_up", "code", "named"),
    [
        ({"status": 401}, "invalid_api_key", ["401", "the fake refuses", "OPENAI_API_KEY"]),
        ({"status": 429}, "rate_limit_exceeded", ["429", "the fake refuses"]),
        ({"status": 404}, "invalid_request", ["404", "the fake refuses", "tts.options.voices"]),
        ({"status": 500}, "provider_error", ["500", "try again later"]),
        ({"fail": "hang"}, "provider_unreachable", ["timed out", "api_base"]),
        ({"fail": "hang in the middle"}, "provider_unreachable", ["nothing came for 0.2 s"]),
        ({"fail": "cut"}, "provider_unreachable", ["cut in the middle"]),
        ({"fail": "no audio"}, "provider_error", ["no audio"]),
        ({"fail": "json"}, "provider_error", ["application/json", "the model is being loaded"]),
        ({"fail": "wav"}, "provider_error", ["WAV"]),
        ({"fail": "mp3"}, "provider_error", ["MP3"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_a_failure_is_explained_and_the_next_answer_works(set_up, code, named):
    async with stack(timeout_s=0.2) as (fake, wire):
        for name, value in set_up.items():
            setattr(fake, name, value)
        error = await failure(wire)
        assert error["code"] == code, error["message"]
        assert "TTS kokoro-x at 127.0.0.1" in error["message"]
        assert all(part in error["message"] for part in named), error["message"]
        assert "sk-key" not in error["message"]
        fake.recover()
        before, first = len(wire.events), len(fake.asked)
        assert (await answer(wire))["status"] == "completed"
        assert audio(wire, before) == spoken(first)


async def test_a_server_that_is_down_is_named_and_works_once_it_is_up():
    fake, port = FakeSpeech(), free_port()
    async with voice(settings(port)) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "api_base" in error["message"]
        async with serving(fake.app, port):
            assert (await answer(wire))["status"] == "completed"


async def test_a_server_that_takes_no_part_times_out(monkeypatch):
    monkeypatch.setattr("providers.tts.openai_voices.PATIENCE_S", 0.2)
    async with mute_server() as port, voice(settings(port, timeout_s=0.2)) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "timed out" in error["message"]


async def test_after_a_failure_the_answer_ends():
    provider = OpenAICompatibleTTS(TTSConfig(**settings(free_port())))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(
            LLMFullResponseStartFrame(),
            AggregatedTextFrame("Hello.", "sentence"),
            LLMFullResponseEndFrame(),
        )
        await pipeline.stage.until(LLMFullResponseEndFrame)
        assert len(pipeline.stage.errors) == 1
    await provider.close()
