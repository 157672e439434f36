"""What holds for every hosted voice: what is heard of it, how it fails, and that it recovers.

A vendor brings a fake and a row in `tests/providers/voice_vendors.py`; what is special to it is in
a file of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import LLMFullResponseEndFrame, LLMFullResponseStartFrame

from config import VENDOR_KEYS, TTSConfig
from providers import ProviderSetupError, tts
from session.ports import OPENAI_VOICES
from tests.providers.fakes.edge import redirect
from tests.providers.speaking import ANSWER, answer, audio, failure, mute_server, voice
from tests.providers.stage import running
from tests.providers.voice_services import Service
from tests.providers.voice_vendors import CLAUSES, EDGE, ELEVENLABS, VOICES, Voice
from tests.support.ports import free_port
from tests.support.wire_client import WireClient

each_vendor = pytest.mark.parametrize("vendor", VOICES, ids=lambda vendor: vendor.name)


def each(rows: str) -> pytest.MarkDecorator:
    """Every vendor with each of some rows of its own."""
    return pytest.mark.parametrize(
        ("vendor", "row"),
        [(vendor, row) for vendor in VOICES for row in getattr(vendor, rows)],
        ids=lambda value: value.name if isinstance(value, Voice) else str(value),
    )


@asynccontextmanager
async def speaking(
    vendor: Voice,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Mapping[str, Any] | None = None,
    text: str = ANSWER,
    **changed: Any,
) -> AsyncIterator[tuple[Service, WireClient]]:
    """Run the product with a vendor's fake; yields that and a session."""
    async with vendor.run(monkeypatch, 0) as service:
        for name, value in (behaviour or {}).items():
            setattr(service.fake, name, value)
        async with voice(vendor.group(service.base, **changed), text=text) as wire:
            yield service, wire


async def heard_whole(service: Service, wire: WireClient) -> None:
    """Ask for an answer, which must be spoken from beginning to end."""
    before, first = len(wire.events), service.spoken
    done = await answer(wire)
    assert done["status"] == "completed", done["status_details"]
    service.expect(audio(wire, before), CLAUSES, first)


@each_vendor
async def test_an_answer_arrives_whole_and_in_order(vendor: Voice, monkeypatch):
    async with speaking(vendor, monkeypatch) as (service, wire):
        await heard_whole(service, wire)


@each_vendor
async def test_audio_is_streamed(vendor: Voice, monkeypatch):
    async with speaking(vendor, monkeypatch) as (service, wire):
        service.hold()
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        service.release()
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        service.expect(audio(wire), CLAUSES, 0)


@each_vendor
async def test_a_cancelled_answer_releases_its_connection_and_the_next_is_spoken(
    vendor: Voice, monkeypatch
):
    async with speaking(vendor, monkeypatch) as (service, wire):
        service.hold()
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        await wire.send("response.cancel")
        assert (await wire.until("response.done"))["response"]["status"] == "cancelled"
        if vendor.left != "at once":
            service.release()
        if vendor.left != "unseen":
            async with asyncio.timeout(20):
                await service.fake.left.wait()
        service.release()
        before = len(wire.events)
        assert (await answer(wire))["status"] == "completed"
        if not service.spoken:
            service.expect(audio(wire, before), CLAUSES, 0)


@each_vendor
async def test_nothing_to_say_ends_at_once_and_needs_no_service(vendor: Voice):
    base = vendor.address(free_port()) if vendor.address else None
    provider = tts.load(TTSConfig(**vendor.group(base)))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(LLMFullResponseStartFrame(), LLMFullResponseEndFrame())
        await pipeline.stage.until(LLMFullResponseEndFrame)
        assert pipeline.stage.errors == []
    await provider.close()


@each("faults")
async def test_a_failure_is_named_and_the_next_answer_is_whole(
    vendor: Voice, row: str, monkeypatch
):
    fault = vendor.faults[row]
    limits = {**vendor.limits, **fault.limits}
    async with speaking(vendor, monkeypatch, fault.behaviour, **limits) as (service, wire):
        error = await failure(wire)
        assert error["code"] == fault.code, error["message"]
        assert error["message"].startswith(f"{vendor.label} failed: ")
        assert all(words in error["message"] for words in fault.words), error["message"]
        assert vendor.key is None or vendor.key not in error["message"]
        service.fake.recover()
        await heard_whole(service, wire)


@each_vendor
async def test_a_service_that_is_down_is_named_and_works_once_it_is_up(vendor: Voice, monkeypatch):
    port = free_port()
    redirect(monkeypatch, port)
    async with voice(vendor.group(vendor.address(port) if vendor.address else None)) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert vendor.away in error["message"]
        async with vendor.run(monkeypatch, port):
            assert (await answer(wire))["status"] == "completed"


@pytest.mark.parametrize("vendor", [EDGE, ELEVENLABS], ids=lambda vendor: vendor.name)
async def test_a_handshake_without_an_answer_times_out(vendor: Voice, monkeypatch):
    async with mute_server() as port:
        redirect(monkeypatch, port)
        base = vendor.address(port) if vendor.address else None
        async with voice(vendor.group(base, connect_timeout_s=0.2)) as wire:
            error = await failure(wire)
            assert error["code"] == "provider_unreachable"
            assert "no connection within 0.2 s" in error["message"]


@each("once")
async def test_a_failure_before_any_sound_is_tried_again(
    vendor: Voice, row: Mapping[str, Any], monkeypatch
):
    async with speaking(vendor, monkeypatch, row, **vendor.limits, retries=1) as (service, wire):
        await heard_whole(service, wire)
        again = service.attempts
    async with speaking(vendor, monkeypatch, **vendor.limits) as (service, wire):
        await heard_whole(service, wire)
        assert again == service.attempts + 1


@each("once")
async def test_without_retries_it_is_not(vendor: Voice, row: Mapping[str, Any], monkeypatch):
    async with speaking(vendor, monkeypatch, row, **vendor.limits) as (_service, wire):
        await failure(wire)
        assert audio(wire) == b""


@each("final")
async def test_a_refusal_and_half_an_answer_are_not_tried_again(
    vendor: Voice, row: Mapping[str, Any], monkeypatch
):
    async with speaking(vendor, monkeypatch, row, text="Hello there.", retries=3) as (
        service,
        wire,
    ):
        await failure(wire)
        assert service.attempts == 1


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VOICES if vendor.named], ids=lambda vendor: vendor.name
)
async def test_openais_names_stand_for_different_voices(vendor: Voice, monkeypatch):
    async with speaking(vendor, monkeypatch, voice_id="fable") as (service, wire):
        provider = tts.load(TTSConfig(**vendor.group(service.base)))
        own = provider.named_voices
        assert set(own) == set(OPENAI_VOICES)
        assert len(set(own.values())) == len(OPENAI_VOICES)
        assert {info.id: info.speaks_as for info in provider.list_voices()}.items() >= own.items()
        await answer(wire)
        assert service.voices == {own["fable"]}


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VOICES if vendor.named], ids=lambda vendor: vendor.name
)
async def test_a_voice_by_its_id_is_the_vendors_own(vendor: Voice, monkeypatch):
    async with speaking(vendor, monkeypatch) as (service, wire):
        own = tts.load(TTSConfig(**vendor.group(service.base))).named_voices["fable"]
        for refused in OPENAI_VOICES:
            voice = {"output": {"voice": {"id": refused}}}
            session = {"type": "realtime", "audio": voice}
            await wire.send("session.update", session=session)
            assert (await wire.until("error"))["error"]["code"] == "invalid_value"
        updated = await wire.update(audio={"output": {"voice": {"id": own}}})
        assert updated["session"]["audio"]["output"]["voice"] == own
        await answer(wire)
        assert service.voices == {own}


@each("refused")
def test_what_cannot_work_is_refused(vendor: Voice, row: tuple[dict[str, Any], str], monkeypatch):
    changed, named = row
    for variable in (VENDOR_KEYS.get(vendor.name, "NONE"), "AZURE_SPEECH_REGION"):
        monkeypatch.delenv(variable, raising=False)
    base = vendor.address(9) if vendor.address else None
    with pytest.raises(ProviderSetupError, match=named):
        tts.load(TTSConfig(**vendor.group(base, **changed)))
