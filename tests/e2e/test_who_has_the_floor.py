"""A server with its own detector: what is said during an answer interrupts it by its words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from audio.pcm import read_wav, silence
from tests.support.places import DATA
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client

SPEECH = read_wav(DATA / "flite-slt_s01.wav")
SYLLABLE = SPEECH[300 * 48 : 700 * 48]
"""As much of a voice as an "okay" has."""
STARTED = "input_audio_buffer.speech_started"
COMMITTED = "input_audio_buffer.committed"


def short() -> bytes:
    """Something short, and the silence that ends its turn."""
    return silence(300) + SYLLABLE + silence(1200)


@asynccontextmanager
async def answered(said: str, **detection: object) -> AsyncIterator[WireClient]:
    """A client that plays a long answer, on a server that hears the same words in every turn."""
    settings = scripted_settings(
        stt={"text": said, "delay_ms": 0}, tts={"ms_per_character": 400, "delay_ms": 0}
    )
    async with running(settings) as server, client(server.url) as wire:
        wanted = {"type": "server_vad", **detection}
        await wire.update(audio={"input": {"turn_detection": wanted}})
        await wire.say("Tell me a story.")
        await wire.until("rate_limits.updated")
        wire.events.clear()
        yield wire


async def test_a_back_channel_interrupts_nothing_and_is_not_answered() -> None:
    async with answered("Uh-huh.", backchannels="keep") as wire:
        await wire.append(short())
        kept = await wire.until(COMMITTED)
        await wire.until("conversation.item.done")
        await wire.settled()
        assert wire.types()[0] == COMMITTED
        assert STARTED not in wire.types()
        assert "response.created" not in wire.types()
        await wire.send("conversation.item.retrieve", item_id=kept["item_id"])
        item = (await wire.until("conversation.item.retrieved"))["item"]
        assert item["content"][0]["transcript"] == "Uh-huh."


@pytest.mark.parametrize("word", ["Stop.", "停"])
async def test_a_single_word_interrupts(word: str) -> None:
    async with answered(word) as wire:
        await wire.append(short())
        created = await wire.until("response.created")
        assert created["response"]["status"] == "in_progress"
        assert wire.types()[:3] == [STARTED, "input_audio_buffer.speech_stopped", COMMITTED]


async def test_a_voice_that_goes_on_interrupts_before_it_is_understood() -> None:
    async with answered("") as wire:
        await wire.append(silence(300) + SPEECH)
        started = await wire.until(STARTED)
        onset_ms = 300
        assert abs(started["audio_start_ms"] - onset_ms) < 320 + 32


async def test_every_voice_interrupts_if_the_client_wants_it() -> None:
    async with answered("Uh-huh.", interruptions="any") as wire:
        await wire.append(short())
        assert (await wire.receive())["type"] == STARTED
