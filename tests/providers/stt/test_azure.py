"""The `azure` recogniser: what is special to Microsoft's SDK, on a server that speaks with it."""

from __future__ import annotations

import pytest

from config import STTConfig
from providers import stt
from tests.providers.fakes.azure import KEY
from tests.providers.recogniser_vendors import AZURE, COMPLETED, hearing, turn


async def test_a_turn_has_a_connection_that_is_closed_after_it():
    async with hearing(AZURE) as (fake, wire):
        await turn(wire)
        (call,) = fake.calls
        assert (call.path, call.key) == ("/stt/speech/universal/v2", KEY)
        await fake.until(call.closed.is_set)


async def test_the_sdk_tells_nothing_of_this_machine():
    async with hearing(AZURE) as (fake, wire):
        for _turn in range(2):
            await turn(wire)
        await fake.until(lambda: all(call.closed.is_set() for call in fake.calls))
        assert [call.reports for call in fake.calls] == [[], []]


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
        (
            {},
            {"prompt": "Bo", "keywords": ["Li Na"]},
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
    async with hearing(AZURE, **changed) as (fake, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        await turn(wire)
        context = fake.calls[0].contexts[0]
        assert {name: context.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("asked", "candidates"),
    [
        (["de", "en_gb", "en-US", "zh"], ["de-DE", "en-GB", "zh-CN"]),
        (["fr", "it", "es", "pt", "nl"], ["fr-FR", "it-IT", "es-ES", "pt-PT"]),
    ],
)
async def test_a_client_may_name_several_languages(asked, candidates):
    async with hearing(AZURE, {"detected": "de-DE"}) as (fake, wire):
        await wire.update(audio={"input": {"transcription": {"languages": asked}}})
        await turn(wire)
        assert fake.calls[0].contexts[0]["languageId"]["languages"] == candidates
        assert wire.of(COMPLETED)[0]["languages"] == [{"code": "de"}]


async def test_a_language_that_was_given_is_not_told_as_detected():
    async with hearing(AZURE, {"detected": "de-DE"}) as (fake, wire):
        await wire.update(audio={"input": {"transcription": {"languages": ["de"]}}})
        await turn(wire)
        assert fake.calls[0].contexts[0]["phraseDetection"]["language"] == "de-DE"
        assert "languages" not in wire.of(COMPLETED)[0]


async def test_several_languages_are_told_apart():
    async with hearing(AZURE, options={"languages": ["en-US", "de-DE"]}) as (fake, wire):
        await turn(wire)
        assert wire.of(COMPLETED)[0]["transcript"] == AZURE.phrase
        assert fake.calls[0].contexts[0]["languageId"]["languages"] == ["en-US", "de-DE"]


async def test_taking_down_a_silent_service_holds_up_nobody():
    """The SDK waits ten seconds for the service before it frees a recogniser."""
    async with hearing(AZURE, {"silent": True}, timeout_s=0.5, retries=0) as (fake, wire):
        await turn(wire)
        fake.recover()
        for _turn in range(2):
            await turn(wire)
        silent, *others = fake.calls
        assert all(call.contexts for call in others)
        assert not silent.closed.is_set()


def test_the_vendors_variables_name_key_and_region(monkeypatch):
    monkeypatch.setenv("AZURE_SPEECH_API_KEY", KEY)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    assert stt.load(STTConfig(provider="azure")).label == "Azure Speech (westeurope)"
