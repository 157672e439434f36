"""What the settings make of Gemini Live, and what operators are told of it."""

from __future__ import annotations

from typing import Any

import pytest

from config import ConfigError, load_settings
from pipeline_manager import pipelines_for
from providers import ProviderSetupError
from serving.check_verdicts import table
from serving.stack_check import check
from tests.support.fake_live import KEY, fake_live
from tests.support.live_stack import live_settings, live_stack
from tests.support.running_server import plain_http


async def test_check_says_that_it_answers_and_how_soon():
    async with fake_live() as service:
        (verdict,) = await check(live_settings(service.base))
    assert (verdict.stage, verdict.provider, verdict.error) == ("Upstream", "google", None)
    assert verdict.first_result_ms is not None
    assert "answered “It is sunny, and warm.” in 0.6 s of audio" in table([verdict])


async def test_check_says_what_is_to_be_done():
    refusal = (1007, f"API key not valid: {KEY}. Please pass a valid API key.")
    async with fake_live(refusal=refusal) as service:
        (verdict,) = await check(live_settings(service.base))
    assert verdict.error is not None
    assert "Check upstream.api_key." in verdict.error.message
    assert KEY not in table([verdict])


async def test_operators_are_told_of_it_and_clients_of_its_voices():
    async with live_stack() as (service, server, _wire), plain_http() as http:
        ready = (await http.get(f"{server.http}/ready")).json()
        assert ready["providers"] == {"upstream": f"127.0.0.1:{service.port}"}
        assert server.manager.describe()["Upstream"] == "gemini-3.8-live at 127.0.0.1"
        voices = {voice.id: voice.speaks_as for voice in server.manager.tts.list_voices()}
        assert (voices["marin"], voices["Puck"]) == ("Kore", "Puck")


def test_google_itself_needs_a_key(monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-openai-alone")
    with pytest.raises(ProviderSetupError, match="needs GOOGLE_API_KEY"):
        pipelines_for(load_settings(upstream={"provider": "google"}))


async def test_the_key_of_google_is_sent_to_no_other_server(monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-meant-for-google-alone")
    async with live_stack(api_key=None) as (service, _server, wire):
        await wire.say("hello")
        await wire.until("response.done")
        assert "x-goog-api-key" not in service.calls[0].headers


async def test_other_voices_and_models_may_be_named():
    changed: dict[str, Any] = {"model": "gemini-2.5-flash-live", "options": {"voices": ["Kore"]}}
    async with live_stack(voice_id="Kore", **changed) as (service, _server, wire):
        await wire.update(reasoning={"effort": "low"})
        await wire.say("hello")
        await wire.until("response.done")
        making = service.calls[0].setup["generationConfig"]
        voice = making["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"]
        assert voice == "Kore"
        assert service.calls[0].setup["model"] == "models/gemini-2.5-flash-live"
        assert making["thinkingConfig"] == {"thinkingBudget": 1024}


def test_options_that_it_does_not_know_are_refused():
    settings = live_settings("ws://localhost:1", options={"transcription_model": "x"})
    with pytest.raises(ProviderSetupError, match=r"upstream\.options\.transcription_model"):
        pipelines_for(settings)


def test_an_address_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="no address"):
        load_settings(upstream={"provider": "google", "url": "localhost:1"})


@pytest.mark.parametrize(
    "changed",
    [
        {"voice_id": "nonsense"},
        {"voice_id": "Puck", "options": {"voices": ["Kore"]}},
        # Sessions would start with alloy, which stands for a voice that is not among them.
        {"options": {"voices": ["Kore"]}},
    ],
)
def test_a_voice_that_it_does_not_have_is_refused_at_the_start(changed):
    with pytest.raises(ProviderSetupError, match=r"upstream\.voice_id.*Kore"):
        pipelines_for(live_settings("ws://localhost:1", **changed))
