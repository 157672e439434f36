"""A GGUF file of the user's own, in the llama.cpp that Python's package brings."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config import LLMConfig
from providers import llm
from providers.base import ProviderSetupError
from providers.llm.gguf import GgufModel
from tests.providers.llama.tiny_gguf import SENTENCE, make_tiny_gguf
from tests.providers.model_vendors import TOOLS, answer, text_of
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.server_process import server_process
from tests.support.wire_client import client

in_one_loop = pytest.mark.asyncio(loop_scope="module")
"""For tests that share the server, which lives in the loop of the module."""
GONE_S = 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("models") / "tiny.gguf"
    make_tiny_gguf(file)
    return file


@pytest.fixture(scope="module")
async def server(model: Path) -> AsyncIterator[RunningServer]:
    pytest.importorskip("xllamacpp")
    settings = scripted_settings(
        llm={
            "provider": "embedded",
            "model": str(model),
            "temperature": 0,
            "context_tokens": 1000,
            "options": {"threads": 1},
        }
    )
    async with running(settings) as running_server:
        yield running_server


def provider_of(server: RunningServer) -> GgufModel:
    found = server.manager.llm
    assert isinstance(found, GgufModel)
    return found


def process_of(provider: GgufModel) -> Any:
    return provider._process


@in_one_loop
async def test_it_answers_and_its_tokens_are_counted(server: RunningServer):
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        done = await answer(wire)
        assert text_of(done).strip() == SENTENCE
        assert done["usage"]["output_tokens"] > 5
        assert done["usage"]["input_tokens"] > 0


@in_one_loop
async def test_tools_and_an_assistant_s_words_before_the_user_s_do_no_harm(server: RunningServer):
    """The templates of many models refuse them as a client may send them."""
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"], tools=TOOLS, tool_choice="auto")
        for role, kind in (
            ("assistant", "output_text"),
            ("user", "input_text"),
            ("user", "input_text"),
        ):
            item = {"type": "message", "role": role, "content": [{"type": kind, "text": "Well."}]}
            await wire.send("conversation.item.create", item=item)
        assert (await answer(wire))["status"] == "completed"


@in_one_loop
async def test_a_long_conversation_is_cut_to_what_the_model_reads(server: RunningServer):
    assert server.manager.capabilities.context_tokens == 1000
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"], instructions="Be brief.")
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "word " * 1000}],
        }
        for _turn in range(4):
            await wire.send("conversation.item.create", item=item)
        assert (await answer(wire))["status"] == "completed"


@in_one_loop
async def test_what_it_cannot_do_is_refused_by_name(server: RunningServer):
    assert not server.manager.capabilities.images
    assert not server.manager.capabilities.reasoning
    assert not server.manager.llm.for_trial
    assert "tiny.gguf" in server.manager.llm.label


@in_one_loop
async def test_nobody_without_the_key_can_use_it(server: RunningServer):
    address = process_of(provider_of(server)).address
    assert address.startswith("http://127.0.0.1:")
    body = {"messages": [{"role": "user", "content": "hi"}]}
    async with httpx.AsyncClient(verify=False, trust_env=False, base_url=address) as http:
        for headers in ({}, {"Authorization": "Bearer none"}):
            for path in ("/v1/chat/completions", "/completion", "/v1/embeddings", "/tokenize"):
                assert (await http.post(path, json=body, headers=headers)).status_code == 401
            for path in ("/v1/models", "/props", "/slots", "/metrics"):
                assert (await http.get(path, headers=headers)).status_code == 401
    (key,) = provider_of(server).secrets
    assert key.encode() not in command_of(process_of(provider_of(server)).pid)


@in_one_loop
async def test_one_that_dies_is_started_again(server: RunningServer, lines: list[str]):
    before = process_of(provider_of(server))
    os.kill(before.pid, signal.SIGTERM)
    async with asyncio.timeout(60):
        while process_of(provider_of(server)) is before:
            await asyncio.sleep(0.05)
    assert any("llama.cpp ended" in line for line in lines)
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        assert text_of(await answer(wire)).strip() == SENTENCE


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@in_one_loop
async def test_it_ends_with_the_server(model: Path, end: signal.Signals):
    pytest.importorskip("xllamacpp")
    variables = {"REALTIME_LLM__PROVIDER": "embedded", "REALTIME_LLM__MODEL": str(model)}
    async with server_process(**variables) as started:
        parent = started.process.pid
        (child,) = children(parent, b"llama_worker.py")
        started.process.send_signal(end)
        await started.ended()
        async with asyncio.timeout(GONE_S):
            while is_alive(child):
                await asyncio.sleep(0.05)


def half(model: Path, file: Path) -> Path:
    whole = model.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return file


def command_of(number: int) -> bytes:
    """A process's arguments, as everybody on the machine may read them."""
    file = Path(f"/proc/{number}/cmdline")
    return file.read_bytes() if file.exists() else b""


def children(parent: int, program: bytes) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) == parent and program in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


def is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, 'There is no file .*GGUF file.*llm.provider = "ollama"'),
        (b"", "is no GGUF file.*REALTIME_LLM__MODEL"),
        (b"PK\x03\x04 an archive", "is no GGUF file"),
    ],
)
def test_what_is_no_model_is_refused_with_the_remedy(content, named, tmp_path: Path):
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ProviderSetupError, match=named):
        llm.load(LLMConfig(model=str(file)))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"options": {"threads": 0}}, "llm.options.threads: must be at least 1"),
        ({"options": {"gpu_layers": -2}}, "llm.options.gpu_layers: must be at least -1"),
        ({"options": {"word_ms": 5}}, "it takes gpu_layers, messages, threads"),
        ({"api_base": "http://localhost:1"}, "llm.api_base"),
    ],
)
def test_settings_without_effect_are_refused(changed, named, model: Path):
    with pytest.raises(ProviderSetupError, match=named):
        llm.load(LLMConfig(model=str(model), **changed))


def test_a_missing_library_is_answered_with_what_installs_it(model: Path, monkeypatch):
    monkeypatch.setattr("providers.llm.gguf.find_spec", lambda _name: None)
    with pytest.raises(ProviderSetupError, match=r"'xllamacpp': .*pip install .*gguf"):
        llm.load(LLMConfig(model=str(model)))


def test_a_path_may_begin_at_home(model: Path, monkeypatch):
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("HOME", str(model.parent))
    monkeypatch.setenv("USERPROFILE", str(model.parent))
    assert isinstance(llm.load(LLMConfig(model="~/tiny.gguf")), GgufModel)


@in_one_loop
async def test_a_damaged_model_is_named_with_llama_cpp_s_reason(model: Path, tmp_path: Path):
    pytest.importorskip("xllamacpp")
    provider = llm.load(LLMConfig(model=str(half(model, tmp_path / "cut.gguf"))))
    with pytest.raises(ProviderSetupError, match=r"cut.gguf: .*incomplete.*Fetch the file anew"):
        await provider.start()
    await provider.close()
