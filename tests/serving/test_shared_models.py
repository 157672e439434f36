"""What two stacks load once: the models of those that differ in how a model is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import Settings, load_settings
from providers.base import ProviderSetupError
from providers.in_process.packaged import package_folder
from providers.llm.gguf import GgufModel
from providers.stt.embedded import EmbeddedSTT
from providers.tts.embedded import EmbeddedTTS
from serving.stacks import Stacks
from session.ports import ResponseRequest
from tests.providers.llama.tiny_gguf import make_tiny_gguf
from tests.support.running_server import SCRIPTED, running
from tests.support.wire_client import client

HIBARI = package_folder("hibari") is not None


def two(group: str, first: dict[str, Any], second: dict[str, Any]) -> Settings:
    """The default stack, and one that differs in a group of settings."""
    return load_settings(**{**SCRIPTED, group: first, "stacks": {"two": {group: second}}})


@pytest.mark.skipif(not HIBARI, reason="hibari is not installed")
async def test_two_voices_of_the_embedded_engines_load_them_once() -> None:
    stacks = Stacks(two("tts", {"provider": "embedded"}, {"voice_id": "ash", "timeout_s": 9}))
    first, second = (stack.pipelines.tts for stack in stacks)
    await stacks.start()
    try:
        assert isinstance(first, EmbeddedTTS)
        assert isinstance(second, EmbeddedTTS)
        assert first is not second
        assert first._box is second._box is not None
        assert second.label == first.label
        assert second.voices == first.voices
        second.create("ash")
        await stacks.named[0].pipelines.close()
        async for _pcm in first.create("alloy").speak("Still here."):
            break
        else:
            pytest.fail("it was closed with the other stack")
    finally:
        await stacks.close()


async def test_a_voice_that_a_shared_engine_lacks_is_named_with_its_table() -> None:
    stacks = Stacks(two("tts", {"provider": "embedded"}, {"voice_id": "nobody"}))
    with pytest.raises(ProviderSetupError, match=r"^\[stacks\.two\] stacks\.two\.tts\.voice_id"):
        await stacks.start()


async def test_the_embedded_recogniser_is_loaded_once_for_two_languages() -> None:
    stacks = Stacks(two("stt", {"provider": "embedded"}, {"language": "en", "retries": 3}))
    first, second = (stack.pipelines.stt for stack in stacks)
    await stacks.start()
    try:
        assert isinstance(first, EmbeddedSTT)
        assert isinstance(second, EmbeddedSTT)
        assert first.label == second.label
        loaded, used = vars(first._engine), vars(second._engine)
        if "_hearing" in loaded:
            assert used["_hearing"].engine is loaded["_hearing"].engine
            assert (loaded["_hearing"].language, used["_hearing"].language) == (None, "en")
        else:
            assert used["pool"] is loaded["pool"]
        second.create()
    finally:
        await stacks.close()


async def test_a_gguf_file_is_loaded_once_for_what_each_stack_asks_of_it(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    file = tmp_path / "tiny.gguf"
    make_tiny_gguf(file)
    first: dict[str, Any] = {"provider": "embedded", "model": str(file), "options": {"threads": 1}}
    first |= {"temperature": 0, "context_tokens": 300}
    settings = two("llm", first, {"temperature": 0.5, "context_tokens": 400})
    async with running(settings) as server:
        assert server.manager.llm.context_tokens == 300
        assert isinstance(server.manager.llm, GgufModel)
        [guest] = server.manager.llm._guests
        assert guest.context_tokens == 400
        assert temperature(guest) == 0.5
        assert temperature(server.manager.llm) == 0
        assert guest._process is None, "a second llama.cpp"
        async with client(f"{server.url}?model=two") as wire:
            await wire.say("Hello")
            assert (await wire.until("response.done"))["response"]["status"] == "completed"


def temperature(model: GgufModel) -> Any:
    request = ResponseRequest("resp_1", "", [], spoken=False)
    return model.create(request)._settings.temperature
