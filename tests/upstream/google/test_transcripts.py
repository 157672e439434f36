"""Transcripts of Gemini Live, which come in no order with its answers, as a client gets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.live_stack import live_stack
from tests.support.wire_client import WireClient, speech

WORDS = "what is the weather"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


async def ask(wire: WireClient) -> None:
    """Speak a turn of which the client decides when it ends, and ask for an answer."""
    await wire.append(speech())
    await wire.send("input_audio_buffer.commit")
    await wire.send("response.create")


async def by_hand(wire: WireClient) -> None:
    """Want transcripts of turns that the client commits."""
    heard_as = {"transcription": {"model": "x"}, "turn_detection": None}
    await wire.update(audio={"input": heard_as})


@pytest.mark.parametrize("writes", ["spoken", "first", "generated", "complete"])
async def test_it_does_not_matter_when_a_transcript_is_written(writes):
    fake: dict[str, Any] = {"writes": writes, "plays": asyncio.Event()}
    async with live_stack(fake) as (service, _server, wire):
        if writes == "complete":
            fake["plays"].set()
        await by_hand(wire)
        await ask(wire)
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        assert not wire.of(FAILED)
        # Another connection is told it as the words of the user.
        fake["plays"].set()
        await wire.update(instructions="Rhyme.")
        await wire.say("two")
        await wire.until("response.done")
        await service.until(lambda: len(service.calls) == 2 and service.calls[1].inputs)
        assert service.calls[1].history[0] == ("user", WORDS)


@pytest.mark.parametrize("writes", ["spoken", "first", "generated", "complete"])
async def test_each_turn_has_its_own_words(writes):
    async with live_stack({"writes": writes}) as (service, _server, wire):
        await by_hand(wire)
        await ask(wire)
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        if not wire.of("response.done"):
            await wire.until("response.done")
        service.transcript = "and tomorrow"
        await ask(wire)
        assert (await wire.until(TRANSCRIBED))["transcript"] == "and tomorrow"
        assert len(service.calls) == 1


async def test_a_transcript_that_never_comes_fails_when_the_next_turn_is_told():
    async with live_stack({"deaf": True, "plays": asyncio.Event()}) as (service, _server, wire):
        await by_hand(wire)
        await ask(wire)
        await wire.until("response.output_item.done")
        service.deaf = False
        await ask(wire)
        await wire.until(FAILED)
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
