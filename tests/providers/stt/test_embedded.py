"""The embedded recogniser with Whisper: what it understands, what it takes for noise, its files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from pipecat.frames.frames import TranscriptionFrame

from config import STTConfig
from providers.frames import TurnCommittedFrame, TurnDiscardedFrame
from providers.stt.embedded import EmbeddedSTT
from providers.stt.packaged_models import BASE, TINY_EN
from session.ports import TranscriptionSettings
from tests.providers.engines import HEARD, commit, listen, with_stt
from tests.providers.noises import noises
from tests.providers.stage import running as running_stage
from tests.providers.stage import speech, transcripts
from tests.support.running_server import running
from tests.support.wire_client import client

pytestmark = pytest.mark.asyncio(loop_scope="module")

needs_whisper = pytest.mark.skipif(
    TINY_EN.lacking() is not None, reason=f"Whisper tiny.en is not installed: {TINY_EN.install}"
)
needs_base = pytest.mark.skipif(
    BASE.lacking() is not None, reason=f"Whisper base is not installed: {BASE.install}"
)
RATE = 16000


def words(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign == " ").strip()


def pcm(samples: Any) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


@asynccontextmanager
async def started(**group: Any) -> AsyncIterator[EmbeddedSTT]:
    provider = EmbeddedSTT(STTConfig(**group))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tiny() -> AsyncIterator[EmbeddedSTT]:
    async with started(options={"engine": "whisper"}) as provider:
        yield provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def base() -> AsyncIterator[EmbeddedSTT]:
    async with started(model="base") as provider:
        yield provider


async def hear(
    provider: EmbeddedSTT, audio: bytes, settings: TranscriptionSettings | None = None
) -> TranscriptionFrame:
    """Return what is understood of a turn."""
    async with running_stage(provider.create()) as pipeline:
        await pipeline.push(TurnCommittedFrame("turn", audio, settings or TranscriptionSettings()))
        (final,) = await pipeline.stage.until(TranscriptionFrame)
    return final


@needs_whisper
@pytest.mark.parametrize("name", sorted(transcripts()))
async def test_every_word_is_understood(tiny: EmbeddedSTT, name: str) -> None:
    said = transcripts()[name]
    assert words((await hear(tiny, speech(name))).text) == said


@needs_base
async def test_the_multilingual_model_tells_the_language(base: EmbeddedSTT) -> None:
    final = await hear(base, speech("flite-slt_s10"))
    assert words(final.text) == transcripts()["flite-slt_s10"]
    assert final.metadata["languages"] == ("en",)


@needs_whisper
async def test_what_is_said_comes_over_the_socket_with_log_probabilities() -> None:
    async with running(with_stt(provider="embedded")) as server, client(server.url) as wire:
        assert server.manager.stt.label == "embedded (Whisper tiny.en, English)"
        await listen(wire)
        await wire.update(include=["item.input_audio_transcription.logprobs"])
        await commit(wire)
        done = await wire.until(HEARD)
    assert words(done["transcript"]) == "hello how are you doing today"
    assert "".join(one["token"] for one in done["logprobs"]).strip() == done["transcript"]
    assert all(-3 < one["logprob"] <= 0 for one in done["logprobs"])
    assert "languages" not in done


@needs_whisper
@pytest.mark.parametrize("name", sorted(noises()))
async def test_noise_is_no_transcript(tiny: EmbeddedSTT, name: str) -> None:
    final = await hear(tiny, pcm(noises()[name]), TranscriptionSettings(logprobs=True))
    assert (final.text, final.metadata["logprobs"]) == ("", ())


@needs_base
@pytest.mark.parametrize("name", sorted(noises())[::4])
async def test_noise_is_no_transcript_in_any_language(base: EmbeddedSTT, name: str) -> None:
    final = await hear(base, pcm(noises()[name]))
    assert (final.text, final.metadata["languages"]) == ("", ())


@needs_whisper
@pytest.mark.parametrize("audio", [b"", b"\x01", bytes(2), bytes(320)])
async def test_less_than_a_sound_is_no_transcript(tiny: EmbeddedSTT, audio: bytes) -> None:
    assert (await hear(tiny, audio)).text == ""


@needs_whisper
async def test_a_turn_longer_than_the_window_is_understood_to_its_end(tiny: EmbeddedSTT) -> None:
    said = sorted(transcripts())
    pause = bytes(2 * RATE * 4)
    long = b"".join(speech(name) + pause for name in (*said, *reversed(said)))
    assert len(long) > 2 * RATE * 35
    understood = words((await hear(tiny, long)).text)
    assert understood.split() == [
        word for name in (*said, *reversed(said)) for word in transcripts()[name].split()
    ]


@needs_whisper
async def test_a_discarded_turn_that_waits_is_never_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from providers.stt.short_window import ShortWindow

    decoded: list[int] = []
    real = ShortWindow.transcribe
    loop = asyncio.get_running_loop()
    release, began = asyncio.Event(), asyncio.Event()

    def watched(engine: Any, samples: Any, wishes: Any) -> Iterator[Any]:
        decoded.append(len(samples))
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        yield from real(engine, samples, wishes)

    async with started(options={"engine": "whisper", "workers": 1}) as provider:
        monkeypatch.setattr(ShortWindow, "transcribe", watched)
        async with running_stage(provider.create()) as pipeline:
            first, unwanted, last = (speech(name) for name in sorted(transcripts()))
            await pipeline.push(TurnCommittedFrame("first", first))
            await began.wait()
            await pipeline.push(TurnCommittedFrame("unwanted", unwanted))
            await pipeline.push(TurnDiscardedFrame("unwanted"), TurnCommittedFrame("last", last))
            release.set()
            await pipeline.stage.until(TranscriptionFrame, 1, "last")
    assert decoded == [len(first) // 2, len(last) // 2]
