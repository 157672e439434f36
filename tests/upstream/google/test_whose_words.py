"""Gemini Live does not say whose words it writes: none are told as those of another turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.fake_live import Call, FakeLive
from tests.support.live_stack import live_stack
from tests.support.wire_client import WireClient, speech

WORDS = "what is the weather"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
TENTH = 4800
"""Bytes of a tenth of a second."""


async def begin(wire: WireClient) -> None:
    """Let the client commit turns, and the conversation have a connection already."""
    heard_as = {"transcription": {"model": "x"}, "turn_detection": None}
    await wire.update(audio={"input": heard_as})
    await wire.say("hello")
    await wire.until("response.done")


async def commit(wire: WireClient, tenths: int = 8, *, answer: bool = False) -> None:
    """Speak a turn of some tenths of a second."""
    await wire.append(speech()[: tenths * TENTH])
    await wire.send("input_audio_buffer.commit")
    if answer:
        await wire.send("response.create")


async def written(call: Call, text: str) -> None:
    """Let the service write something that it has heard."""
    await call.send(serverContent={"inputTranscription": {"text": text}})


async def closed(call: Call) -> None:
    """Let the service close a connection, behind all that it has written."""
    assert call.socket is not None
    await call.socket.close(1011, "Internal error encountered.")


async def heard(service: FakeLive, calls: int) -> None:
    """Wait until a connection has heard a turn to its end, as the last of so many."""
    await service.until(
        lambda: len(service.calls) == calls and "activityEnd" in service.calls[-1].inputs
    )


def transcripts(wire: WireClient) -> list[str]:
    return [event["transcript"] for event in wire.of(TRANSCRIBED)]


# --- several turns, heard together ----------------------------------------------------------------


@pytest.mark.parametrize("writes", ["spoken", "first", "generated", "complete"])
async def test_a_turn_behind_one_that_nobody_answered_has_its_own_words(writes):
    async with live_stack({"counts_tenths": True, "writes": writes}) as (service, _server, wire):
        await begin(wire)
        if writes == "spoken":
            # What it has heard is what it has heard so far.
            service.counts_tenths, service.transcript = False, WORDS
        await commit(wire, 5)
        await wire.until(TRANSCRIBED)
        service.transcript = "and tomorrow"
        await commit(wire, 9, answer=True)
        await wire.until("response.done")
        if len(wire.of(TRANSCRIBED)) < 2:
            await wire.until(TRANSCRIBED)
        own = [WORDS, "and tomorrow"] if writes == "spoken" else ["5 tenths", "9 tenths"]
        assert transcripts(wire) == own
        assert not wire.of(FAILED)
        # The conversation goes on over the connection that has it.
        connections = len(service.calls)
        await wire.say("typed")
        await wire.until("response.done")
        assert len(service.calls) == connections
        # And another one is told each turn's words.
        await wire.update(instructions="Rhyme.")
        await wire.say("typed once more")
        await wire.until("response.done")
        users = [text for role, text in service.calls[-1].history if role == "user"]
        assert users == ["hello", *own, "typed"]


async def test_words_that_were_written_of_both_while_they_were_spoken_are_nobody_s():
    async with live_stack({"deaf": True}) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        await commit(wire)
        await heard(service, 2)
        await written(main, "the first ")
        await written(service.calls[1], "the first")
        await wire.until(TRANSCRIBED)
        await wire.append(speech()[: 8 * TENTH])
        await service.until(lambda: main.inputs.count("activityStart") == 2)
        await written(main, "and the second")
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        await heard(service, 3)
        await written(service.calls[2], "the second")
        await wire.until(TRANSCRIBED)
        assert transcripts(wire) == ["the first", "the second"]
        assert not wire.of(FAILED)


async def test_two_turns_that_are_answered_together_at_once_have_each_its_words():
    async with live_stack({"counts_tenths": True}) as (_service, _server, wire):
        await begin(wire)
        await commit(wire, 5)
        await commit(wire, 9, answer=True)
        await wire.until(TRANSCRIBED)
        if len(wire.of(TRANSCRIBED)) < 2:
            await wire.until(TRANSCRIBED)
        assert sorted(transcripts(wire)) == ["5 tenths", "9 tenths"]


# --- a turn behind one whose words have not come --------------------------------------------------


@pytest.mark.parametrize("ends", [True, False])
async def test_the_end_of_the_service_s_turn_parts_the_words_of_two(ends):
    plays = asyncio.Event()
    fake: dict[str, Any] = {"deaf": True, "plays": plays, "goes_on": True}
    plays.set()
    async with live_stack(fake) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        plays.clear()
        await commit(wire, answer=True)
        await wire.until("response.output_item.done")
        await wire.append(speech()[: 8 * TENTH])
        await service.until(lambda: main.inputs.count("activityStart") == 3)
        await written(main, "late words")
        if ends:
            plays.set()
            assert (await wire.until(TRANSCRIBED))["transcript"] == "late words"
        else:
            # They may be those of the turn that is being spoken.
            await wire.until(FAILED)
        service.deaf = False
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        assert len(service.calls) == (1 if ends else 2)
        plays.set()


async def test_words_in_the_tail_of_an_answer_are_not_those_of_a_turn_that_is_told_as_a_whole():
    plays, held = asyncio.Event(), asyncio.Event()
    plays.set()
    held.set()
    fake: dict[str, Any] = {"deaf": True, "plays": plays, "held": held, "goes_on": True}
    async with live_stack(fake) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        plays.clear()
        held.clear()
        await commit(wire, answer=True)
        await wire.until("response.output_audio.delta")
        # It is answering: the turn is told as a whole, later.
        await wire.append(speech()[: 8 * TENTH])
        await wire.send("response.cancel", response_id="resp_of_nobody")
        await wire.until("error")
        held.set()
        await wire.until("response.output_item.done")
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        await service.until(lambda: main.inputs.count("activityEnd") == 3)
        await written(main, "late words")
        await heard(service, 2)
        await written(service.calls[1], "its own words")
        plays.set()
        assert (await wire.until(TRANSCRIBED))["transcript"] == "its own words"
        assert len(wire.of(FAILED)) == 1


# --- several connections that write one turn ------------------------------------------------------


async def test_a_connection_beside_that_writes_nothing_is_not_waited_for():
    async with live_stack() as (service, _server, wire):
        await begin(wire)
        service.silent = True
        await commit(wire)
        await heard(service, 2)
        service.silent = False
        await wire.send("response.create")
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        await service.calls[1].closed.wait()


async def test_a_connection_beside_that_breaks_leaves_the_turn_to_the_one_that_answers():
    plays = asyncio.Event()
    plays.set()
    async with live_stack({"plays": plays}) as (service, _server, wire):
        await begin(wire)
        plays.clear()
        service.silent = True
        await commit(wire)
        await heard(service, 2)
        service.silent, service.deaf = False, True
        await wire.send("response.create")
        await wire.until("response.output_item.done")
        await written(service.calls[1], "what is")
        await closed(service.calls[1])
        await written(service.calls[0], WORDS)
        plays.set()
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        assert not wire.of(FAILED)
        assert len(service.calls) == 2


@pytest.mark.parametrize("again", [True, False])
async def test_a_connection_beside_that_breaks_is_replaced_once(again):
    async with live_stack() as (service, _server, wire):
        await begin(wire)
        service.silent = True
        await commit(wire)
        await heard(service, 2)
        service.silent = again
        service.calls[1].abort()
        if again:
            await heard(service, 3)
            service.calls[2].abort()
            assert "the connection was lost" in (await wire.until(FAILED))["error"]["message"]
            assert len(service.calls) == 3
        else:
            assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS


async def test_words_that_come_behind_a_failure_are_told_to_the_next_connection():
    async with live_stack() as (service, _server, wire):
        await begin(wire)
        service.silent = True
        await commit(wire)
        for calls in (2, 3):
            await heard(service, calls)
            service.calls[-1].abort()
        await wire.until(FAILED)
        service.recover()
        await wire.send("response.create")
        await wire.until("response.done")
        await wire.say("typed")
        await wire.until("response.done")
        await wire.update(instructions="Rhyme.")
        await wire.say("typed once more")
        await wire.until("response.done")
        assert ("user", WORDS) in service.calls[-1].history
        assert not wire.of(TRANSCRIBED)
