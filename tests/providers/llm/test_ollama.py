"""Ollama against a loopback server that has its own API beside OpenAI's."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse
from loguru import logger

from providers import llm
from tests.providers.fakes.chat import FakeOllama
from tests.providers.model_vendors import KEY, OLLAMA, answer, failure, text_of
from tests.support.running_server import running, serving
from tests.support.wire_client import client


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    lines = io.StringIO()
    sink = logger.add(lines, level="WARNING")
    yield lines
    logger.remove(sink)


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
async def test_the_model_is_loaded_before_the_first_turn(path, log):
    fake = FakeOllama()
    async with serving(fake.app) as port:
        settings = OLLAMA.settings(f"http://127.0.0.1:{port}{path}", api_key=None)
        async with running(settings) as server, client(server.url) as wire:
            assert fake.loaded == [{"model": "llama3.2", "prompt": "", "stream": False}]
            await wire.update(output_modalities=["text"])
            assert text_of(await answer(wire)) == "Hello from the fake."
    assert log.getvalue() == ""


@pytest.mark.parametrize("model", ["qwen3:8b", "llama3.2:latest"])
async def test_a_model_goes_by_its_name_with_or_without_a_tag(model):
    fake = FakeOllama()
    fake.models = ["qwen3:8b", "llama3.2:latest"]
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}", model=model).llm)
        await provider.start()
        assert [request["model"] for request in fake.loaded] == [model]
        await provider.close()


async def test_a_model_that_is_missing_is_named_with_the_command_that_fetches_it(log):
    fake = FakeOllama()
    fake.models = ["qwen3:8b"]
    async with serving(fake.app) as port:
        settings = OLLAMA.settings(f"http://127.0.0.1:{port}")
        async with running(settings) as server, client(server.url) as wire:
            assert "ollama pull llama3.2" in log.getvalue()
            assert fake.loaded == []
            await wire.update(output_modalities=["text"])
            fake.fault = 404
            error = failure(await answer(wire))["message"]
            assert "try pulling it first" in error
            assert "`ollama pull llama3.2`" in error
            # Fetched in the meantime, it works without a restart.
            fake.fault = None
            assert (await answer(wire))["status"] == "completed"


async def test_a_model_that_cannot_be_loaded_does_not_stop_the_start(log):
    fake = FakeOllama()
    fake.fault = 500
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}").llm)
        await provider.start()
        await provider.close()
    assert "requires more system memory" in log.getvalue()
    assert "REALTIME_LLM__MODEL" in log.getvalue()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_no_proxy_is_told_what_this_machine_is_asked(host, log, monkeypatch):
    fake = FakeOllama()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://{host}:{port}").llm)
        await provider.start()
        await provider.close()
    assert (len(fake.loaded), log.getvalue()) == (1, "")


@pytest.mark.parametrize("loads", [False, True])
async def test_a_warning_does_not_quote_the_key(loads, log):
    fake = FakeOllama()
    told = f"the key {KEY} may not do this"

    async def refuse(_request: Request) -> JSONResponse:
        return JSONResponse({"error": told}, status_code=401)

    path = "/api/generate" if loads else "/api/tags"
    fake.app.router.routes[:] = [
        route for route in fake.app.routes if getattr(route, "path", None) != path
    ]
    fake.app.add_api_route(path, refuse, methods=["GET", "POST"])
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}").llm)
        await provider.start()
        await provider.close()
    assert "the key *** may not do this" in log.getvalue()
    assert KEY not in log.getvalue()


async def test_no_warning_quotes_the_key_that_the_model_s_name_repeats(log):
    fake = FakeOllama()
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}", model=f"x-{KEY}").llm)
        await provider.start()
        await provider.close()
    assert "has no x-***" in log.getvalue()
    assert KEY not in log.getvalue()


async def test_a_server_that_is_down_does_not_stop_the_start(log):
    provider = llm.load(OLLAMA.settings("http://127.0.0.1:9").llm)
    await provider.start()
    await provider.close()
    assert "did not answer: Connection refused. Start it with `ollama serve`" in log.getvalue()


async def test_a_name_that_cannot_be_resolved_is_named(log):
    provider = llm.load(OLLAMA.settings("http://no-such-host.invalid:11434").llm)
    await provider.start()
    await provider.close()
    assert "the name no-such-host.invalid cannot be resolved (" in log.getvalue()
    assert "llm.api_base" in log.getvalue()


async def test_another_server_in_its_place_does_not_stop_the_start(log):
    fake = FakeOllama()
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}/elsewhere").llm)
        await provider.start()
        await provider.close()
    assert "cannot load llama3.2: Error code: 404" in log.getvalue()
    assert "`ollama pull llama3.2`" in log.getvalue()
    assert "REALTIME_LLM__API_BASE" in log.getvalue()


@pytest.mark.parametrize("listed", [None, 7, {}])
async def test_a_list_that_is_none_of_names_does_not_stop_the_start(listed, log):
    fake = FakeOllama()
    fake.models = [listed]
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}").llm)
        await provider.start()
        await provider.close()
    assert "does not answer as Ollama does" in log.getvalue()
