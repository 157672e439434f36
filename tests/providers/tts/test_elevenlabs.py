"""ElevenLabs' voices: what is special to its WebSocket, which takes text while it speaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.utils.text.base_text_aggregator import TextType

from config import TTSConfig
from providers.frames import WordTimesFrame
from providers.tts.elevenlabs import ElevenLabsTTS
from providers.tts.elevenlabs_wire import Alignment, SpokenClauses
from tests.providers.fakes.elevenlabs import CHARACTER_MS, FakeElevenLabs
from tests.providers.fakes.tone import tone
from tests.providers.speaking import answer, audio, mute_server, voice
from tests.providers.stage import running
from tests.providers.voice_vendors import CLAUSES, ELEVENLABS


def settings(port: int, **changed: Any) -> dict[str, Any]:
    return ELEVENLABS.group(f"http://127.0.0.1:{port}", **changed)


@pytest.fixture
async def fake() -> AsyncIterator[FakeElevenLabs]:
    async with FakeElevenLabs().running() as running_fake:
        yield running_fake


def spoken(clauses: list[str]) -> bytes:
    return b"".join(tone(n, len(text) * CHARACTER_MS) for n, text in enumerate(clauses))


async def test_an_answer_arrives_whole_and_in_order(fake):
    options = {"stability": 0.4, "use_speaker_boost": True, "apply_text_normalization": "on"}
    changed = {"model": "eleven_turbo_v2_5", "options": {**options, "language": "de"}}
    async with voice(settings(fake.port, **changed)) as wire:
        done = await answer(wire)
        assert done["status"] == "completed"
        assert audio(wire) == spoken(CLAUSES)
    assert fake.voice == "my-voice"
    assert fake.query == {
        "model_id": "eleven_turbo_v2_5",
        "output_format": "pcm_24000",
        "auto_mode": "true",
        "apply_text_normalization": "on",
        "language_code": "de",
    }
    contexts = {message.pop("context_id") for message in fake.messages}
    assert len(contexts) == 1
    assert fake.messages == [
        {"text": " ", "voice_settings": {"stability": 0.4, "use_speaker_boost": True}},
        *({"text": text} for text in CLAUSES),
        {"flush": True},
        {"close_context": True},
    ]


async def test_a_slow_service_is_waited_for(fake):
    # Pipecat takes an answer for complete after 3 s of silence.
    fake.go_on.clear()
    async with voice(settings(fake.port, gap_timeout_s=20)) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        asyncio.get_running_loop().call_later(3.5, fake.go_on.set)
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert audio(wire) == spoken(CLAUSES)


async def test_the_connection_is_made_while_the_model_thinks(fake):
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")), asyncio.timeout(20):
        while not fake.open:
            await asyncio.sleep(0)


async def test_a_service_that_is_away_does_not_keep_the_model_waiting():
    async with mute_server() as port, voice(settings(port, connect_timeout_s=60)) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio_transcript.delta")


def beginnings(frames: list[Frame]) -> list[tuple[int, str]]:
    """Where in the audio each clause begins, in milliseconds."""
    position, found = 0, []
    for frame in frames:
        if isinstance(frame, TTSAudioRawFrame):
            position += len(frame.audio) * 1000 // (2 * frame.sample_rate)
        elif isinstance(frame, AggregatedTextFrame) and not isinstance(frame, TTSTextFrame):
            found.append((position, frame.text))
    return found


@pytest.mark.parametrize("alignment", ["exact", "none", "nonsense"])
async def test_each_clause_is_announced_before_its_own_audio(fake, alignment):
    fake.alignment = alignment
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(
            LLMFullResponseStartFrame(),
            *(AggregatedTextFrame(text, "sentence") for text in CLAUSES),
            LLMFullResponseEndFrame(),
        )
        await pipeline.stage.until(LLMFullResponseEndFrame)
        found = beginnings(pipeline.stage.frames)
    assert [text for _, text in found] == CLAUSES
    if alignment == "exact":
        assert [position for position, _ in found] == [0, 120, 390]


async def test_stopping_does_not_wait_for_a_service_that_hangs(fake):
    fake.fail = "dead"
    fake.go_on.clear()
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")) as pipeline:
        text = AggregatedTextFrame("Hello.", "sentence")
        await pipeline.push(LLMFullResponseStartFrame(), text)
        await pipeline.stage.until(TTSAudioRawFrame)
        await pipeline.stop()
        # Pipecat would wait for the service's goodbye, give up waiting, and leave the connection.
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        assert len(fake.open) == 1, "the service's side has not noticed"
        assert names.count("Connection.keepalive") == 1, "and is the only one"


async def test_a_service_that_ends_early_has_failed(fake):
    fake.fail = "end"
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")) as pipeline:
        # The model is still writing.
        text = AggregatedTextFrame(CLAUSES[0], "sentence")
        await pipeline.push(LLMFullResponseStartFrame(), text)
        async with asyncio.timeout(20):
            while not pipeline.stage.errors:
                await asyncio.sleep(0)
        assert pipeline.stage.errors[0].error == "it ended early"


async def test_a_voice_cannot_change_the_address(fake):
    async with voice(settings(fake.port)) as wire:
        await wire.update(audio={"output": {"voice": "../x/y?output_format=mp3&a=#"}})
        await answer(wire)
    assert fake.voice == "../x/y?output_format=mp3&a=#"
    assert fake.query["output_format"] == "pcm_24000"


def test_the_alignment_tells_when_each_word_is_spoken() -> None:
    clauses = SpokenClauses()
    for text in ("Hi you.", "我们 go."):
        clauses.add(AggregatedTextFrame(text, TextType.SENTENCE))

    def told(chars: str, audio_ms: int) -> list[object]:
        times = [100.0 * place for place in range(len(chars))]
        alignment = Alignment(chars=list(chars), charStartTimesMs=times)
        return [
            len(part) // 48
            if isinstance(part, bytes)
            else part.words
            if isinstance(part, WordTimesFrame)
            else part.text
            for part in clauses.split(bytes(48 * audio_ms), alignment)
        ]

    assert told("Hi yo", 500) == ["Hi you.", [(0, 0), (2, 300)], 500]
    # A word goes on in the next message; the next clause begins in the middle of it.
    assert told("u. 我们 go.", 800) == [
        300, "我们 go.", [(0, 0), (1, 100), (2, 300)], 500,
    ]  # fmt: skip
