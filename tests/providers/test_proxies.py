"""No proxy of the environment is told what a service on this machine is asked."""

from __future__ import annotations

from typing import Any

import pytest

from providers import ProviderSetupError, llm
from tests.providers.model_vendors import VENDORS, Vendor, answer, conversation, text_of
from tests.providers.recogniser_vendors import COMPLETED, RECOGNISERS, Recogniser, hearing, turn
from tests.providers.speaking import answer as spoken_answer
from tests.providers.speaking import voice
from tests.providers.voice_vendors import EDGE, VOICES, Voice
from tests.support.proxies import environment_of_proxies
from tests.support.running_server import scripted_settings

WITH_ADDRESS = [vendor for vendor in VOICES if vendor is not EDGE]
"""The voices that can be on this machine."""


def name(vendor: Any) -> str:
    return str(vendor.name)


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("vendor", VENDORS, ids=name)
async def test_a_model_is_asked_without(
    vendor: Vendor, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with environment_of_proxies(monkeypatch, scheme=scheme) as asked:
        async with conversation(vendor) as (_fake, wire):
            assert text_of(await answer(wire)) == "Hello from the fake."
        assert asked == []


@pytest.mark.parametrize("name_", ["openai", "anthropic", "google"])
async def test_a_proxy_that_cannot_be_used_stops_the_start_with_its_reason(
    name_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with environment_of_proxies(monkeypatch, scheme="socks5"):
        settings = scripted_settings(llm={"provider": name_, "api_key": "x" * 20})
        with pytest.raises(ProviderSetupError, match=f"'{name_}' cannot be built: .*SOCKS proxy"):
            llm.load(settings.llm)


@pytest.mark.parametrize("vendor", RECOGNISERS, ids=name)
async def test_a_recogniser_is_asked_without(
    vendor: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with environment_of_proxies(monkeypatch) as asked:
        async with hearing(vendor) as (_fake, wire):
            await turn(wire)
            assert wire.of(COMPLETED)[0]["transcript"] == vendor.phrase
        assert asked == []


@pytest.mark.parametrize("vendor", WITH_ADDRESS, ids=name)
async def test_a_voice_is_asked_without(vendor: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    async with environment_of_proxies(monkeypatch) as asked:
        async with vendor.run(monkeypatch, 0) as service, voice(vendor.group(service.base)) as wire:
            assert (await spoken_answer(wire))["status"] == "completed"
        assert asked == []
