"""The `deepgram` provider against a loopback server that speaks Deepgram's live API."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock

import pytest

from config import Settings, STTConfig
from providers import stt
from providers.base import ProviderSetupError
from providers.frames import TurnAudioFrame, TurnDiscardedFrame, TurnStartedFrame
from providers.stt.deepgram import DeepgramSTT
from tests.providers.fakes.deepgram import KEY, FakeDeepgram, fake_deepgram
from tests.providers.stage import running as running_stage
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


def settings_for(base: str, **changed: Any) -> Settings:
    group = {"provider": "deepgram", "api_base": base, "api_key": KEY, **changed}
    return scripted_settings(stt=group, vad={"speculative": False})


@asynccontextmanager
async def stack(
    behaviour: dict[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeDeepgram, WireClient]]:
    async with fake_deepgram(**behaviour or {}) as fake:
        settings = settings_for(fake.base, **changed)
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {}}})
            yield fake, wire


async def test_a_turn_is_streamed_flushed_and_closed():
    async with stack() as (fake, wire):
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert wire.of(COMPLETED)[0]["transcript"] == "turn on the kitchen light"
        call = fake.calls[0]
        assert call.authorization == f"Token {KEY}"
        assert call.messages[:2] == ["Finalize", "CloseStream"]
        start = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        end = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        assert len(call.audio) / 32 == pytest.approx(end - start, abs=20)
        assert call.query["encoding"] == ["linear16"]
        assert call.query["sample_rate"] == ["16000"]


async def test_interims_become_deltas_between_committed_and_completed():
    # The second interim is revised by the third, so only what two agree on may go out early.
    async with stack({"revise": {2: "turn off"}}) as (_fake, wire):
        await wire.append(speech())
        await wire.until(COMPLETED)
        deltas = [event["delta"] for event in wire.of(DELTA)]
        assert "".join(deltas) == "turn on the kitchen light"
        assert len(deltas) > 1
        types = wire.types()
        first = types.index(DELTA)
        last = len(types) - 1 - types[::-1].index(DELTA)
        assert types.index("input_audio_buffer.committed") < first
        assert last < types.index(COMPLETED)


async def test_the_end_is_known_even_if_the_flush_is_not_confirmed():
    async with stack({"confirms": False}) as (_fake, wire):
        await wire.append(speech())
        assert (await wire.until(COMPLETED))["transcript"] == "turn on the kitchen light"


async def test_nothing_understood_is_an_empty_transcript():
    async with stack({"words": []}) as (_fake, wire):
        await wire.append(speech())
        assert (await wire.until(COMPLETED))["transcript"] == ""


async def test_every_turn_has_a_connection_of_its_own():
    async with stack() as (fake, wire):
        for count in (1, 2):
            await wire.append(speech())
            await wire.until("response.done")
            assert len(fake.calls) == count
        await fake.until(lambda: all(call.closed.is_set() for call in fake.calls))


@pytest.mark.parametrize(
    ("changed", "asked", "expected"),
    [
        ({}, {}, {"model": ["nova-3"], "language": ["multi"], "punctuate": ["true"]}),
        ({"language": "fr"}, {}, {"language": ["fr"]}),
        ({"language": "fr"}, {"language": "de"}, {"language": ["de"]}),
        ({"model": "enhanced"}, {}, {"language": None}),
        ({}, {"prompt": "Bo, Li Na\nOslo"}, {"keyterm": ["Bo", "Li Na", "Oslo"]}),
        (
            {"model": "nova-2"},
            {"prompt": "Bo, Li Na"},
            {"keywords": ["Bo", "Li", "Na"], "keyterm": None},
        ),
        (
            {"options": {"smart_format": True, "redact": ["pci"], "mip_opt_out": True}},
            {},
            {"smart_format": ["true"], "redact": ["pci"], "mip_opt_out": ["true"]},
        ),
    ],
)
async def test_settings_reach_the_service(changed, asked, expected):
    async with stack(**changed) as (fake, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        await wire.append(speech())
        await wire.until(COMPLETED)
        query = fake.calls[0].query
        assert {name: query.get(name) for name in expected} == expected


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong key": ({"status": 401}, "invalid_api_key", "credentials. Check DEEPGRAM_API_KEY"),
    "no credit": ({"status": 402}, "insufficient_quota", "Check the credit"),
    "model not allowed": ({"status": 403}, "permission_denied", "Check which models"),
    "unknown model": ({"status": 400}, "invalid_request", "Check stt.model"),
    "too many": ({"status": 429}, "rate_limit_exceeded", "Try again later"),
    "broken": ({"status": 503}, "provider_error", "status 503"),
    "hangs at connect": ({"hang": True}, "provider_unreachable", "Check the network"),
    "cut": ({"cut_after": 16000}, "provider_unreachable", "the stream broke"),
    "ends early": ({"close_after": 16000}, "provider_unreachable", "in the middle of the turn"),
    "garbage": ({"garbage": True}, "provider_error", "sent garbage"),
    "error": ({"error": {"variant": "NET-0000", "description": "overload"}}, "provider_error", ""),
    "never answers": ({"silent": True}, "provider_unreachable", "no result within 1 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_is_named_and_the_next_turn_works(fault):
    behaviour, code, words = FAULTS[fault]
    async with stack(behaviour, connect_timeout_s=1, timeout_s=1, retries=0) as (fake, wire):
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "failed"
        error = wire.of(FAILED)[0]["error"]
        assert error["code"] == code
        assert "STT nova-3 at Deepgram (127.0.0.1) failed" in error["message"]
        assert words in error["message"]
        assert KEY not in error["message"]
        fake.recover()
        await wire.append(speech())
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        # Nobody went on trying to reach the service for the turn that failed.
        assert fake.attempts == 2


async def test_a_service_that_is_down_is_named_and_the_next_turn_works():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings_for(f"http://127.0.0.1:{port}")
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {}}})
        await wire.append(speech())
        await wire.until("response.done")
        error = wire.of(FAILED)[0]["error"]
        assert error["code"] == "provider_unreachable"
        assert "stt.api_base" in error["message"]
        async with fake_deepgram(port=port):
            await wire.append(speech())
            assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_refused_connection_is_tried_again_with_the_whole_turn():
    async with stack({"failing": 1}) as (fake, wire):
        await wire.append(speech())
        assert (await wire.until(COMPLETED))["transcript"] == "turn on the kitchen light"
        assert fake.attempts == 2
        end = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        start = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        assert len(fake.calls[0].audio) / 32 == pytest.approx(end - start, abs=20)


async def test_a_turn_in_which_nothing_is_sent_is_kept_alive_and_hung_up_when_discarded():
    async with fake_deepgram() as fake:
        config = STTConfig(provider="deepgram", api_base=fake.base, api_key=KEY)
        async with running_stage(stt.load(config).create()) as pipeline:
            await pipeline.push(TurnStartedFrame("one"), TurnAudioFrame("one", bytes(3200)))
            await fake.until(lambda: fake.calls and "KeepAlive" in fake.calls[0].messages)
            assert not fake.calls[0].closed.is_set()
            await pipeline.push(TurnDiscardedFrame("one"))
            await fake.until(lambda: fake.calls[0].closed.is_set())


def test_certificates_are_read_once_for_all_turns(monkeypatch):
    make = Mock(wraps=ssl.create_default_context)
    monkeypatch.setattr(ssl, "create_default_context", make)
    provider = DeepgramSTT(STTConfig(provider="deepgram", api_key=KEY))
    for _ in range(3):
        provider.connect(None, None)
    assert make.call_count == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "set DEEPGRAM_API_KEY"),
        ({"api_key": KEY, "options": {"endpointing": 3}}, "stt.options.endpointing"),
        ({"api_key": KEY, "model": "flux-general-en"}, "stt.model 'flux-general-en'"),
    ],
)
def test_what_cannot_work_is_refused(changed, words, monkeypatch):
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    with pytest.raises(ProviderSetupError, match=words):
        stt.load(STTConfig(provider="deepgram", **changed))


def test_the_vendors_variable_holds_the_key(monkeypatch):
    monkeypatch.setenv("DEEPGRAM_API_KEY", KEY)
    assert "api.deepgram.com" in stt.load(STTConfig(provider="deepgram")).label
