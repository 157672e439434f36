"""`STTProvider.transcribe`: one turn, outside of any session, by every kind of recogniser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config import STTConfig
from providers import ProviderFailure, stt
from providers.base import STTProvider
from tests.providers import tiny_moonshine, tiny_sherpa, tiny_whisper
from tests.providers.fakes.deepgram import fake_deepgram
from tests.providers.held import BROKEN, HeldRecogniser
from tests.providers.recogniser_vendors import RECOGNISERS, Recogniser
from tests.providers.stage import speech

TURN = speech("flite-slt_s01")


@asynccontextmanager
async def started(**group: Any) -> AsyncIterator[STTProvider]:
    provider = stt.load(STTConfig(**group))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


def whisper(folder: Path) -> dict[str, Any]:
    tiny_whisper.build(folder, likely=("fr", "en"))
    return {"provider": "whisper", "model": str(folder), "options": {"device": "cpu"}}


def moonshine(folder: Path) -> dict[str, Any]:
    tiny_moonshine.build(folder / "download.moonshine.ai/model/tiny-en/quantized/tiny-en")
    return {"provider": "moonshine", "model": "tiny", "options": {"download_dir": str(folder)}}


def sherpa(folder: Path) -> dict[str, Any]:
    return {"provider": "sherpa", "model": str(tiny_sherpa.build_sense_voice(folder / "tiny"))}


def streaming(folder: Path) -> dict[str, Any]:
    return {"provider": "sherpa", "model": str(tiny_sherpa.build_streaming(folder / "tiny"))}


def pocketsphinx(folder: Path) -> dict[str, Any]:
    return {"provider": "embedded", "options": {"engine": "pocketsphinx", "workers": 1}}


Group = Callable[[Path], dict[str, Any]]


@pytest.mark.parametrize(
    ("group", "parallel"),
    [(whisper, 2), (moonshine, 1), (sherpa, 2), (streaming, 2), (pocketsphinx, 1)],
)
async def test_engines_in_this_process_transcribe_turns_at_the_same_time(group, parallel, tmp_path):
    async with started(**group(tmp_path)) as provider:
        assert provider.parallel == parallel
        found = await asyncio.gather(*(provider.transcribe(TURN) for _ in range(3)))
    assert found[0].text
    assert {one.text for one in found} == {found[0].text}


async def test_language_prompt_and_keywords_reach_the_engine(tmp_path):
    async with started(**whisper(tmp_path)) as provider:
        heard = await provider.transcribe(TURN)
        assert (heard.text, heard.languages) == (tiny_whisper.SENTENCE, ("fr",))
        assert heard.logprobs is None
        told = await provider.transcribe(TURN, "de-AT", "Bo", keywords=["Li"], logprobs=True)
        assert (told.text, told.languages) == (tiny_whisper.SENTENCE, None)
        assert told.logprobs
        among = await provider.transcribe(TURN, ["en", "de"])
        assert among.languages == ("en",)


@pytest.mark.parametrize("vendor", RECOGNISERS, ids=lambda vendor: vendor.name)
async def test_services_elsewhere_transcribe_too(vendor: Recogniser):
    async with vendor.fake() as fake, started(**vendor.group(fake.base)) as provider:
        assert (await provider.transcribe(TURN)).text == vendor.phrase


async def test_a_failure_has_a_reason_and_a_code():
    recogniser = HeldRecogniser(BROKEN)
    recogniser.go_on.set()
    with pytest.raises(ProviderFailure, match="STT held failed: the engine broke") as failed:
        await recogniser.transcribe(TURN)
    assert failed.value.reason.code == "provider_error"
    # What a service said may repeat what it was sent: it is not for the log.
    assert "quoted its user" not in failed.value.reason.for_log


async def test_a_refused_key_is_told_from_other_failures():
    async with fake_deepgram(status=401) as fake:
        group = {"provider": "deepgram", "api_base": fake.base, "api_key": "another"}
        async with started(**group) as provider:
            with pytest.raises(ProviderFailure) as failed:
                await provider.transcribe(TURN)
    assert failed.value.reason.code == "invalid_api_key"


async def test_a_call_that_is_cancelled_stops_the_engine():
    recogniser = HeldRecogniser()
    call = asyncio.create_task(recogniser.transcribe(TURN))
    await recogniser.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert recogniser.stopped.is_set()


async def test_a_time_limit_is_the_callers():
    recogniser = HeldRecogniser()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await recogniser.transcribe(TURN)
