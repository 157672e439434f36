"""The `deepgram` provider: what is special to Deepgram's live API, on a server that speaks it."""

from __future__ import annotations

import ssl
from unittest.mock import Mock

import pytest

from config import STTConfig
from providers import TurnAudioFrame, TurnDiscardedFrame, TurnStartedFrame, stt
from providers.stt.deepgram import DeepgramSTT
from session.ports import NO_WISHES
from tests.providers.fakes.deepgram import KEY, fake_deepgram
from tests.providers.recogniser_vendors import COMPLETED, DEEPGRAM, hearing, turn
from tests.providers.stage import running as running_stage


async def test_a_turn_is_streamed_flushed_and_closed():
    async with hearing(DEEPGRAM) as (fake, wire):
        await turn(wire)
        call = fake.calls[0]
        assert call.authorization == f"Token {KEY}"
        assert call.messages[:2] == ["Finalize", "CloseStream"]
        assert call.query["encoding"] == ["linear16"]
        assert call.query["sample_rate"] == ["16000"]


async def test_the_end_is_known_even_if_the_flush_is_not_confirmed():
    async with hearing(DEEPGRAM, {"confirms": False}) as (_fake, wire):
        await turn(wire)
        assert wire.of(COMPLETED)[0]["transcript"] == DEEPGRAM.phrase


async def test_every_turn_has_a_connection_of_its_own():
    async with hearing(DEEPGRAM) as (fake, wire):
        for count in (1, 2):
            await turn(wire)
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
        ({}, {"keywords": ["Bo", "Li Na"]}, {"keyterm": ["Bo", "Li Na"], "keywords": None}),
        ({}, {"prompt": "Bo", "keywords": ["Oslo", "Bo"]}, {"keyterm": ["Bo", "Oslo"]}),
        ({"model": "nova-2"}, {"keywords": ["Li Na"]}, {"keywords": ["Li", "Na"]}),
        (
            {},
            {"languages": ["de", "en-GB"]},
            {"language": ["multi"], "language_hint": ["de", "en-GB"]},
        ),
        ({}, {"languages": ["de"]}, {"language": ["de"], "language_hint": None}),
        ({}, {"language": "EN_us"}, {"language": ["en-US"]}),
        ({"language": "fr"}, {"language": "auto"}, {"language": ["fr"]}),
        ({"language": "auto"}, {}, {"language": ["multi"]}),
        (
            {"model": "nova-2"},
            {"languages": ["es", "en"]},
            {"language": ["multi"], "language_hint": None},
        ),
        ({"model": "enhanced"}, {"languages": ["de", "en"]}, {"language": ["de"]}),
        (
            {"options": {"smart_format": True, "redact": ["pci"], "mip_opt_out": True}},
            {},
            {"smart_format": ["true"], "redact": ["pci"], "mip_opt_out": ["true"]},
        ),
    ],
)
async def test_settings_reach_the_service(changed, asked, expected):
    async with hearing(DEEPGRAM, **changed) as (fake, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        await turn(wire)
        query = fake.calls[0].query
        assert {name: query.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("detected", "told"),
    [(["en-US", "de"], [{"code": "en"}, {"code": "de"}]), ([], []), (None, None)],
)
async def test_the_languages_that_were_detected_are_told(detected, told):
    async with hearing(DEEPGRAM, {"languages": detected}) as (_fake, wire):
        await turn(wire)
        assert wire.of(COMPLETED)[0].get("languages") == told


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
        provider.connect(NO_WISHES)
    assert make.call_count == 1


def test_the_vendors_variable_holds_the_key(monkeypatch):
    monkeypatch.setenv("DEEPGRAM_API_KEY", KEY)
    assert "api.deepgram.com" in stt.load(STTConfig(provider="deepgram")).label
