"""One warning at start for each stage whose service does not answer."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from loguru import logger

from tests.support.running_server import running, scripted_settings, serving

DOWN = "http://127.0.0.1:9/v1"
SECRET = "a-key-that-nobody-may-see"


@pytest.fixture
async def warnings() -> AsyncIterator[asyncio.Queue[str]]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    sink = logger.add(lambda line: queue.put_nowait(line.record["message"]), level="WARNING")
    yield queue
    logger.remove(sink)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    lines = io.StringIO()
    sink = logger.add(lines, level="WARNING")
    yield lines
    logger.remove(sink)


async def test_each_stage_that_does_not_answer_is_one_line_with_its_remedy(warnings) -> None:
    settings = scripted_settings(
        stt={"provider": "openai", "api_base": DOWN},
        llm={"provider": "openai", "api_base": DOWN, "model": SECRET, "api_key": SECRET},
    )
    async with running(settings):
        async with asyncio.timeout(30):
            told = sorted([await warnings.get(), await warnings.get()])
    assert told[0].startswith("LLM *** at 127.0.0.1: 127.0.0.1:9 cannot be reached (")
    assert "REALTIME_LLM__API_BASE" in told[0]
    assert told[1].startswith("STT ")
    assert "REALTIME_STT__API_BASE" in told[1]
    assert warnings.empty()


async def test_of_another_stack_it_is_told_which_and_once(warnings) -> None:
    down = {"llm": {"provider": "openai", "api_base": DOWN, "api_key": SECRET}}
    async with running(scripted_settings(stacks={"one": down, "two": down})):
        async with asyncio.timeout(30):
            assert (await warnings.get()).startswith("[stacks.one] LLM ")
    assert warnings.empty()


async def test_ollama_is_named_once(warnings) -> None:
    async with running(scripted_settings(llm={"provider": "ollama", "api_base": DOWN})):
        async with asyncio.timeout(30):
            assert "ollama serve" in await warnings.get()
    assert warnings.empty()


async def test_a_service_that_answers_is_not_mentioned_nor_sent_anything(log) -> None:
    asked: list[str] = []
    app = FastAPI()

    @app.middleware("http")
    async def seen(request, call_next):
        asked.append(request.url.path)
        return await call_next(request)

    async with serving(app) as port:
        base = f"http://127.0.0.1:{port}/v1"
        settings = scripted_settings(llm={"provider": "openai", "api_base": base})
        async with running(settings) as server:
            await server.emptied()
    assert (asked, log.getvalue()) == ([], "")
