"""Which Ollama is looked for, and which of its models is offered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Response

from serving.ollama_offer import OllamaHere, find_ollama, local_address
from tests.support.running_server import serving


@asynccontextmanager
async def listing(answer: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """An Ollama that lists `answer`; yields its origin."""
    app = FastAPI()

    @app.get("/api/tags")
    async def tags() -> Any:
        return answer

    async with serving(app) as port:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{port}")
        # A proxy must not be asked about this machine.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":8080", "http://127.0.0.1:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("192.168.1.7", None),
        ("https://ollama.example", None),
        ("localhost.example.com", None),
        ("127.0.0.1:many", None),
    ],
)
def test_only_this_machine_is_asked(host: str, address: str | None) -> None:
    assert local_address(host) == address


@pytest.mark.parametrize(
    ("models", "offered"),
    [
        ([{"name": "qwen3:8b"}, {"name": "llama3.2:latest"}], "qwen3:8b"),
        ([{"name": "nomic-embed-text:latest"}, {"name": "llama3.2:latest"}], "llama3.2:latest"),
        # These answer on other machines.
        ([{"name": "gpt-oss:120b-cloud"}, {"name": "own:1b"}], "own:1b"),
        ([{"name": "big:1t", "remote_host": "https://ollama.com"}], None),
        # What a shell would do something with is not put into a command.
        ([{"name": "x; rm -rf ~"}, {"name": 7}, {}, "x"], None),
        ([], None),
    ],
)
async def test_a_model_is_offered_that_is_there(
    models: Any, offered: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listing({"models": models}, monkeypatch) as origin:
        assert await find_ollama() == OllamaHere(origin, offered)


@pytest.mark.parametrize(
    "answer",
    [
        {"models": None},
        [],
        Response("<html>", media_type="text/html"),
        Response(status_code=500),
        Response(b"[" * 100_000, media_type="application/json"),
        Response(b" " * (2 << 20), media_type="application/json"),
    ],
    ids=["no list", "array", "page", "error", "nested", "long"],
)
async def test_what_answers_otherwise_is_no_ollama(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listing(answer, monkeypatch):
        assert await find_ollama() is None


async def test_a_start_does_not_wait_for_what_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with silent:
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        assert await find_ollama() is None
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    assert await find_ollama() is None
