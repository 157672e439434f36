"""How long a failing service is waited for, and what is never shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from config import ConfigError, load_settings
from serving.check_verdicts import table
from serving.stack_check import check
from tests.support.fake_openai import FakeOpenAI
from tests.support.running_server import SCRIPTED, running, scripted_settings, serving
from tests.support.wire_client import WireClient, client

KEY = "given-by-the-operator"


def group(port: int, **changed: Any) -> dict[str, Any]:
    base = {"provider": "openai", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": KEY}
    return {**base, "model": "llama-x", **changed}


@asynccontextmanager
async def asking(app: FastAPI, **changed: Any) -> AsyncIterator[WireClient]:
    async with serving(app) as port:
        settings = scripted_settings(llm=group(port, **changed))
        async with running(settings) as server, client(server.url) as wire:
            yield wire


async def answer(wire: WireClient) -> dict[str, Any]:
    await wire.say("hi")
    response: dict[str, Any] = (await wire.until("response.done"))["response"]
    return response


async def test_a_second_attempt_after_a_time_out_gets_its_time():
    fake = FakeOpenAI()
    attempts = 0

    @fake.app.middleware("http")
    async def slow(request: Request, call_next: Any) -> Response:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await asyncio.Event().wait()
        # Longer than the watchdog leaves between two pieces, shorter than the time-out.
        await asyncio.sleep(1.2)
        answered: Response = await call_next(request)
        return answered

    async with asking(fake.app, timeout_s=1.5, retries=1) as wire:
        assert (await answer(wire))["status"] == "completed"
    assert attempts == 2


@pytest.mark.parametrize(("status", "attempts"), [(429, 1), (503, 2)])
async def test_nobody_waits_for_as_long_as_a_service_asks(status, attempts):
    app = FastAPI()
    asked = 0

    @app.post("/v1/chat/completions")
    async def refuse() -> Response:
        nonlocal asked
        asked += 1
        error = {"message": "come back later", "code": "x"}
        return JSONResponse({"error": error}, status, {"Retry-After": "50"})

    async with asking(app, retries=1) as wire:
        error = (await answer(wire))["status_details"]["error"]
        assert error["code"] in ("rate_limit_exceeded", "provider_error")
        assert "come back later" in error["message"]
    assert asked == attempts


@pytest.mark.parametrize(
    ("header", "asked", "waited"),
    [
        ("Retry-After", "1", True),
        ("Retry-After", "2", True),
        ("Retry-After", "3", False),
        ("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT", False),
        ("Retry-After", "nan", False),
        ("Retry-After-Ms", "1500", True),
        ("Retry-After-Ms", "3600000", False),
    ],
)
async def test_a_short_wait_that_a_service_asks_for_is_kept(header, asked, waited, monkeypatch):
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def refuse() -> Response:
        return JSONResponse({"error": {"message": "full"}}, 503, {header: asked})

    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with asking(app, retries=1) as wire:
        with monkeypatch.context() as patch:
            # What OpenAI's library waits by.
            patch.setattr("openai._base_client.anyio.sleep", sleep)
            await answer(wire)
    seconds = float(asked) / 1000 if header.endswith("Ms") else float(asked) if waited else 0
    assert (waits == [seconds]) if waited else (len(waits) == 1 and waits[0] <= 1)


async def test_no_credit_is_not_too_many_requests():
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def refuse() -> Response:
        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        return JSONResponse({"error": error}, 429)

    async with asking(app) as wire:
        error = (await answer(wire))["status_details"]["error"]
        assert error["code"] == "insufficient_quota"
        assert "credit" in error["message"]


async def test_a_key_that_a_service_quotes_reaches_no_client():
    fake = FakeOpenAI()
    fake.status, fake.refusal = 401, f"who is {KEY}?"
    async with asking(fake.app) as wire:
        message = (await answer(wire))["status_details"]["error"]["message"]
        assert "who is ***?" in message
        assert KEY not in message


@pytest.mark.parametrize("shown", [f"{KEY[:6]}***{KEY[-4:]}", f"{KEY[:5]}...", "wrong***g123"])
async def test_a_part_of_a_key_that_a_service_shows_reaches_no_client(shown):
    fake = FakeOpenAI()
    fake.status, fake.refusal = 401, f"Incorrect API key provided: {shown}."
    async with asking(fake.app) as wire:
        message = (await answer(wire))["status_details"]["error"]["message"]
        assert "the API key was refused. Check llm.api_key" in message
        assert shown not in message


def test_a_key_is_read_without_the_line_break_of_its_file(monkeypatch):
    monkeypatch.setenv("DEEPGRAM_API_KEY", f"{KEY}\n")
    assert load_settings(stt={"provider": "deepgram"}).stt.resolved_key() == KEY


@pytest.mark.parametrize("key", ["secret\nsecret", "sécret-key", "secret\x00key"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key, monkeypatch):
    monkeypatch.setenv("REALTIME_STT__API_KEY", "")
    config = load_settings(stt={"provider": "deepgram", "api_key": key}).stt
    with pytest.raises(ConfigError, match="deepgram") as complaint:
        config.resolved_key()
    assert "cret" not in str(complaint.value)


async def test_a_check_ends_even_if_the_answer_does_not(monkeypatch):
    monkeypatch.setattr("serving.stage_trials.LONGEST_ANSWER_S", 0)
    brief = {"timeout_s": 0.5, "connect_timeout_s": 0.1, "retries": 0}
    fake = FakeOpenAI()
    fake.reply = ["on", " and "] * 1_000_000
    async with serving(fake.app) as port:
        groups = {**SCRIPTED, "llm": group(port, **brief), "tts": {**SCRIPTED["tts"], **brief}}
        verdicts = await check(load_settings(**groups))
    assert verdicts[-1].error is None
    assert "on and on" in table(verdicts)
