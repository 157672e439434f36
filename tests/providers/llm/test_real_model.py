"""The product in front of a real llama.cpp, under both names that users would choose for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.providers.llama.running import MODEL, llama_server
from tests.providers.llama.tiny_gguf import SENTENCE
from tests.providers.model_vendors import OLLAMA, OPENAI, answer, failure, text_of
from tests.support.running_server import RunningServer, running
from tests.support.wire_client import client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin(tmp_path_factory) -> AsyncIterator[str]:
    async with llama_server(tmp_path_factory.mktemp("model")) as origin:
        yield origin


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[OPENAI, OLLAMA], ids=["openai", "ollama"]
)
async def server(request, origin) -> AsyncIterator[RunningServer]:
    async with running(request.param.settings(origin, model=MODEL)) as server:
        yield server


async def test_a_spoken_turn_is_answered_by_the_model(server):
    async with client(server.url) as wire:
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed", done["status_details"]
        assert done["output"][0]["content"][0]["transcript"] == SENTENCE
        assert len(wire.of("response.output_audio_transcript.delta")) > 3, "as it streams"
        assert wire.of("response.output_audio.delta")
        # Ten words and marks, and the end of the text.
        assert done["usage"]["output_token_details"]["text_tokens"] == 11
        assert done["usage"]["input_token_details"]["text_tokens"] > 11


async def test_the_conversation_goes_on(server):
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        first = await answer(wire)
        second = await answer(wire, "and then?")
        assert second["status"] == "completed"
        assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


async def test_the_model_may_speak_first(server):
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"], instructions="Greet the caller.")
        await wire.send("response.create")
        assert text_of((await wire.until("response.done"))["response"]) == SENTENCE


async def test_a_limit_ends_the_answer_where_the_model_counts_it(server):
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"], max_output_tokens=3)
        done = await answer(wire)
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert text_of(done) == "Hello there."


@pytest.mark.parametrize("vendor", [OPENAI, OLLAMA], ids=["openai", "ollama"])
async def test_a_model_it_does_not_have(vendor, origin):
    missing = replace(vendor, model="huge")
    async with running(missing.settings(origin)) as server, client(server.url) as wire:
        error = failure(await answer(wire))
        assert error["code"] == "invalid_request"
        assert 'model "huge" not found' in error["message"]
        remedy = "ollama pull huge" if vendor is OLLAMA else "REALTIME_LLM__MODEL"
        assert remedy in error["message"]
