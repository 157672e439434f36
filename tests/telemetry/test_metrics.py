"""`/metrics` and `/ready`: what the operator's own machines are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from config import LLMConfig, Settings, STTConfig, TTSConfig
from main import create_app
from pipeline_manager import PipelineManager
from providers import llm, stt, tts
from serving.reachability import unreachable
from tests.support.counts import counted
from tests.support.keys import KEY
from tests.support.running_server import (
    RunningServer,
    plain_http,
    running,
    scripted_settings,
    serving,
)
from tests.support.wire_client import client, speech


async def test_a_spoken_turn_is_counted_with_all_its_stages() -> None:
    async with running() as server:
        async with client(server.url) as wire:
            audio = speech()
            await wire.append(audio)
            await wire.until("response.done")
            made = sum(len(event["delta"]) for event in wire.of("response.output_audio.delta"))
            samples = await counted(server)
            assert samples['realtime_sessions_active{stack="default"}'] == 1
        await server.emptied()
        busy, samples = samples, await counted(server)
    assert 0 < samples["realtime_event_loop_tasks{}"] < busy["realtime_event_loop_tasks{}"]
    assert samples['realtime_sessions_active{stack="default"}'] == 0
    assert samples['realtime_sessions_total{stack="default"}'] == 1
    assert samples['realtime_turns_total{stack="default"}'] == 1
    assert samples['realtime_responses_total{outcome="completed",stack="default"}'] == 1
    for stage in ("transcript", "first_text", "first_audio", "done"):
        assert samples[f'realtime_stage_seconds_count{{stack="default",stage="{stage}"}}'] == 1
    stage_sums = [
        samples[f'realtime_stage_seconds_sum{{stack="default",stage="{stage}"}}']
        for stage in ("transcript", "first_text", "first_audio", "done")
    ]
    assert stage_sums == sorted(stage_sums)
    heard = samples['realtime_audio_seconds_total{direction="in",stack="default"}']
    assert heard == pytest.approx(len(audio) / 48000)
    spoken = samples['realtime_audio_seconds_total{direction="out",stack="default"}']
    assert spoken == pytest.approx(made * 0.75 / 48000, rel=0.01)
    assert samples["realtime_event_loop_lag_seconds_count{}"] > 0
    assert samples["process_open_fds{}"] > 0


async def test_answers_that_were_begun_in_vain_are_counted() -> None:
    settings = scripted_settings(vad={"silence_duration_ms": 2000})
    async with running(settings) as server, client(server.url) as wire:
        await wire.append(speech(after_ms=400))
        async with asyncio.timeout(20):
            while not (await counted(server))['realtime_speculations_total{stack="default"}']:
                pass
        # The user was not through: whatever was begun was in vain.
        await wire.append(speech(before_ms=0, after_ms=0))
        await wire.settled()
        samples = await counted(server)
        begun = samples['realtime_speculations_total{stack="default"}']
        assert samples['realtime_speculations_discarded_total{stack="default"}'] == begun
        assert not wire.of("response.created")


@pytest.mark.parametrize(
    ("group", "options", "stage"),
    [
        ("llm", {"fail": "start"}, "LLM"),
        ("tts", {"fail": "start"}, "TTS"),
        ("stt", {"fail": "start"}, "STT"),
    ],
)
async def test_a_failure_is_counted_where_it_happened(
    group: str, options: dict[str, Any], stage: str
) -> None:
    settings = scripted_settings(**{group: options}, vad={"type": "none"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.append(speech())
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        await wire.until("response.done")
        samples = await counted(server)
    assert samples['realtime_responses_total{outcome="failed",stack="default"}'] == 1
    errors = {name: n for name, n in samples.items() if "provider_errors_total" in name}
    assert [(stage in name, n) for name, n in errors.items()] == [(True, 1)]


@pytest.mark.parametrize(("group", "stage"), [("llm", "LLM"), ("stt", "STT")])
async def test_a_failure_of_an_answer_begun_early_is_counted_too(group: str, stage: str) -> None:
    """Nobody hears of it; it is tried again when the turn is over."""
    settings = scripted_settings(**{group: {"fail": "start"}}, vad={"silence_duration_ms": 2000})
    async with running(settings) as server, client(server.url) as wire:
        await wire.append(speech(after_ms=400))
        labels = f'code="provider_error",stack="default",stage="{stage}"'
        name = f"realtime_provider_errors_total{{{labels}}}"
        async with asyncio.timeout(20):
            while not (await counted(server)).get(name):
                pass
        await wire.settled()
        assert wire.types(1) == ["input_audio_buffer.speech_started", "input_audio_buffer.cleared"]


async def test_refused_connections_are_counted_by_reason() -> None:
    settings = scripted_settings(server={"api_keys": [KEY]}, limits={"sessions": 1})
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with running(settings) as server:
        async with client(server.url, additional_headers=bearer):
            for headers in ({}, {"Authorization": "Bearer another-key-nobody-has"}, bearer):
                async with connect(server.url, additional_headers=headers) as socket:
                    await socket.wait_closed()
            with pytest.raises(InvalidStatus):
                await connect(server.url, origin=Origin("https://evil.example"))
        samples = await counted(server, headers=bearer)
    for reason in ("missing_key", "invalid_api_key", "server_overloaded", "origin_not_allowed"):
        assert samples[f'realtime_connections_refused_total{{reason="{reason}"}}'] == 1


@pytest.mark.parametrize("path", ["/metrics", "/ready"])
async def test_only_the_operator_may_ask(path: str) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}
    async with (
        running(scripted_settings(server={"api_keys": [KEY]})) as server,
        plain_http(base_url=server.http) as http,
    ):
        assert (await http.get(path)).status_code == 401
        minted = (await http.post("/v1/realtime/client_secrets", headers=bearer)).json()
        secret = {"Authorization": f"Bearer {minted['value']}"}
        assert (await http.get(path, headers=secret)).status_code == 401
        assert (await http.get(path, headers=bearer)).status_code == 200


async def test_two_servers_in_a_process_count_for_themselves() -> None:
    async with running() as first, running() as second, client(first.url):
        assert (await counted(first))['realtime_sessions_total{stack="default"}'] == 1
        assert (await counted(second))['realtime_sessions_total{stack="default"}'] == 0


# --- readiness ---


async def readiness(server: RunningServer) -> tuple[int, dict[str, Any]]:
    async with plain_http(base_url=server.http) as http:
        answer = await http.get("/ready")
    return answer.status_code, json.loads(answer.text)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[asyncio.Server, int]]:
    """A port where somebody answers."""
    listener = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    async with listener:
        yield listener, listener.sockets[0].getsockname()[1]


def asking(address: str) -> Settings:
    """Settings with a model at an address, and the rest in this process."""
    settings = scripted_settings()
    settings.llm = LLMConfig(provider="openai", model="m", api_base=address)
    return settings


async def test_a_server_is_ready_while_its_providers_answer() -> None:
    async with listening() as (listener, port), AsyncExitStack() as stack:
        # What is in an address beside host and port is nobody's business.
        settings = asking(f"http://user:pass@127.0.0.1:{port}/v1")
        server = await stack.enter_async_context(running(settings))
        known = {"status": "ready", "providers": {"llm": f"127.0.0.1:{port}"}}
        assert await readiness(server) == (200, known)
        listener.close()
        await listener.wait_closed()
        status, body = await readiness(server)
        assert (status, body["status"]) == (503, "providers_unreachable")
        assert body["providers"].keys() == {"llm"}
        assert f"127.0.0.1:{port} cannot be reached" in body["providers"]["llm"]
        # It lives all the same, and stays among the replicas: all of them miss that provider.
        assert await server.active_sessions() == 0
        async with plain_http(base_url=server.http) as http:
            for probe in ("/livez", "/readyz"):
                answer = await http.get(probe)
                assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_what_runs_in_the_process_is_not_asked() -> None:
    async with running() as server:
        assert await readiness(server) == (200, {"status": "ready", "providers": {}})


async def test_behind_a_proxy_the_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with listening() as (listener, port):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        addresses = {"llm": "http://nowhere.invalid/v1"}
        assert await unreachable(addresses) == {}
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        assert "nowhere.invalid:80 cannot be reached" in (await unreachable(addresses))["llm"]
        monkeypatch.delenv("no_proxy")
        listener.close()
        await listener.wait_closed()
        assert f"the proxy 127.0.0.1:{port}" in (await unreachable(addresses))["llm"]


@pytest.mark.parametrize(
    ("kind", "config", "place"),
    [
        ("stt", STTConfig(provider="deepgram", api_key=SecretStr("k")), "wss://api.deepgram.com/"),
        (
            "stt",
            STTConfig(provider="azure", api_key=SecretStr("k"), options={"region": "westeurope"}),
            "https://westeurope.stt.speech.microsoft.com",
        ),
        ("stt", STTConfig(provider="openai", api_key=SecretStr("k")), "https://api.openai.com/"),
        ("stt", STTConfig(provider="realtime", api_key=SecretStr("k")), "wss://api.openai.com/"),
        ("llm", LLMConfig(provider="openai", api_key=SecretStr("k")), "https://api.openai.com/"),
        ("llm", LLMConfig(provider="ollama"), "http://localhost:11434/"),
        (
            "llm",
            LLMConfig(provider="anthropic", api_key=SecretStr("k")),
            "https://api.anthropic.com",
        ),
        (
            "llm",
            LLMConfig(provider="google", api_key=SecretStr("k")),
            "https://generativelanguage.googleapis.com",
        ),
        (
            "tts",
            TTSConfig(provider="elevenlabs", api_key=SecretStr("k")),
            "wss://api.elevenlabs.io",
        ),
        (
            "tts",
            TTSConfig(provider="azure", api_key=SecretStr("k"), options={"region": "westeurope"}),
            "https://westeurope.tts.speech.microsoft.com",
        ),
        ("tts", TTSConfig(provider="edge"), "https://speech.platform.bing.com"),
        ("tts", TTSConfig(provider="openai", api_key=SecretStr("k")), "https://api.openai.com/"),
        ("stt", STTConfig(), None),
        ("tts", TTSConfig(), None),
        ("llm", LLMConfig(), None),
    ],
    ids=lambda value: value.provider if hasattr(value, "provider") else str(value)[:12],
)
def test_every_provider_knows_where_its_service_is(
    kind: str, config: Any, place: str | None
) -> None:
    load: Any = {"stt": stt.load, "llm": llm.load, "tts": tts.load}[kind]
    address = load(config).address
    assert address == place if place is None else address.startswith(place)


async def test_a_server_that_is_leaving_is_not_ready() -> None:
    settings = scripted_settings()
    manager = PipelineManager(settings)
    app = create_app(settings, manager)
    async with serving(app, settings=settings) as port:
        await app.state.lifecycle.started()
        server = RunningServer(port, manager, app.state.sessions)
        app.state.lifecycle.drain()
        assert await readiness(server) == (503, {"status": "draining"})
