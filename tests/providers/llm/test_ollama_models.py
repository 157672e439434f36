"""Ollama's models are listed and fetched by its own API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.llm.ollama_models import OllamaFailure, OllamaModels, Pulled
from tests.serving.fake_ollama import FakeOllama, fake_ollama

KEY = "a-key-of-the-proxy"


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
def test_models_are_known_by_both_of_their_names(ollama: FakeOllama, base: str) -> None:
    ollama.models = ["llama3.2", "qwen2.5:7b"]
    models = OllamaModels(f"{ollama.address}{base}", None)
    assert models.names() == {"llama3.2", "llama3.2:latest", "qwen2.5:7b"}


def test_a_model_is_fetched_with_progress_over_all_its_parts(ollama: FakeOllama) -> None:
    models = OllamaModels(ollama.address, KEY)
    seen = list(models.pull("llama3.2"))
    assert seen == [Pulled(0, 100), Pulled(50, 100), Pulled(100, 100), Pulled(100, 400)]
    assert "llama3.2" in models.names()
    assert ollama.keys == [f"Bearer {KEY}"]


def test_why_it_cannot_be_fetched_is_said_without_the_key(ollama: FakeOllama) -> None:
    ollama.refusal = f"no such model for {KEY}"
    with pytest.raises(OllamaFailure, match=r"^no such model for \*\*\*$"):
        list(OllamaModels(ollama.address, KEY).pull("nobody"))


def test_one_that_breaks_off_is_not_taken_for_complete(ollama: FakeOllama) -> None:
    ollama.cut = True
    with pytest.raises(OllamaFailure, match="before the model was complete"):
        list(OllamaModels(ollama.address, None).pull("llama3.2"))


def test_another_server_is_not_taken_for_ollama(ollama: FakeOllama) -> None:
    with pytest.raises(OllamaFailure, match="HTTP 404"):
        OllamaModels(f"{ollama.address}/elsewhere", None).names()
    with pytest.raises(OllamaFailure, match="refused"):
        OllamaModels("http://127.0.0.1:9", None).names()
