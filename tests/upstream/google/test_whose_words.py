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


async def half(wire: WireClient, call: Call) -> None:
    """Let the service write the beginning of a transcript, and the client get it."""
    for word in ("what ", "is ", "the "):
        await written(call, word)
    await wire.until("conversation.item.input_audio_transcription.delta")


async def heard(service: FakeLive, calls: int) -> None:
    """Wait until a connection has heard a turn to its end, as the last of so many."""
    await service.until(
        lambda: len(service.calls) == calls and "activityEnd" in service.calls[-1].inputs
    )


async def heard_beside(service: FakeLive, wire: WireClient) -> None:
    """Speak a turn that nobody answers: a connection beside the answering one hears it, too."""
    await begin(wire)
    service.silent = True
    await commit(wire)
    await heard(service, 2)


async def transcribed(wire: WireClient, turns: int) -> None:
    """Wait until so many turns have their words, and none has failed."""
    while len(wire.of(TRANSCRIBED)) < turns:
        await wire.until(TRANSCRIBED)
    assert len(wire.of(TRANSCRIBED)) == turns and not wire.of(FAILED)


def told(wire: WireClient) -> list[str]:
    """Return the transcripts in the order of the turns."""
    words = {event["item_id"]: event["transcript"] for event in wire.of(TRANSCRIBED)}
    return [words[event["item_id"]] for event in wire.of("input_audio_buffer.committed")]


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
            await heard(service, 2)
            await written(service.calls[1], "its own words")
            assert (await wire.until(TRANSCRIBED))["transcript"] == "its own words"
        service.deaf = False
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS
        assert len(service.calls) == (1 if ends else 3)
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
        await heard(service, 3)
        await written(service.calls[1], "the first")
        await written(service.calls[2], "the second")
        plays.set()
        await transcribed(wire, 2)
        assert told(wire) == ["the first", "the second"]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("ends", ["before", "then", "when told"])
async def test_words_behind_the_end_of_the_service_s_turn_are_not_those_of_the_next(ends, begun):
    plays = asyncio.Event()
    plays.set()
    fake: dict[str, Any] = {"deaf": True, "counts_tenths": True, "plays": plays}
    async with live_stack(fake) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        if ends == "then":
            plays.clear()
        await commit(wire, 5, answer=True)
        await wire.until("response.output_item.done" if ends == "then" else "response.done")
        if begun:
            await written(main, "what is ")
        # The words are too late for the first, or its rest is.
        service.deaf = False
        await wire.append(speech()[: 9 * TENTH])
        await service.until(lambda: main.inputs.count("activityStart") == 3)
        if ends != "when told":
            await written(main, "the weather")
            # Nobody knows whose they are: the first is written by another connection.
            assert (await wire.until(TRANSCRIBED))["transcript"] == "5 tenths"
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        if ends == "when told":
            await service.until(lambda: main.inputs.count("activityEnd") == 3)
            await written(main, "the weather")
        plays.set()
        await transcribed(wire, 2)
        assert told(wire) == ["5 tenths", "9 tenths"]
        # The next connection is told the same.
        if len(wire.of("response.done")) < 3:
            await wire.until("response.done")
        await wire.update(instructions="Rhyme.")
        await wire.say("typed")
        await wire.until("response.done")
        users = [text for role, text in service.calls[-1].history if role == "user"]
        assert users == ["hello", "5 tenths", "9 tenths"]


async def test_a_turn_behind_words_of_nobody_has_its_own():
    async with live_stack({"deaf": True, "counts_tenths": True}) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        await commit(wire, 5, answer=True)
        await wire.until("response.done")
        service.deaf = False
        await commit(wire, 9, answer=True)
        await wire.until("response.done")
        # More of the two before may still come, whatever has.
        await commit(wire, 7, answer=True)
        await service.until(lambda: main.inputs.count("activityEnd") == 4)
        await written(main, " and the rest")
        await transcribed(wire, 3)
        assert told(wire) == ["5 tenths", "9 tenths", "7 tenths"]


async def test_a_typed_turn_does_not_end_the_transcript_of_the_one_before():
    async with live_stack({"deaf": True}) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        await commit(wire, answer=True)
        await wire.until("response.done")
        await wire.say("typed")
        await wire.until("response.done")
        await written(main, WORDS)
        await transcribed(wire, 1)
        assert told(wire) == [WORDS]
        assert service.calls == [main]


async def test_a_turn_that_is_begun_and_cleared_does_not_end_the_transcript_of_the_one_before():
    async with live_stack({"deaf": True}) as (service, _server, wire):
        await begin(wire)
        (main,) = service.calls
        await commit(wire, answer=True)
        await wire.until("response.done")
        await wire.append(speech()[: 4 * TENTH])
        await service.until(lambda: main.inputs.count("activityStart") == 3)
        await wire.send("input_audio_buffer.clear")
        await wire.until("input_audio_buffer.cleared")
        service.deaf = False
        await written(main, "whose are they?")
        await transcribed(wire, 1)
        assert told(wire) == [WORDS]


# --- several connections that write one turn ------------------------------------------------------


@pytest.mark.parametrize("lost", ["answering", "cancelled", "beside"])
async def test_half_a_transcript_is_not_told_as_one(lost):
    held = asyncio.Event()
    held.set()
    async with live_stack({"held": held, "deaf": True}) as (service, _server, wire):
        await begin(wire)
        held.clear()
        await commit(wire, answer=lost != "beside")
        if lost == "beside":
            await heard(service, 2)
        else:
            await wire.until("response.output_audio.delta")
        await half(wire, service.calls[-1])
        service.deaf = False
        if lost == "cancelled":
            await wire.send("response.cancel")
            await service.calls[0].closed.wait()
        else:
            await closed(service.calls[-1])
        held.set()
        await transcribed(wire, 1)
        assert told(wire) == [WORDS]


async def test_half_a_transcript_fails_if_no_other_can_be_had():
    async with live_stack() as (service, _server, wire):
        await begin(wire)
        service.silent = True
        await commit(wire)
        for calls in (2, 3):
            await heard(service, calls)
            await written(service.calls[-1], "what is ")
            await closed(service.calls[-1])
        await wire.until(FAILED)
        assert not wire.of(TRANSCRIBED)


async def test_a_whole_transcript_is_told_though_another_connection_had_words_first():
    async with live_stack() as (service, _server, wire):
        await heard_beside(service, wire)
        await half(wire, service.calls[1])
        # It hangs from here on.
        service.silent = False
        await wire.send("response.create")
        await transcribed(wire, 1)
        assert told(wire) == [WORDS]
        await service.calls[1].closed.wait()


async def test_a_connection_beside_that_writes_nothing_is_not_waited_for():
    async with live_stack() as (service, _server, wire):
        await heard_beside(service, wire)
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
        await heard_beside(service, wire)
        service.silent = again
        service.calls[1].abort()
        if again:
            await heard(service, 3)
            service.calls[2].abort()
            assert "the connection was lost" in (await wire.until(FAILED))["error"]["message"]
            assert len(service.calls) == 3
        else:
            assert (await wire.until(TRANSCRIBED))["transcript"] == WORDS


async def test_of_two_turns_that_are_written_apart_each_connection_is_replaced():
    async with live_stack({"deaf": True}) as (service, _server, wire):
        await begin(wire)
        await commit(wire, 5, answer=True)
        await wire.until("response.done")
        # Words of the first may come with those of the second: both are written elsewhere.
        await commit(wire, 8, answer=True)
        await service.until(
            lambda: [call.inputs.count("activityEnd") for call in service.calls[1:]] == [1, 1]
        )
        service.deaf, service.counts_tenths = False, True
        first, second = service.calls[1:]
        first.abort()
        await wire.until(TRANSCRIBED)
        second.abort()
        await transcribed(wire, 2)
        assert told(wire) == ["5 tenths", "8 tenths"]


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
