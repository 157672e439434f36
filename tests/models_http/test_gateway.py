"""Gateways: this server's own `openai` providers, pointed at a server of models."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from providers.in_process.stoppable_session import StoppableSession
from providers.in_process.stopping import halted_by
from tests.providers import tiny_moonshine, tiny_sherpa, tiny_voices, tiny_whisper
from tests.providers.engines import HEARD, UNHEARD, commit, listen
from tests.providers.held import BROKEN, HeldRecogniser, HeldVoice
from tests.providers.speaking import answer, audio, failure
from tests.support.model_server import Models, models
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

ANSWER = "Hello there. How are you?"
TINY_EN = "download.moonshine.ai/model/tiny-en/quantized/tiny-en"


def whisper(folder: Path) -> dict[str, Any]:
    tiny_whisper.build(folder)
    return {"provider": "whisper", "model": str(folder), "options": {"device": "cpu"}}


def moonshine(folder: Path) -> dict[str, Any]:
    tiny_moonshine.build(folder / TINY_EN)
    return {"provider": "moonshine", "model": "tiny", "options": {"download_dir": str(folder)}}


def sherpa(folder: Path) -> dict[str, Any]:
    return {"provider": "sherpa", "model": str(tiny_sherpa.build_sense_voice(folder / "tiny"))}


def kokoro(folder: Path) -> dict[str, Any]:
    tiny_voices.build_kokoro(folder, {"af_heart": 300.0})
    options = {"voices_path": str(folder / "voices.bin")}
    return {"provider": "kokoro", "model": str(folder / "tiny.onnx"), "options": options}


def piper(folder: Path) -> dict[str, Any]:
    tiny_voices.build_piper(folder / "en_US-one-low.onnx")
    options = {"download_dir": str(folder)}
    return {"provider": "piper", "voice_id": "en_US-one-low", "options": options}


def embedded(folder: Path) -> dict[str, Any]:
    return {"provider": "embedded"}


Engine = Callable[[Path], dict[str, Any]]


@asynccontextmanager
async def gateway(server: Models, **changed: Any) -> AsyncIterator[WireClient]:
    """A session of a gateway that uses a server of models."""
    there = {"provider": "openai", "api_base": server.base, "retries": 0}
    settings: Settings = scripted_settings(
        stt=there, tts={**there, **changed}, llm={"text": ANSWER}, vad={"speculative": False}
    )
    async with running(settings) as own, client(own.url) as wire:
        yield wire


@pytest.mark.parametrize("engine", [whisper, moonshine, sherpa, embedded])
async def test_a_turn_is_heard_by_the_engine_elsewhere_as_it_is_here(engine, tmp_path):
    stt = {**engine(tmp_path), "timeout_s": 60}
    async with running(scripted_settings(stt=stt)) as here, client(here.url) as wire:
        await listen(wire)
        await commit(wire)
        heard_here = (await wire.until(HEARD))["transcript"]
    assert heard_here
    async with models(scripted_settings(stt=stt)) as server, gateway(server) as wire:
        await listen(wire)
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == heard_here


@pytest.mark.parametrize("engine", [kokoro, piper, embedded])
async def test_an_answer_is_spoken_by_the_engine_elsewhere_as_it_is_here(engine, tmp_path):
    tts = {**engine(tmp_path), "timeout_s": 60}
    script = {"text": ANSWER}
    async with (
        running(scripted_settings(tts=tts, llm=script)) as here,
        client(here.url) as wire,
    ):
        assert (await answer(wire))["status"] == "completed"
        spoken_here = audio(wire)
    async with models(scripted_settings(tts=tts)) as server, gateway(server) as wire:
        assert (await answer(wire))["status"] == "completed"
        spoken = audio(wire)
        assert await server.counted("tts", "completed") == 2
    assert any(spoken)
    # A sentence more or less of the engines' own silence is trimmed where clauses meet.
    assert len(spoken) == pytest.approx(len(spoken_here), rel=0.1)


@pytest.mark.parametrize("engine", [kokoro, piper])
async def test_a_client_that_goes_stops_the_model_within_a_clause(engine, tmp_path, monkeypatch):
    computing = threading.Event()
    run = StoppableSession.run

    def endless(session: StoppableSession, outputs: Any, inputs: Any) -> Any:
        stopped = threading.Event()
        with halted_by(stopped.set):
            computing.set()
            # So long no test takes: it is stopped, or the engine is never idle.
            stopped.wait(600)
        return run(session, outputs, inputs)

    tts = {**engine(tmp_path), "timeout_s": 600}
    async with models(scripted_settings(tts=tts), kinds=("tts",)) as server:
        monkeypatch.setattr(StoppableSession, "run", endless)
        body = {"input": ANSWER, "model": "tts-1", "voice": "alloy", "response_format": "pcm"}
        call = asyncio.create_task(server.post("/v1/audio/speech", json=body))
        assert await asyncio.to_thread(computing.wait, 60)
        call.cancel()
        await server.idle()
        assert await server.counted("tts", "abandoned") == 1


async def test_a_recogniser_that_hangs_is_waited_for_once():
    """The attempt that was begun at the pause is the turn's own: no second wait follows it."""
    recogniser = HeldRecogniser()
    async with models(stt=recogniser) as server:
        stt = {"provider": "openai", "api_base": server.base, "retries": 0, "timeout_s": 1}
        settings = scripted_settings(stt=stt, vad={"speculative": True})
        async with running(settings) as own, client(own.url) as wire:
            transcription = {"model": "whisper-1"}
            await wire.update(audio={"input": {"transcription": transcription}})
            await wire.append(speech())
            await wire.until(UNHEARD)
    assert len(recogniser.asked) == 1


async def test_an_interruption_reaches_the_engine():
    voice = HeldVoice()
    async with models(tts=voice) as server, gateway(server) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        await wire.send("response.cancel")
        await wire.until("response.done")
        await voice.stopped.wait()
        await server.idle()
        assert await server.counted("tts", "abandoned") >= 1


async def test_a_failure_elsewhere_is_told_to_the_client():
    voice, recogniser = HeldVoice(failure=BROKEN), HeldRecogniser(BROKEN)
    voice.go_on.set()
    recogniser.go_on.set()
    async with models(tts=voice, stt=recogniser) as server, gateway(server) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "cut in the middle" in error["message"]
        await listen(wire)
        await commit(wire)
        unheard = (await wire.until(UNHEARD))["error"]
        assert unheard["code"] == "provider_error"
        assert "the engine broke" in unheard["message"]


async def test_the_voices_elsewhere_are_those_of_the_gateway():
    voice = HeldVoice()
    voice.voices = frozenset({"anna", "bert"})
    voice.named_voices = {"alloy": "anna"}
    async with models(tts=voice) as server:
        there = {"provider": "openai", "api_base": server.base}
        async with running(scripted_settings(tts=there)) as own, plain_http() as http:
            listed = (await http.get(f"{own.http}/v1/audio/voices")).json()
    assert {"alloy", "anna", "bert"} <= set(listed["voices"])
