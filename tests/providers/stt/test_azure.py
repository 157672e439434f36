"""The `azure` recogniser: Microsoft's native SDK against a loopback server that speaks with it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from config import Settings, STTConfig
from providers import stt
from providers.base import ProviderSetupError
from tests.providers.fakes.azure import KEY, FakeAzure, fake_azure
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
PHRASE = "Turn on the kitchen light."


def settings_for(base: str, **changed: Any) -> Settings:
    azure = {"provider": "azure", "api_base": base, "api_key": KEY, **changed}
    return scripted_settings(stt=azure, vad={"speculative": False})


@asynccontextmanager
async def stack(
    behaviour: dict[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeAzure, WireClient]]:
    async with fake_azure(**behaviour or {}) as fake:
        settings = settings_for(fake.base, **changed)
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {}}})
            yield fake, wire


async def test_a_turn_is_streamed_and_finalised_where_it_ends():
    async with stack() as (fake, wire):
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert [event["transcript"] for event in wire.of(COMPLETED)] == [PHRASE]
        (call,) = fake.calls
        assert (call.path, call.key) == ("/stt/speech/universal/v2", KEY)
        start = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        end = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        assert len(call.audio) / 32 == pytest.approx(end - start, abs=20)
        await fake.until(call.closed.is_set)


async def test_hypotheses_become_deltas_between_committed_and_completed():
    # The phrase spells one word as the hypotheses do: what they agree on was sent before.
    async with stack({"phrase": "turn on the kitchen lights"}) as (_fake, wire):
        await wire.append(speech())
        await wire.until(COMPLETED)
        deltas = [event["delta"] for event in wire.of(DELTA)]
        assert "".join(deltas) == "turn on the kitchen lights"
        assert len(deltas) > 1
        types = wire.types()
        assert types.index("input_audio_buffer.committed") < types.index(DELTA)
        assert len(types) - 1 - types[::-1].index(DELTA) < types.index(COMPLETED)


async def test_nothing_understood_is_an_empty_transcript():
    async with stack({"words": [], "phrase": ""}) as (_fake, wire):
        await wire.append(speech())
        assert (await wire.until(COMPLETED))["transcript"] == ""


@pytest.mark.parametrize(
    ("changed", "asked", "expected"),
    [
        ({}, {}, {"phraseDetection": {"mode": "CONVERSATION", "language": "en-US"}}),
        (
            {"language": "fr"},
            {},
            {"phraseDetection": {"mode": "CONVERSATION", "language": "fr-FR"}},
        ),
        (
            {"language": "fr"},
            {"language": "de"},
            {"phraseDetection": {"mode": "CONVERSATION", "language": "de-DE"}},
        ),
        (
            {},
            {"prompt": "Bo, Li Na"},
            {
                "dgi": {
                    "Groups": [{"Type": "Generic", "Items": [{"Text": "Bo"}, {"Text": "Li Na"}]}],
                    "bias": 1.0,
                }
            },
        ),
    ],
)
async def test_language_and_prompt_reach_the_service(changed, asked, expected):
    async with stack(**changed) as (fake, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        await wire.append(speech())
        await wire.until(COMPLETED)
        context = fake.calls[0].contexts[0]
        assert {name: context.get(name) for name in expected} == expected


async def test_several_languages_are_told_apart():
    async with stack(options={"languages": ["en-US", "de-DE"]}) as (fake, wire):
        await wire.append(speech())
        assert (await wire.until(COMPLETED))["transcript"] == PHRASE
        assert fake.calls[0].contexts[0]["languageId"]["languages"] == ["en-US", "de-DE"]


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong key": ({"status": 401}, "invalid_api_key", "Check AZURE_SPEECH_API_KEY"),
    "not allowed": ({"status": 403}, "permission_denied", "(403)"),
    "too many": ({"status": 429}, "rate_limit_exceeded", "Try again later"),
    "no such endpoint": ({"status": 404}, "invalid_request", "(404)"),
    "broken": ({"status": 503}, "provider_error", "(503)"),
    "quota": ({"close": (1007, "Quota exceeded.")}, "insufficient_quota", "Quota exceeded"),
    "bad request": ({"close": (1007, "Unsupported locale")}, "invalid_request", "Unsupported"),
    "hangs at connect": ({"hang": True}, "provider_unreachable", "could not be reached within 1 s"),
    "cut": ({"cut_after": 16000}, "provider_unreachable", "WebSocket"),
    "garbage": ({"garbage": True}, "provider_unreachable", "no result within 1 s"),
    "never answers": ({"silent": True}, "provider_unreachable", "no result within 1 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_is_named_and_the_next_turn_works(fault):
    behaviour, code, words = FAULTS[fault]
    # Where there is an answer, the SDK may try for a second or two.
    limit = 1 if "within" in words else 10
    limits = {"connect_timeout_s": limit, "timeout_s": limit, "retries": 0}
    async with stack(behaviour, **limits) as (fake, wire):
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "failed"
        error = wire.of(FAILED)[0]["error"]
        assert error["code"] == code
        assert "STT Azure Speech (127.0.0.1) failed" in error["message"]
        assert words in error["message"]
        assert KEY not in error["message"]
        fake.recover()
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_service_that_is_down_is_named_and_the_next_turn_works():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings_for(f"http://127.0.0.1:{port}", retries=0)
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {}}})
        await wire.append(speech())
        await wire.until("response.done")
        error = wire.of(FAILED)[0]["error"]
        assert error["code"] == "provider_unreachable"
        assert "stt.api_base" in error["message"]
        async with fake_azure(port=port):
            await wire.append(speech())
            assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_taking_down_a_silent_service_holds_up_nobody():
    """The SDK waits ten seconds for the service before it frees a recogniser."""
    async with stack({"silent": True}, timeout_s=0.5, retries=0) as (fake, wire):
        await wire.append(speech())
        await wire.until("response.done")
        fake.recover()
        for _turn in range(2):
            await wire.append(speech())
            await wire.until("response.done")
        silent, *others = fake.calls
        assert all(call.contexts for call in others)
        assert not silent.closed.is_set()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "set AZURE_SPEECH_API_KEY"),
        ({"api_key": KEY}, "AZURE_SPEECH_REGION or stt.options.region"),
        (
            {"api_base": "ws://one", "options": {"region": "two"}},
            "stt.options.region has no meaning",
        ),
        ({"api_base": "ws://one", "model": "whisper"}, "stt.model has no meaning"),
        ({"api_base": "ws://one", "options": {"languages": []}}, "stt.options.languages"),
        ({"api_base": "ws://one", "options": {"langages": []}}, "no such option"),
    ],
)
def test_what_cannot_work_is_refused(changed, words, monkeypatch):
    monkeypatch.delenv("AZURE_SPEECH_API_KEY", raising=False)
    monkeypatch.delenv("AZURE_SPEECH_REGION", raising=False)
    with pytest.raises(ProviderSetupError, match=words):
        stt.load(STTConfig(provider="azure", **changed))


def test_the_vendors_variables_name_key_and_region(monkeypatch):
    monkeypatch.setenv("AZURE_SPEECH_API_KEY", KEY)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    assert stt.load(STTConfig(provider="azure")).label == "Azure Speech (westeurope)"
