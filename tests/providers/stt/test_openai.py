"""The recogniser of an OpenAI-compatible server: what fails, how it is told, and recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response

from tests.providers.speaking import free_port, mute_server
from tests.support.running_server import running, scripted_settings, serving
from tests.support.wire_client import WireClient, client, speech

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


class FakeTranscription:
    """`/v1/audio/transcriptions`, with a fault for the asking."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.post("/v1/audio/transcriptions")(self.transcribe)
        self.fault: str | int | None = None
        self.faults_left = 1000
        self.requests = 0

    async def transcribe(self) -> Response:
        self.requests += 1
        if self.fault is not None and self.faults_left:
            self.faults_left -= 1
            return await self._fail(self.fault)
        return JSONResponse({"text": "what was said"})

    async def _fail(self, fault: str | int) -> Response:
        match fault:
            case int():
                return JSONResponse({"detail": "the fake refuses"}, fault)
            case "page":
                return HTMLResponse("<html>Welcome to nginx!</html>")
            case "shape":
                return JSONResponse({"result": 1})
            case "broken":
                return Response('{"text": "half', media_type="application/json")
            case _:
                await asyncio.Event().wait()
                raise AssertionError


@asynccontextmanager
async def talking(base: str, **changed: Any) -> AsyncIterator[WireClient]:
    group = {
        "provider": "openai",
        "api_base": f"{base}/v1",
        "api_key": "sk-key",
        "model": "whisper-x",
        "retries": 0,
        "timeout_s": 0.5,
        "connect_timeout_s": 0.5,
        **changed,
    }
    settings = scripted_settings(stt=group, vad={"speculative": False})
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "m"}}})
        yield wire


async def turn(wire: WireClient) -> None:
    await wire.append(speech())
    await wire.until("response.done")


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (401, "invalid_api_key", "OPENAI_API_KEY or stt.api_key"),
        (404, "invalid_request", "stt.model"),
        (429, "rate_limit_exceeded", "the fake refuses"),
        (500, "provider_error", "the fake refuses"),
        ("page", "provider_error", "Welcome to nginx!"),
        ("shape", "provider_error", "no transcription"),
        ("broken", "provider_error", "whisper-x at 127.0.0.1"),
        ("hang", "provider_unreachable", "stt.api_base"),
    ],
)
async def test_a_failure_is_named_and_the_next_turn_works(fault, code, words):
    fake = FakeTranscription()
    fake.fault = fault
    async with serving(fake.app) as port, talking(f"http://127.0.0.1:{port}") as wire:
        await turn(wire)
        (failed,) = wire.of(FAILED)
        assert failed["error"]["code"] == code
        assert failed["error"]["message"].startswith("STT whisper-x at 127.0.0.1 failed: ")
        assert words in failed["error"]["message"]
        assert wire.of("response.done")[0]["response"]["status"] == "failed"
        fake.fault = None
        await turn(wire)
        assert [event["transcript"] for event in wire.of(COMPLETED)] == ["what was said"]
        assert wire.of("response.done")[1]["response"]["status"] == "completed"


async def test_a_server_that_is_down_is_named_and_the_next_turn_works():
    port = free_port()
    async with talking(f"http://127.0.0.1:{port}") as wire:
        await turn(wire)
        (failed,) = wire.of(FAILED)
        assert failed["error"]["code"] == "provider_unreachable"
        async with serving(FakeTranscription().app, port):
            await turn(wire)
            assert wire.of(COMPLETED)


async def test_a_server_that_does_not_shake_hands_is_given_up():
    async with mute_server() as port, talking(f"https://127.0.0.1:{port}") as wire:
        await turn(wire)
        (failed,) = wire.of(FAILED)
        assert failed["error"]["code"] == "provider_unreachable"


async def test_one_failure_is_tried_again_but_a_refusal_is_not():
    fake = FakeTranscription()
    fake.fault, fake.faults_left = 500, 1
    async with serving(fake.app) as port, talking(f"http://127.0.0.1:{port}", retries=1) as wire:
        await turn(wire)
        assert wire.of(COMPLETED)
        assert fake.requests == 2
        fake.fault, fake.faults_left = 401, 1
        await turn(wire)
        assert wire.of(FAILED)
        assert fake.requests == 3


async def test_openai_s_key_goes_to_nobody_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    seen: list[str] = []

    class Listening(FakeTranscription):
        def __init__(self) -> None:
            super().__init__()
            self.app.middleware("http")(self._note)

        async def _note(self, request: Any, call_next: Any) -> Any:
            seen.append(request.headers["authorization"])
            return await call_next(request)

    async with (
        serving(Listening().app) as port,
        talking(f"http://127.0.0.1:{port}", api_key=None) as wire,
    ):
        await turn(wire)
    assert seen == ["Bearer none"]
