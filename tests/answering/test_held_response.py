"""Answers that are begun at a pause: there at once if the turn is over, else without a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from answering import held_response, voice_lead
from answering.held_response import HeldResponse
from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from audio.pcm import silence
from session.ports import ResponseRequest
from tests.support.clips import FIRST, PAUSE_MS, SECOND
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_stack import stack
from tests.support.wire_client import WireClient


@asynccontextmanager
async def talking(**changed: Any) -> AsyncIterator[tuple[FakeOpenAI, WireClient]]:
    async with stack(**changed) as (fake, _server, wire):
        await wire.update(audio={"input": {"transcription": {"model": "m"}}})
        yield fake, wire


async def guessed(fake: FakeOpenAI, wire: WireClient, count: int = 1) -> None:
    """Wait until `count` answers have been begun; silence keeps the audio coming."""
    while len(fake.chats) < count:
        await wire.update()


async def test_the_answer_is_begun_before_the_turn_is_over():
    async with talking() as (fake, wire):
        await wire.append(FIRST + silence(PAUSE_MS))
        await guessed(fake, wire)
        assert "input_audio_buffer.speech_stopped" not in wire.types()
        assert not any(kind.startswith("response.") for kind in wire.types())
        await wire.append(silence(600))
        done = (await wire.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "Hello from the fake."
        completed = wire.of("conversation.item.input_audio_transcription.completed")
        assert [event["transcript"] for event in completed] == [fake.transcript]
        assert (len(fake.transcriptions), len(fake.chats)) == (1, 1)


async def test_what_is_begun_early_does_not_fill_the_memory(monkeypatch):
    """A voice may make minutes of speech before it is known whether anybody wants it."""
    monkeypatch.setattr(held_response, "MAX_HELD_BYTES", 1)
    monkeypatch.setattr(voice_lead, "MAX_UNHEARD_BYTES", 1)
    async with talking() as (fake, wire):
        fake.reply = ["And this is a sentence. "] * 20
        await wire.append(FIRST + silence(PAUSE_MS))
        await guessed(fake, wire)
        for _ in range(300):
            await wire.update()
        assert len(fake.speeches) < 5
        await wire.append(silence(600))
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(fake.speeches) == 20


async def test_whoever_goes_on_talking_has_said_one_turn():
    async with talking() as (fake, wire):
        fake.transcript = "half of it"
        await wire.append(FIRST + silence(PAUSE_MS))
        await guessed(fake, wire)
        fake.transcript = "all of it"
        await wire.append(SECOND + silence(900))
        done = (await wire.until("response.done"))["response"]
        await wire.settled()
        assert done["status"] == "completed"
        assert len(wire.of("input_audio_buffer.committed")) == 1
        assert len(wire.of("response.created")) == 1
        completed = wire.of("conversation.item.input_audio_transcription.completed")
        assert [event["transcript"] for event in completed] == ["all of it"]
        assert fake.chats[-1]["messages"][-1] == {"role": "user", "content": "all of it"}
        assert [message["role"] for message in fake.chats[-1]["messages"]] == ["system", "user"]
        # The recogniser heard the whole turn again, not only what came after the pause.
        lengths = [heard["audio"]["frames"] for heard in fake.transcriptions]
        assert lengths[-1] > lengths[0]


async def test_what_changes_in_the_pause_counts():
    async with talking() as (fake, wire):
        await wire.append(FIRST + silence(PAUSE_MS))
        await guessed(fake, wire)
        await wire.update(instructions="Speak like a pirate.")
        await wire.append(silence(600))
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(fake.chats) == 2
        assert fake.chats[1]["messages"][0]["content"] == "Speak like a pirate."


async def test_a_guess_that_failed_is_made_good_when_the_turn_is_over():
    async with talking(stt={"retries": 0}) as (fake, wire):
        fake.status = 500
        await wire.append(FIRST + silence(PAUSE_MS))
        while not fake.refused:
            await wire.update()
        fake.status = 200
        await wire.append(silence(600))
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert not wire.of("conversation.item.input_audio_transcription.failed")


async def test_an_answer_that_failed_early_is_tried_again():
    async with talking(llm={"retries": 0}) as (fake, wire):
        fake.finish = None
        await wire.append(FIRST + silence(PAUSE_MS))
        await guessed(fake, wire)
        await wire.update()
        fake.finish = "stop"
        await wire.append(silence(600))
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert len(fake.chats) == 2


async def test_an_early_answer_comes_in_the_usual_order():
    async with talking() as (fake, wire):
        await wire.append(FIRST + silence(PAUSE_MS))
        await guessed(fake, wire)
        start = len(wire.events)
        await wire.append(silence(600))
        await wire.until("response.done")
        kinds = list(dict.fromkeys(wire.types(start)))
        order = [
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_audio.delta",
            "response.done",
        ]
        assert [kind for kind in kinds if kind in order] == order


@pytest.mark.parametrize("spoken", ["", "hm"])
async def test_nothing_is_begun_for_a_noise(spoken):
    async with talking() as (fake, wire):
        fake.transcript = spoken
        await wire.append(FIRST + silence(900))
        await wire.until("response.done")
        assert len(fake.chats) == len(spoken.split())


async def test_it_can_be_switched_off():
    async with talking(vad={"speculative": False}) as (fake, wire):
        await wire.append(FIRST + silence(PAUSE_MS) + SECOND + silence(900))
        done = await wire.until("response.done")
        assert (len(fake.transcriptions), len(fake.chats)) == (1, 1), done


CLIP = Clip(b"12345678", AudioFormat(), None)


def heard(clip: Clip, item_id: str = "item_1", text: str = "Listen:") -> ResponseRequest:
    """A request of a model that hears."""
    audio = {"type": "input_audio", "item_id": item_id, "clip": clip}
    parts = [{"type": "text", "text": text}, audio]
    return ResponseRequest("resp_1", "", [{"role": "user", "content": parts}])


@pytest.mark.parametrize(
    ("wanted", "same"),
    [
        (heard(CLIP), True),
        (heard(replace(CLIP, audio=CLIP.audio + bytes(960))), True),
        (heard(replace(CLIP, audio=CLIP.audio[:-2])), True),
        (heard(replace(CLIP, audio=b"87654321")), False),
        (heard(replace(CLIP, format=AudioFormat("audio/pcmu"))), False),
        (heard(replace(CLIP, noise=NoiseReduction("near_field"))), False),
        (heard(CLIP, item_id="item_2"), False),
        (heard(CLIP, text="Look:"), False),
        (replace(heard(CLIP), messages=[]), False),
        (replace(heard(CLIP), instructions="Be brief."), False),
    ],
)
async def test_of_what_is_heard_only_the_silence_behind_it_may_differ(wanted, same):
    held = HeldResponse(heard(CLIP), Room(), lambda _error: None)
    assert held.answers(replace(wanted, response_id="resp_2")) == same


class Room:
    """A client that reads all."""

    has_room = True

    async def room(self) -> None:
        """There is room."""
