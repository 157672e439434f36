"""Ollama against a loopback server that has its own API beside OpenAI's."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse
from loguru import logger

from providers import llm
from providers.openai_client import SHOWN_CHARACTERS
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


async def test_nothing_of_openais_variables_is_sent_at_the_start(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-for-openai-alone")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-for-openai-alone")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Key: sk-for-openai-alone")
    fake = FakeOllama()
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}").llm)
        await provider.start()
        await provider.close()
    assert len(fake.headers) == 2
    sent = {value for headers in fake.headers for value in headers.values()}
    assert not [value for value in sent if "for-openai-alone" in value]


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
    assert "cannot load llama3.2: Error code: 500. Ollama's log says more" in log.getvalue()
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


HF, SK = "hf_QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUiOp", "sk-proj-0123456789abcdefghijklmnop"
SECRETS = (KEY, HF, SK, "hunter2secret", "topsecretpw")
QUOTING = (
    f"bad {KEY} and Bearer {HF} password=hunter2secret https://user:topsecretpw@host {SK} here"
)


@pytest.mark.parametrize("path", ["/api/generate", "/api/tags"])
@pytest.mark.parametrize("status", [401, 500])
async def test_what_ollama_says_at_the_start_is_logged_as_what_it_says_of_a_response(
    path, status, log
):
    fake = FakeOllama()

    async def refuse(_request: Request) -> JSONResponse:
        return JSONResponse({"error": QUOTING}, status_code=status)

    failing = (path, "/v1/chat/completions")
    fake.app.router.routes[:] = [
        route for route in fake.app.routes if getattr(route, "path", None) not in failing
    ]
    for one in failing:
        fake.app.add_api_route(one, refuse, methods=["GET", "POST"])
    whole = io.StringIO()
    sink = logger.add(whole, level="DEBUG")
    async with serving(fake.app) as port:
        settings = OLLAMA.settings(f"http://127.0.0.1:{port}", retries=0)
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(output_modalities=["text"])
            # At the start there has been no response.
            at_start, since = log.getvalue(), whole.getvalue()
            told = failure(await answer(wire))["message"]
    logger.remove(sink)
    assert f"cannot load llama3.2: Error code: {status}. " in at_start
    assert "bad" not in log.getvalue()
    said = told[told.index("bad ***") : told.index(" here")]
    assert said in since
    for secret in SECRETS:
        assert secret not in whole.getvalue()
        assert secret not in told


async def test_a_key_is_masked_even_where_the_message_is_cut(log):
    fake = FakeOllama()

    async def refuse(_request: Request) -> JSONResponse:
        # The cut would come in the middle of the key.
        return JSONResponse({"error": f"{'x' * (SHOWN_CHARACTERS - 20)} {KEY} {HF}"}, 500)

    fake.app.router.routes[:] = [
        route for route in fake.app.routes if getattr(route, "path", None) != "/api/generate"
    ]
    fake.app.add_api_route("/api/generate", refuse, methods=["POST"])
    whole = io.StringIO()
    sink = logger.add(whole, level="DEBUG")
    async with serving(fake.app) as port:
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}").llm)
        await provider.start()
        await provider.close()
    logger.remove(sink)
    assert "xxx ***" in whole.getvalue()
    assert KEY[:6] not in whole.getvalue()


async def test_what_is_no_http_is_not_quoted(log):
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail of a-private-name\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        provider = llm.load(OLLAMA.settings(f"http://127.0.0.1:{port}").llm)
        await provider.start()
        await provider.close()
    assert "did not answer: … (APIConnectionError). Start it with" in log.getvalue()
    assert "a-private-name" not in log.getvalue()


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
