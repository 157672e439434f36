"""Transcripts of Gemini Live, which come in no order with its answers, as a client gets them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.fake_live import Call
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


async def written(call: Call, text: str) -> None:
    """Let the service write something that it has heard."""
    await call.send(serverContent={"inputTranscription": {"text": text}})


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


async def test_words_that_come_too_late_are_not_those_of_the_next_turn():
    held = asyncio.Event()
    held.set()
    async with live_stack({"deaf": True, "held": held}) as (service, _server, wire):
        await by_hand(wire)
        await ask(wire)
        await wire.until(FAILED)
        (call,) = service.calls
        await written(call, "too late")
        held.clear()
        await wire.say("typed")
        await wire.until("response.output_audio.delta")
        # It is answering: the turn is told as a whole, later.
        await wire.append(speech())
        await wire.send("response.cancel", response_id="resp_of_nobody")
        await wire.until("error")
        held.set()
        await wire.until("response.done")
        service.deaf = False
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS


async def test_a_turn_that_is_answered_after_all_is_written_once():
    plays = asyncio.Event()
    async with live_stack({"plays": plays}) as (service, _server, wire):
        await by_hand(wire)
        await wire.append(speech())
        await wire.send("input_audio_buffer.commit")
        # Nobody has asked for an answer: another connection writes it.
        await service.until(lambda: any("activityEnd" in call.inputs for call in service.calls))
        await wire.send("response.create")
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        assert sum("activityEnd" in call.inputs for call in service.calls) == 2
        plays.set()
        if not wire.of("response.done"):
            await wire.until("response.done")
        assert len(wire.of(TRANSCRIBED)) == 1


@pytest.mark.parametrize("behind", ["call", "output", "turn"])
async def test_the_rest_of_a_transcript_is_waited_for(behind):
    fake: dict[str, Any] = {"transcript": "what is ", "plays": asyncio.Event()}
    if behind == "turn":
        fake["plays"].set()
    if behind == "call":
        fake["tools"] = [("get_weather", {})]
    async with live_stack(fake) as (service, _server, wire):
        await wire.update(tools=[{"type": "function", "name": "get_weather"}])
        await by_hand(wire)
        await ask(wire)
        await wire.until("response.done" if behind == "turn" else "response.output_item.done")
        assert not wire.of(TRANSCRIBED)
        await written(service.calls[0], "the weather")
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
