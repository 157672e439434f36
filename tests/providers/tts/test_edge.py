"""Edge's voices: `edge-tts` against a loopback WebSocket that speaks Microsoft's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
)

from config import TTSConfig
from providers import tts
from providers.base import ProviderSetupError
from providers.tts.edge import EdgeTTS
from session.ports import OPENAI_VOICES
from tests.providers.fakes.edge import CHARACTER_MS, FakeEdge, redirect
from tests.providers.fakes.tone import RATE, pitch
from tests.providers.speaking import answer, audio, failure, free_port, mute_server, voice
from tests.providers.stage import running

CLAUSES = ["Hello there,", "this is the first sentence.", "And this is the second one."]
FRAME_MS = 24
"""An MP3 frame at 24 kHz: the codec makes whole ones."""


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeEdge]:
    async with FakeEdge().running(monkeypatch) as running_fake:
        yield running_fake


def settings(**changed: Any) -> dict[str, Any]:
    return {"provider": "edge", "retries": 0, **changed}


def tones(pcm: bytes) -> list[tuple[int, float]]:
    """The tones in `pcm`, one after the other: frequency in Hz and length in ms."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    loud = np.flatnonzero(np.abs(samples) > 2000)
    pauses = np.flatnonzero(np.diff(loud) > RATE // 100)
    found = []
    for part in np.split(loud, pauses + 1):
        tone = samples[part[0] : part[-1] + 1]
        spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), n=RATE))
        found.append((round(int(spectrum.argmax()), -1), len(tone) * 1000 / RATE))
    return found


def assert_spoken(pcm: bytes, clauses: list[str], first: int = 0) -> None:
    heard = tones(pcm)
    assert [frequency for frequency, _ in heard] == [pitch(first + n) for n in range(len(clauses))]
    for (_, length), text in zip(heard, clauses, strict=True):
        assert abs(length - len(text) * CHARACTER_MS) <= FRAME_MS
    # Neither lost nor padded, but for the ends of each clause's MP3.
    total = len(pcm) * 1000 / (2 * RATE)
    wanted = sum(len(text) for text in clauses) * CHARACTER_MS
    assert -FRAME_MS <= total - wanted <= 2 * FRAME_MS * len(clauses)


async def test_an_answer_arrives_whole_and_in_order(fake):
    options = {"pitch": "+5Hz", "volume": "-10%"}
    async with voice(settings(voice_id="zh-CN-XiaoxiaoNeural", options=options)) as wire:
        assert (await answer(wire))["status"] == "completed"
        assert_spoken(audio(wire), CLAUSES)
    assert fake.texts == CLAUSES
    assert set(fake.voices) == {"zh-CN-XiaoxiaoNeural"}
    assert fake.prosodies[0] == "pitch='+5Hz' rate='+0%' volume='-10%'"


async def test_audio_is_streamed(fake):
    fake.go_on.clear()
    async with voice(settings()) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        fake.go_on.set()
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert_spoken(audio(wire), CLAUSES)


async def test_what_means_something_in_markup_is_only_text(fake):
    async with voice(settings(), text="Is 1 < 2 & 3 > 2?") as wire:
        assert (await answer(wire))["status"] == "completed"
    assert fake.texts == ["Is 1 < 2 & 3 > 2?"]


async def test_nothing_to_say_ends_at_once():
    provider = EdgeTTS(TTSConfig(**settings()))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(LLMFullResponseStartFrame(), LLMFullResponseEndFrame())
        await pipeline.stage.until(LLMFullResponseEndFrame)
        assert pipeline.stage.errors == []


async def test_a_cancelled_answer_releases_its_connection(fake):
    fake.go_on.clear()
    async with voice(settings()) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        await wire.send("response.cancel")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        fake.go_on.set()
        async with asyncio.timeout(20):
            await fake.left.wait()
        assert (await answer(wire))["status"] == "completed"


async def test_stopping_does_not_wait_for_a_service_that_hangs(fake):
    fake.fail = "dead"
    fake.go_on.clear()
    provider = EdgeTTS(TTSConfig(**settings()))
    async with running(provider.create("alloy")) as pipeline:
        text = AggregatedTextFrame("Hello there.", "sentence")
        await pipeline.push(LLMFullResponseStartFrame(), text)
        await pipeline.stage.until(TTSAudioRawFrame)
        # aiohttp gives the other side 10 s for its goodbye.
        async with asyncio.timeout(5):
            await pipeline.stop()


@pytest.mark.parametrize(
    ("set_up", "code", "named"),
    [
        ({"status": 403}, "permission_denied", ["status 403", "pip install -U edge-tts"]),
        ({"status": 429}, "rate_limit_exceeded", ["status 429"]),
        ({"status": 404}, "invalid_request", ["status 404"]),
        ({"status": 503}, "provider_error", ["status 503", "try again"]),
        ({"fail": "no audio"}, "invalid_request", ["no audio", "edge-tts --list-voices"]),
        ({"fail": "garbage"}, "provider_error", ["makes no sense"]),
        ({"fail": "garbage audio"}, "provider_error", ["no MP3"]),
        ({"fail": "cut"}, "provider_unreachable", ["cut in the middle"]),
        ({"fail": "close"}, "provider_unreachable", ["cut in the middle"]),
        ({"fail": "hang"}, "provider_unreachable", ["nothing came for 0.2 s"]),
        ({"fail": "hang in the middle"}, "provider_unreachable", ["nothing came for 0.2 s"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_a_failure_is_explained_and_the_next_answer_works(fake, set_up, code, named):
    for name, value in set_up.items():
        setattr(fake, name, value)
    changed = {"voice_id": "en-GB-RyanNeural", "timeout_s": 0.2, "connect_timeout_s": 0.5}
    async with voice(settings(**changed)) as wire:
        error = await failure(wire)
        assert error["code"] == code
        assert "Edge TTS" in error["message"]
        assert "en-GB-RyanNeural" in error["message"]
        assert all(part in error["message"] for part in named), error["message"]
        fake.recover()
        before, first = len(wire.events), len(fake.texts)
        assert (await answer(wire))["status"] == "completed"
        assert_spoken(audio(wire, before), CLAUSES, first)


async def test_a_service_that_is_down_is_named_and_works_once_it_is_up(monkeypatch):
    fake = FakeEdge()
    fake.port = free_port()
    redirect(monkeypatch, fake.port)
    async with voice(settings()) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "speech.platform.bing.com" in error["message"]
        async with fake.running(monkeypatch):
            assert (await answer(wire))["status"] == "completed"


async def test_a_handshake_without_an_answer_times_out(monkeypatch):
    async with mute_server() as port:
        redirect(monkeypatch, port)
        async with voice(settings(connect_timeout_s=0.2)) as wire:
            error = await failure(wire)
            assert error["code"] == "provider_unreachable"
            assert "no connection within 0.2 s" in error["message"]


@pytest.mark.parametrize(
    "set_up", [{"status": 503}, {"fail": "hang"}, {"fail": "garbage"}, {"fail": "no audio"}]
)
async def test_a_failure_before_any_audio_is_tried_again(fake, set_up):
    fake.failures = 1
    for name, value in set_up.items():
        setattr(fake, name, value)
    async with voice(settings(retries=1, timeout_s=0.2, connect_timeout_s=0.5)) as wire:
        assert (await answer(wire))["status"] == "completed"
        assert_spoken(audio(wire), CLAUSES)
    assert fake.connections == len(CLAUSES) + 1


async def test_a_clock_that_is_wrong_is_no_failure(fake):
    # The service's 403 tells the time, and edge-tts tries again with that.
    fake.status, fake.failures = 403, 1
    async with voice(settings(), text="Hello there.") as wire:
        assert (await answer(wire))["status"] == "completed"
        assert_spoken(audio(wire), ["Hello there."])


@pytest.mark.parametrize("set_up", [{"status": 404}, {"fail": "cut"}])
async def test_a_refusal_and_half_an_answer_are_not_tried_again(fake, set_up):
    for name, value in set_up.items():
        setattr(fake, name, value)
    async with voice(settings(retries=3), text="Hello there.") as wire:
        await failure(wire)
    assert fake.connections == 1


async def test_a_voice_that_cannot_exist_is_named(fake):
    async with voice(settings()) as wire:
        await wire.update(audio={"output": {"voice": "en-US-'/><evil>Neural"}})
        error = await failure(wire)
        assert "en-US-'/><evil>Neural" in error["message"]
        assert error["code"] == "invalid_request"
    assert fake.connections == 0


async def test_openais_names_are_voices_of_edge(fake):
    provider = tts.load(TTSConfig(provider="edge"))
    assert set(provider.named_voices) == set(OPENAI_VOICES)
    assert len(set(provider.named_voices.values())) == len(OPENAI_VOICES)
    listed = {info.id: info.language for info in provider.list_voices()}
    assert listed["fable"] == "en-GB"
    assert listed["alloy"] is None
    async with voice(settings(voice_id="verse")) as wire:
        await answer(wire)
    assert set(fake.voices) == {provider.named_voices["verse"]}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"api_key": "x"}, "tts.api_key"),
        ({"api_base": "http://localhost"}, "tts.api_base"),
        ({"model": "x"}, "tts.model"),
        ({"voice_id": "Xiaoxiao"}, "zh-CN-XiaoxiaoNeural"),
        ({"options": {"rate": "+5%"}}, "tts.options.rate"),
        ({"options": {"pitch": "high"}}, "tts.options.pitch"),
    ],
)
def test_what_cannot_work_is_refused(changed, named):
    with pytest.raises(ProviderSetupError, match=named):
        tts.load(TTSConfig(**settings(**changed)))
