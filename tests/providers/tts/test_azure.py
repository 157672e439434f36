"""The voices of `azure`: Microsoft's native SDK against a loopback server that speaks with it."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from config import Settings, TTSConfig
from providers import tts
from providers.base import ProviderSetupError
from session.ports import OPENAI_VOICES
from tests.providers.fakes.azure import KEY, VOICE, FakeAzure, fake_azure
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client

SENTENCES = ["Hello <there> & friends.", "This is the second sentence."]


def settings_for(base: str, **changed: Any) -> Settings:
    return scripted_settings(
        tts={"provider": "azure", "api_base": base, "api_key": KEY, **changed},
        llm={"text": " ".join(SENTENCES), "first_token_ms": 1, "word_ms": 0},
    )


@asynccontextmanager
async def stack(
    behaviour: dict[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeAzure, WireClient]]:
    async with fake_azure(**behaviour or {}) as fake:
        settings = settings_for(fake.base, **changed)
        async with running(settings) as server, client(server.url) as wire:
            yield fake, wire


async def answer(wire: WireClient, **response: Any) -> dict[str, Any]:
    await wire.send("response.create", response=response)
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


def audio(wire: WireClient) -> bytes:
    return b"".join(base64.b64decode(e["delta"]) for e in wire.of("response.output_audio.delta"))


def spoken(fake: FakeAzure) -> list[tuple[str, str]]:
    return [utterance for call in fake.calls for utterance in call.spoken]


async def test_every_clause_is_spoken_and_streamed():
    async with stack() as (fake, wire):
        done = await answer(wire)
        assert done["status"] == "completed"
        assert [text for _voice, text in spoken(fake)] == SENTENCES
        assert audio(wire) == VOICE * 2
        call = fake.calls[-1]
        assert (call.path, call.key) == ("/tts/cognitiveservices/websocket/v1", KEY)
        wanted = call.contexts[0]["synthesis"]["audio"]["outputFormat"]
        assert wanted == "raw-24khz-16bit-mono-pcm"


async def test_audio_leaves_before_the_utterance_is_complete():
    async with stack({"hold_after": 4800}) as (fake, wire):
        await wire.send("response.create")
        delta = await wire.until("response.output_audio.delta")
        assert VOICE.startswith(base64.b64decode(delta["delta"]))
        fake.over.set()
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert audio(wire) == VOICE * 2


async def test_responses_share_the_connections():
    async with stack() as (fake, wire):
        for _ in range(6):
            assert (await answer(wire))["status"] == "completed"
        used = [call for call in fake.calls if call.spoken]
        assert len(used) <= 2


@pytest.mark.parametrize(
    ("configured", "asked", "own"),
    [
        ("zh-CN-XiaoxiaoNeural", None, "zh-CN-XiaoxiaoNeural"),
        (None, "marin", "en-US-SerenaMultilingualNeural"),
        ("zh-CN-XiaoxiaoNeural", "de-DE-KatjaNeural", "de-DE-KatjaNeural"),
    ],
)
async def test_the_voice_is_the_clients_or_the_configured_one(configured, asked, own):
    async with stack(voice_id=configured) as (fake, wire):
        await answer(wire, **({"audio": {"output": {"voice": asked}}} if asked else {}))
        assert {voice for voice, _text in spoken(fake)} == {own}
        assert f"xml:lang='{own[:5]}'" in fake.calls[-1].ssml[0]


async def test_options_become_ssml():
    options = {"rate": "+10%", "style": "cheerful", "language": "de-DE"}
    async with stack(options=options) as (fake, wire):
        await answer(wire)
        ssml = fake.calls[-1].ssml[0]
        assert "<prosody rate='+10%'>" in ssml
        assert "<mstts:express-as style='cheerful'>" in ssml
        assert "<lang xml:lang='de-DE'>" in ssml


async def test_an_interrupted_voice_stops_and_the_next_response_is_whole():
    async with stack({"hold_after": 4800}) as (fake, wire):
        await wire.send("response.create")
        await wire.until("response.output_audio.delta")
        await wire.send("response.cancel")
        assert (await wire.until("response.done"))["response"]["status"] == "cancelled"
        fake.hold_after = None
        before = len(audio(wire))
        assert (await answer(wire))["status"] == "completed"
        assert audio(wire)[before:] == VOICE * 2


UNKNOWN = "Unsupported voice en-US-AvaMultilingualNeural."
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong key": ({"status": 401}, "invalid_api_key", "Check AZURE_SPEECH_API_KEY"),
    "not allowed": ({"status": 403}, "permission_denied", "(403)"),
    "too many": ({"status": 429}, "rate_limit_exceeded", "Try again later"),
    "no such endpoint": ({"status": 404}, "invalid_request", "(404)"),
    "broken": ({"status": 503}, "provider_error", "(503)"),
    "quota": ({"close": (1007, "Quota exceeded.")}, "insufficient_quota", "Quota exceeded"),
    "unknown voice": ({"close": (1007, UNKNOWN)}, "invalid_request", UNKNOWN),
    "hangs at connect": ({"hang": True}, "provider_unreachable", "could not be reached within 1 s"),
    "cut before audio": ({"cut_after": 0}, "provider_unreachable", "api_base"),
    "cut in the middle": ({"cut_after": 4800}, "provider_unreachable", "api_base"),
    "hangs in the middle": (
        {"hold_after": 4800},
        "provider_unreachable",
        "sent nothing within 1 s",
    ),
    "garbage": ({"garbage": True}, "provider_unreachable", "sent nothing within 1 s"),
    "never answers": ({"silent": True}, "provider_unreachable", "sent nothing within 1 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_is_named_and_the_next_response_works(fault):
    behaviour, code, words = FAULTS[fault]
    limit = 1 if "within" in words else 10
    limits = {"connect_timeout_s": limit, "timeout_s": limit, "retries": 0}
    async with stack(behaviour, **limits) as (fake, wire):
        done = await answer(wire)
        assert done["status"] == "failed"
        error = done["status_details"]["error"]
        assert error["code"] == code
        assert "TTS Azure Speech (127.0.0.1) failed" in error["message"]
        assert words in error["message"]
        assert KEY not in error["message"]
        fake.recover()
        before = len(audio(wire))
        assert (await answer(wire))["status"] == "completed"
        assert audio(wire)[before:] == VOICE * 2


@pytest.mark.parametrize(("retries", "status"), [(0, "failed"), (1, "completed")])
async def test_an_utterance_that_failed_before_any_sound_is_tried_again(retries, status):
    async with stack({"mutes": 1}, timeout_s=1, retries=retries) as (_fake, wire):
        assert (await answer(wire))["status"] == status
        assert audio(wire) == VOICE * 2 * retries


async def test_a_name_that_cannot_be_a_voice_is_named():
    async with stack() as (fake, wire):
        done = await answer(wire, audio={"output": {"voice": "x' y"}})
        error = done["status_details"]["error"]
        assert error["code"] == "invalid_request"
        assert 'no voice of Azure is called "x\' y"' in error["message"]
        assert not spoken(fake)


async def test_a_service_that_is_down_is_named_and_the_next_response_works():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings_for(f"http://127.0.0.1:{port}")
    async with running(settings) as server, client(server.url) as wire:
        error = (await answer(wire))["status_details"]["error"]
        assert error["code"] == "provider_unreachable"
        assert "tts.api_base" in error["message"]
        async with fake_azure(port=port):
            assert (await answer(wire))["status"] == "completed"


def test_openais_names_stand_for_different_voices():
    provider = tts.load(TTSConfig(provider="azure", api_base="ws://one"))
    assert set(provider.named_voices) == set(OPENAI_VOICES)
    assert len(set(provider.named_voices.values())) == len(OPENAI_VOICES)
    assert {voice.speaks_as for voice in provider.list_voices()} == set(
        provider.named_voices.values()
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "set AZURE_SPEECH_API_KEY"),
        ({"api_key": KEY}, "AZURE_SPEECH_REGION or tts.options.region"),
        (
            {"api_base": "ws://one", "options": {"region": "two"}},
            "tts.options.region has no meaning",
        ),
        ({"api_base": "ws://one", "model": "hd"}, "tts.model has no meaning"),
        ({"api_base": "ws://one", "options": {"tempo": "fast"}}, "no such option"),
    ],
)
def test_what_cannot_work_is_refused(changed, words, monkeypatch):
    monkeypatch.delenv("AZURE_SPEECH_API_KEY", raising=False)
    monkeypatch.delenv("AZURE_SPEECH_REGION", raising=False)
    with pytest.raises(ProviderSetupError, match=words):
        tts.load(TTSConfig(provider="azure", **changed))
