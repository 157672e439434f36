"""The voices of `azure`: what is special to Microsoft's SDK, on a server that speaks with it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.providers.fakes.azure import KEY, VOICE_MS, FakeAzure, fake_azure
from tests.providers.heard import heard
from tests.providers.speaking import voice
from tests.providers.voice_vendors import AZURE
from tests.support.wire_client import WireClient

SENTENCES = ["Hello <there> & friends.", "This is the second sentence."]


@asynccontextmanager
async def stack(**changed: Any) -> AsyncIterator[tuple[FakeAzure, WireClient]]:
    async with (
        fake_azure() as fake,
        voice(AZURE.group(fake.base, **changed), text=" ".join(SENTENCES)) as wire,
    ):
        yield fake, wire


async def answer(wire: WireClient, **response: Any) -> dict[str, Any]:
    await wire.send("response.create", response=response)
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


def spoken(fake: FakeAzure) -> list[tuple[str, str]]:
    return [utterance for call in fake.calls for utterance in call.spoken]


async def test_what_means_something_in_markup_is_only_text_and_the_audio_is_raw():
    async with stack() as (fake, wire):
        assert (await answer(wire))["status"] == "completed"
        assert [text for _voice, text in spoken(fake)] == SENTENCES
        call = fake.calls[-1]
        assert (call.path, call.key) == ("/tts/cognitiveservices/websocket/v1", KEY)
        wanted = call.contexts[0]["synthesis"]["audio"]["outputFormat"]
        assert wanted == "raw-24khz-16bit-mono-pcm"


async def test_the_sdk_tells_the_service_when_messages_came_and_not_who_or_what():
    """Its switch works for recognisers alone: SECURITY.md says what a voice still tells."""
    async with stack() as (fake, wire):
        for _ in range(3):
            assert (await answer(wire))["status"] == "completed"
    reports = [json.loads(report) for call in fake.calls for report in call.reports]
    assert {name for report in reports for name in report} <= {"Metrics", "ReceivedMessages"}
    metrics = [metric for report in reports for metric in report.get("Metrics", [])]
    known = {"Name", "Id", "Start", "End", "DeviceId"}
    assert all(metric.keys() <= known for metric in metrics)
    assert not any(word in str(reports) for word in (*SENTENCES, socket.gethostname()))


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


async def test_a_name_that_cannot_be_a_voice_is_named():
    async with stack() as (fake, wire):
        done = await answer(wire, audio={"output": {"voice": "x' y"}})
        error = done["status_details"]["error"]
        assert error["code"] == "invalid_request"
        assert 'no voice of Azure is called "x\' y"' in error["message"]
        assert not spoken(fake)


@pytest.mark.parametrize("speed", [1.0, 0.75, 1.25])
async def test_a_cut_leaves_the_words_that_azure_had_said(speed):
    text = "It's 7:30 & I paid $1,250, really."
    words = text.split()
    # The fake says 9 words and marks evenly; "$1,250," is a word and a mark, "&" a mark.
    parts = {"7:30": 1, "I": 3, "paid": 4, "$1,250,": 5, "really.": 7}
    counts = [words.index(word) for word in parts]
    cuts = [VOICE_MS / 9 * (part + 0.7) / speed for part in parts.values()]
    async with fake_azure() as fake:
        told = await heard(AZURE.group(fake.base), text, cuts[::-1], speed)
    assert told == [" ".join(words[:count]) for count in counts[::-1]]
