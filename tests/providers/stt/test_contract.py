"""What holds for every hosted recogniser: what it hears, how it fails, and that it recovers.

A vendor brings a fake and a row in `tests/providers/recogniser_vendors.py`; what is special to it
is in a file of its own.
"""

from __future__ import annotations

import pytest

from config import VENDOR_KEYS, STTConfig
from providers import ProviderSetupError, stt
from tests.providers.recogniser_vendors import (
    COMPLETED,
    DELTA,
    FAILED,
    RECOGNISERS,
    Recogniser,
    hearing,
    talking,
    turn,
)
from tests.support.ports import free_port
from tests.support.wire_client import WireClient

each_vendor = pytest.mark.parametrize("vendor", RECOGNISERS, ids=lambda vendor: vendor.name)
each_that_fails_once = pytest.mark.parametrize(
    "vendor", [vendor for vendor in RECOGNISERS if vendor.once], ids=lambda vendor: vendor.name
)


def transcripts(wire: WireClient) -> list[str]:
    return [event["transcript"] for event in wire.of(COMPLETED)]


def turn_ms(wire: WireClient) -> int:
    """Length of the first turn: neither more nor less is to be heard."""
    start: int = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
    end: int = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
    return end - start


@each_vendor
async def test_it_hears_exactly_the_turn(vendor: Recogniser):
    async with hearing(vendor) as (fake, wire):
        assert (await turn(wire))["status"] == "completed"
        assert transcripts(wire) == [vendor.phrase]
        assert fake.heard_ms == [pytest.approx(turn_ms(wire), abs=20)]


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in RECOGNISERS if vendor.interims], ids=lambda vendor: vendor.name
)
async def test_interims_become_deltas_between_committed_and_completed(vendor: Recogniser):
    assert vendor.interims is not None
    behaviour, whole = vendor.interims
    async with hearing(vendor, behaviour) as (_fake, wire):
        await turn(wire)
        deltas = [event["delta"] for event in wire.of(DELTA)]
        assert "".join(deltas) == whole
        assert len(deltas) > 1
        types = wire.types()
        last = len(types) - 1 - types[::-1].index(DELTA)
        assert types.index("input_audio_buffer.committed") < types.index(DELTA)
        assert last < types.index(COMPLETED)


@each_vendor
async def test_nothing_understood_is_an_empty_transcript(vendor: Recogniser):
    async with hearing(vendor, vendor.nothing) as (_fake, wire):
        await turn(wire)
        assert transcripts(wire) == [""]


@pytest.mark.parametrize(
    ("vendor", "fault"),
    [(vendor, fault) for vendor in RECOGNISERS for fault in vendor.faults],
    ids=lambda value: value.name if isinstance(value, Recogniser) else value,
)
async def test_a_failure_is_named_and_the_next_turn_works(vendor: Recogniser, fault: str):
    failing = vendor.faults[fault]
    limits = {"connect_timeout_s": failing.limit_s, "timeout_s": failing.limit_s, "retries": 0}
    async with hearing(vendor, failing.behaviour, **limits) as (fake, wire):
        assert (await turn(wire))["status"] == "failed"
        (failed,) = wire.of(FAILED)
        message = failed["error"]["message"]
        assert failed["error"]["code"] == failing.code, message
        assert message.startswith(f"{vendor.label} failed: ")
        assert failing.words in message
        assert vendor.key not in message
        fake.recover()
        assert (await turn(wire))["status"] == "completed"
        assert transcripts(wire) == [vendor.phrase]
        if vendor.once is not None:
            assert fake.attempts == 2, "nobody went on trying for the turn that failed"


@each_vendor
async def test_a_service_that_is_down_is_named_and_the_next_turn_works(vendor: Recogniser):
    port = free_port()
    base = f"http://127.0.0.1:{port}{vendor.path}"
    async with talking(vendor.stack(base, retries=0)) as wire:
        await turn(wire)
        error = wire.of(FAILED)[0]["error"]
        assert error["code"] == "provider_unreachable"
        assert "stt.api_base" in error["message"]
        async with vendor.fake(port=port):
            assert (await turn(wire))["status"] == "completed"


@each_that_fails_once
async def test_a_first_attempt_that_fails_is_repeated_with_the_whole_turn(vendor: Recogniser):
    async with hearing(vendor, vendor.once, retries=1) as (fake, wire):
        assert (await turn(wire))["status"] == "completed"
        assert transcripts(wire) == [vendor.phrase]
        assert fake.attempts == 2
        assert fake.heard_ms == [pytest.approx(turn_ms(wire), abs=20)]


@each_that_fails_once
async def test_a_refusal_is_not_asked_for_again(vendor: Recogniser):
    async with hearing(vendor, vendor.faults["wrong key"].behaviour, retries=3) as (fake, wire):
        assert (await turn(wire))["status"] == "failed"
        assert fake.attempts == 1


@pytest.mark.parametrize(
    ("vendor", "changed", "named"),
    [(vendor, *row) for vendor in RECOGNISERS for row in vendor.refused],
    ids=lambda value: value.name if isinstance(value, Recogniser) else None,
)
def test_what_cannot_work_is_refused(vendor: Recogniser, changed, named, monkeypatch):
    for variable in (VENDOR_KEYS[vendor.name], "AZURE_SPEECH_REGION"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ProviderSetupError, match=named):
        stt.load(STTConfig(**vendor.group("ws://127.0.0.1:9", **changed)))
