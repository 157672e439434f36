"""Edge's voices: what is special to `edge-tts`, on a WebSocket that speaks Microsoft's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pipecat.frames.frames import AggregatedTextFrame, LLMFullResponseStartFrame, TTSAudioRawFrame

from config import TTSConfig
from providers import tts
from providers.tts.edge import EdgeTTS
from tests.providers.fakes.edge import FakeEdge
from tests.providers.speaking import answer, audio, failure, voice
from tests.providers.stage import running
from tests.providers.voice_vendors import CLAUSES, EDGE

"""An MP3 frame at 24 kHz: the codec makes whole ones."""


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeEdge]:
    async with FakeEdge().running(monkeypatch) as running_fake:
        yield running_fake


async def test_voice_pitch_and_volume_reach_the_service(fake):
    options = {"pitch": "+5Hz", "volume": "-10%"}
    group = EDGE.group(None, voice_id="zh-CN-XiaoxiaoNeural", options=options)
    async with voice(group) as wire:
        assert (await answer(wire))["status"] == "completed"
    assert fake.texts == CLAUSES
    assert set(fake.voices) == {"zh-CN-XiaoxiaoNeural"}
    assert fake.prosodies[0] == "pitch='+5Hz' rate='+0%' volume='-10%'"


def test_a_voice_of_one_language_is_listed_with_it():
    listed = {info.id: info.language for info in tts.load(TTSConfig(provider="edge")).list_voices()}
    assert listed["fable"] == "en-GB"
    assert listed["alloy"] is None


async def test_what_means_something_in_markup_is_only_text(fake):
    async with voice(EDGE.group(None), text="Is 1 < 2 & 3 > 2?") as wire:
        assert (await answer(wire))["status"] == "completed"
    assert fake.texts == ["Is 1 < 2 & 3 > 2?"]


async def test_stopping_does_not_wait_for_a_service_that_hangs(fake):
    fake.fail = "dead"
    fake.go_on.clear()
    provider = EdgeTTS(TTSConfig(**EDGE.group(None)))
    async with running(provider.create("alloy")) as pipeline:
        text = AggregatedTextFrame("Hello there.", "sentence")
        await pipeline.push(LLMFullResponseStartFrame(), text)
        await pipeline.stage.until(TTSAudioRawFrame)
        # aiohttp gives the other side 10 s for its goodbye.
        async with asyncio.timeout(5):
            await pipeline.stop()


async def test_a_clock_that_is_wrong_is_no_failure(fake):
    # The service's 403 tells the time, and edge-tts tries again with that.
    fake.status, fake.failures = 403, 1
    async with voice(EDGE.group(None), text="Hello there.") as wire:
        assert (await answer(wire))["status"] == "completed"
        assert audio(wire)
    assert fake.texts == ["Hello there."]


async def test_a_voice_that_cannot_exist_is_named(fake):
    async with voice(EDGE.group(None)) as wire:
        await wire.update(audio={"output": {"voice": "en-US-'/><evil>Neural"}})
        error = await failure(wire)
        assert "en-US-'/><evil>Neural" in error["message"]
        assert error["code"] == "invalid_request"
    assert fake.connections == 0
