"""`TTSProvider.speak`: one text, outside of any session, by every kind of voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from audio.pcm import duration_ms
from config import TTSConfig
from providers import ProviderFailure, tts
from providers.base import TTSProvider
from tests.providers import tiny_sherpa_voices, tiny_voices
from tests.providers.fakes.edge import redirect
from tests.providers.held import BROKEN, PIECE, HeldVoice
from tests.providers.voice_vendors import CLAUSES, VOICES, Voice

TEXT = "Hello there. How are you?"


@asynccontextmanager
async def started(**group: Any) -> AsyncIterator[TTSProvider]:
    provider = tts.load(TTSConfig(**group))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


async def spoken(provider: TTSProvider, text: str = TEXT, voice: str = "alloy") -> bytes:
    async with aclosing(provider.speak(text, voice)) as pieces:
        return b"".join([piece async for piece in pieces])


def kokoro(folder: Path) -> dict[str, Any]:
    tiny_voices.build_kokoro(folder, {"af_heart": 300.0})
    options = {"voices_path": str(folder / "voices.bin")}
    return {"provider": "kokoro", "model": str(folder / "tiny.onnx"), "options": options}


def piper(folder: Path) -> dict[str, Any]:
    tiny_voices.build_piper(folder / "en_US-one-low.onnx")
    options = {"download_dir": str(folder), "parallel": 3}
    return {"provider": "piper", "voice_id": "en_US-one-low", "options": options}


def sherpa(folder: Path) -> dict[str, Any]:
    return {"provider": "sherpa", "model": str(tiny_sherpa_voices.build_kokoro(folder / "tiny"))}


def flite(folder: Path) -> dict[str, Any]:
    return {"provider": "embedded", "options": {"engine": "espeak"}}


Group = Callable[[Path], dict[str, Any]]


@pytest.mark.parametrize(("group", "parallel"), [(kokoro, 2), (piper, 3), (sherpa, 2), (flite, 1)])
async def test_engines_in_this_process_speak_texts_at_the_same_time(group, parallel, tmp_path):
    async with started(**group(tmp_path)) as provider:
        assert provider.parallel == parallel
        first, second = await asyncio.gather(spoken(provider), spoken(provider))
        assert len(first) == pytest.approx(len(second), rel=0.05)
        assert any(first)
        # Both sentences are in it.
        alone = [await spoken(provider, sentence) for sentence in ("Hello there.", "How are you?")]
        assert duration_ms(first) == pytest.approx(sum(map(duration_ms, alone)), rel=0.2)


@pytest.mark.parametrize("vendor", VOICES, ids=lambda vendor: vendor.name)
async def test_services_elsewhere_speak_too(vendor: Voice, monkeypatch):
    async with vendor.run(monkeypatch, 0) as service:
        async with started(**vendor.group(service.base)) as provider:
            pcm = await spoken(provider, CLAUSES[1])
        service.expect(pcm, CLAUSES[1:2], 0)


async def test_a_service_that_is_down_is_named(monkeypatch):
    redirect(monkeypatch, 9)
    async with started(provider="edge", retries=0) as provider:
        with pytest.raises(ProviderFailure) as failed:
            await spoken(provider)
    assert failed.value.reason.code == "provider_unreachable"


async def test_the_first_sentence_is_heard_while_the_second_is_made():
    voice = HeldVoice()
    async with aclosing(voice.speak(TEXT, "x")) as pieces:
        assert await anext(pieces) == PIECE
        assert voice.asked == ["Hello there."]
        voice.go_on.set()
        rest = [piece async for piece in pieces]
    assert b"".join(rest) == 3 * PIECE
    assert voice.asked == ["Hello there.", "How are you?"]


async def test_what_cannot_be_pronounced_is_silence():
    voice = HeldVoice()
    assert await spoken(voice, "… 🙂 !") == b""
    assert voice.asked == []


async def test_a_failure_in_the_middle_is_raised_behind_what_was_made():
    voice = HeldVoice(failure=BROKEN)
    async with aclosing(voice.speak("Hello.", "x")) as pieces:
        assert await anext(pieces) == PIECE
        voice.go_on.set()
        with pytest.raises(ProviderFailure, match="TTS held failed: the engine broke") as failed:
            await anext(pieces)
    assert failed.value.reason.code == "provider_error"


async def test_closing_the_generator_stops_the_engine():
    voice = HeldVoice()
    async with aclosing(voice.speak(TEXT, "x")) as pieces:
        await anext(pieces)
        await voice.begun.wait()
    assert voice.stopped.is_set()
    assert voice.asked == ["Hello there."]


async def test_a_caller_that_is_cancelled_stops_the_engine():
    voice = HeldVoice(first=0)
    call = asyncio.create_task(spoken(voice))
    await voice.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert voice.stopped.is_set()
