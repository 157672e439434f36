"""Turns and responses of a Realtime service behind a session, as a client gets them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from audio.formats import AudioFormat
from audio.pcm import silence
from tests.support.fake_realtime import LOGPROBS, SOUND, USAGE
from tests.support.upstream_stack import stack
from tests.support.wire_client import WireClient, client, speech
from upstream.openai.turns import KEPT_ITEMS

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def heard(wire: WireClient) -> bytes:
    """Return all audio that the client got."""
    deltas = wire.of("response.output_audio.delta")
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


def asked(call: Any) -> list[dict[str, Any]]:
    """Return what the service was asked to answer."""
    return [event["response"] for event in call.of("response.create")]


def said(*texts: str) -> dict[str, Any]:
    """Return an item of the user's."""
    content = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "role": "user", "content": content}


async def test_a_typed_turn_is_answered_by_the_service():
    async with stack() as (service, _server, wire):
        await wire.update(instructions="Be brief.", max_output_tokens=77)
        await wire.say("hello")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert done["output"][0]["content"][0]["transcript"] == "It is sunny, and warm."
        assert heard(wire) == SOUND * 3
        (call,) = service.calls
        (request,) = asked(call)
        assert request["input"] == [said("hello")]
        assert (request["instructions"], request["max_output_tokens"]) == ("Be brief.", 77)
        assert (request["conversation"], request["output_modalities"]) == ("none", ["audio"])


async def test_the_service_is_told_that_turns_are_decided_here():
    async with stack() as (service, _server, wire):
        await wire.say("hello")
        await wire.until("response.done")
        update, transcribing = service.calls[0].of("session.update")
        given = update["session"]["audio"]["input"]
        assert given["turn_detection"] is None
        assert given["format"] == {"type": "audio/pcm", "rate": 24000}
        given = transcribing["session"]["audio"]["input"]
        assert given == {"transcription": {"model": "gpt-transcribe"}}
        assert service.calls[0].headers["authorization"] == "Bearer sk-upstream-secret-key"
        assert service.calls[0].query["model"] == ["gpt-realtime"]


async def test_a_spoken_turn_is_heard_as_it_is_spoken_and_answered_by_reference():
    async with stack() as (service, _server, wire):
        await wire.update(audio={"input": {"transcription": {"model": "x"}}})
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        await wire.settled()
        assert done["status"] == "completed"
        assert [event["transcript"] for event in wire.of(TRANSCRIBED)] == ["what is the weather"]
        (call,) = service.calls
        (request,) = asked(call)
        assert [item["type"] for item in request["input"]] == ["item_reference"]
        item_id = wire.of("input_audio_buffer.committed")[0]["item_id"]
        assert request["metadata"]["response_id"] == done["id"]
        retrieved = await retrieve(wire, item_id)
        # The audio goes to the service once, just as the client sent it; what came before it was
        # known that the turn is over belongs to it there.
        assert call.audio.startswith(retrieved)
        assert len(call.audio) - len(retrieved) < len(silence(100))


async def retrieve(wire: WireClient, item_id: str) -> bytes:
    await wire.send("conversation.item.retrieve", item_id=item_id)
    item = (await wire.until("conversation.item.retrieved"))["item"]
    return base64.b64decode(item["content"][0]["audio"])


async def test_the_second_turn_reads_the_first_by_its_words():
    async with stack() as (service, _server, wire):
        await wire.append(speech())
        await wire.until("response.done")
        await wire.append(speech())
        await wire.until("response.done")
        _first, second = asked(service.calls[0])
        first_said = {"type": "input_text", "text": "what is the weather"}
        answer = {"type": "output_text", "text": "It is sunny, and warm."}
        assert second["input"][:2] == [
            {"type": "message", "role": "user", "content": [first_said]},
            {"type": "message", "role": "assistant", "content": [answer]},
        ]
        assert second["input"][2]["type"] == "item_reference"


async def test_a_tool_is_called_and_its_result_read():
    async with stack({"tool": ("get_weather", '{"city": "Oslo"}')}) as (service, _server, wire):
        await wire.update(tools=[WEATHER])
        await wire.say("weather?")
        (call,) = (await wire.until("response.done"))["response"]["output"]
        assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Oslo"}')
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "21C"}
        await wire.send("conversation.item.create", item=result)
        await wire.send("response.create", response={"tools": []})
        done = (await wire.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "It is sunny, and warm."
        first, second = asked(service.calls[0])
        assert first["tools"] == [WEATHER]
        made = {"type": "function_call", "call_id": call["call_id"], "name": "get_weather"}
        assert second["input"] == [
            said("weather?"),
            {**made, "arguments": '{"city": "Oslo"}'},
            result,
        ]


async def test_the_usage_is_the_service_s_own():
    async with stack() as (_service, _server, wire):
        await wire.say("hello")
        usage = (await wire.until("response.done"))["response"]["usage"]
        assert usage == USAGE


async def test_speech_over_an_answer_cancels_it_at_the_service():
    held = asyncio.Event()
    unheard: dict[str, Any] = {"held": held, "pieces": 50}
    async with stack(unheard, turns={"interruptions": "any"}) as (service, _server, wire):
        await wire.say("tell me a story")
        first = (await wire.until("response.output_audio.delta"))["response_id"]
        await wire.append(speech())
        done = (await wire.until("response.done"))["response"]
        assert (done["id"], done["status"]) == (first, "cancelled")
        (call,) = service.calls
        await service.until(lambda: call.of("response.cancel"))
        held.set()
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert len(call.of("response.cancel")) == 1
        assert not [one for one in wire.events[-4:] if one.get("response_id") == first]


async def test_what_is_truncated_or_deleted_here_is_not_read_there():
    async with stack() as (service, _server, wire):
        await wire.say("one")
        output = (await wire.until("response.done"))["response"]["output"]
        place = {"item_id": output[0]["id"], "content_index": 0, "audio_end_ms": 0}
        await wire.send("conversation.item.truncate", **place)
        await wire.until("conversation.item.truncated")
        await wire.say("two")
        await wire.until("response.done")
        deleted = wire.of("conversation.item.added")[0]["item"]["id"]
        await wire.send("conversation.item.delete", item_id=deleted)
        await wire.say("three")
        await wire.until("response.done")
        answer = {"type": "output_text", "text": "It is sunny, and warm."}
        spoken = {"type": "message", "role": "assistant", "content": [answer]}
        _one, two, three = asked(service.calls[0])
        assert two["input"] == [said("one"), said("two")]
        assert three["input"] == [said("two"), spoken, said("three")]


async def test_a_turn_that_the_client_clears_is_cleared_there():
    async with stack() as (service, _server, wire):
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(speech())
        await service.until(lambda: len(service.calls[0].audio) > 24000)
        await wire.send("input_audio_buffer.clear")
        await service.until(lambda: service.calls[0].of("input_audio_buffer.clear"))
        before = len(service.calls[0].audio)
        await wire.append(speech("flite-slt_s02"))
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        assert bytes(service.calls[0].audio[before:]) == speech("flite-slt_s02")


async def test_the_service_keeps_the_sound_of_the_last_turns_alone():
    async with stack() as (service, _server, wire):
        await wire.update(audio={"input": {"turn_detection": None}})
        for _ in range(KEPT_ITEMS + 2):
            await wire.append(silence(200))
            await wire.send("input_audio_buffer.commit")
            await wire.until("conversation.item.done")
        (call,) = service.calls
        await service.until(lambda: len(call.of("conversation.item.delete")) == 2)


async def test_responses_beside_the_conversation_run_beside_each_other():
    async with stack() as (service, _server, wire):
        for topic in ("one", "two"):
            asked_for = {"conversation": "none", "metadata": {"topic": topic}, "input": []}
            await wire.send("response.create", response=asked_for)
        topics = [
            (await wire.until("response.done"))["response"]["metadata"]["topic"] for _ in range(2)
        ]
        assert sorted(topics) == ["one", "two"]
        assert [one["input"] for one in asked(service.calls[0])] == [[], []]


async def test_text_alone_is_asked_for_and_answered_as_text():
    async with stack() as (service, _server, wire):
        await wire.update(output_modalities=["text"])
        await wire.say("hello")
        done = (await wire.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["text"] == "It is sunny, and warm."
        assert "audio" not in asked(service.calls[0])[0]


async def test_a_client_may_send_and_get_other_formats():
    ulaw = {"type": "audio/pcmu"}
    async with stack() as (service, _server, wire):
        await wire.update(audio={"input": {"format": ulaw}, "output": {"format": ulaw}})
        sound = AudioFormat.read(ulaw).rate
        assert sound == 8000
        await wire.say("hello")
        await wire.until("response.done")
        # 600 ms at 8 bytes a millisecond.
        assert abs(len(heard(wire)) - 4800) < 200
        assert asked(service.calls[0])[0]["audio"]["output"]["format"]["rate"] == 24000


async def test_turns_that_the_client_commits_are_heard_as_well():
    async with stack() as (service, _server, wire):
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(speech())
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert asked(service.calls[0])[0]["input"][0]["type"] == "item_reference"
        assert len(service.calls[0].audio) == len(speech())


async def test_audio_that_the_client_made_an_item_of_is_heard():
    async with stack() as (service, _server, wire):
        audio = base64.b64encode(speech()).decode()
        item = {"type": "message", "role": "user"}
        item["content"] = [{"type": "input_audio", "audio": audio}]  # type: ignore[assignment]
        await wire.send("conversation.item.create", item=item)
        await wire.send("response.create")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert asked(service.calls[0])[0]["input"][0]["type"] == "item_reference"


async def test_a_voice_that_the_service_lacks_is_refused_by_name():
    async with stack(options={"voices": ["alloy", "marin"]}) as (_service, _server, wire):
        await wire.send(
            "session.update",
            session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}},
        )
        error = (await wire.until("error"))["error"]
        assert error["param"] == "session.audio.output.voice"
        assert "'alloy' and 'marin'" in error["message"]


INCLUDE = ["item.input_audio_transcription.logprobs"]


@pytest.mark.parametrize(("refuses", "told"), [(False, LOGPROBS), (True, None)])
async def test_log_probabilities_are_passed_on_if_it_has_them(refuses, told):
    async with stack({"refuses_include": refuses}) as (service, _server, wire):
        heard = {"input": {"transcription": {"model": "x"}}}
        await wire.update(audio=heard, include=INCLUDE)
        await wire.append(speech())
        await wire.until("response.done")
        await wire.settled()
        (event,) = wire.of(TRANSCRIBED)
        assert event.get("logprobs") == told
        await wire.update(include=[])
        await wire.append(speech())
        await wire.until("response.done")
        await wire.settled()
        assert "logprobs" not in wire.of(TRANSCRIBED)[-1]
        updates = [one["session"] for one in service.calls[0].of("session.update")]
        assert [one["include"] for one in updates if "include" in one] == [INCLUDE, []]


async def test_a_transcription_session_transcribes():
    async with stack() as (service, server, _wire):
        url = server.url.partition("?")[0] + "?intent=transcription"
        async with client(url) as wire:
            session = {"type": "transcription"}
            session["audio"] = {"input": {"transcription": {"language": "de"}}}  # type: ignore[assignment]
            await wire.send("session.update", session=session)
            await wire.append(speech())
            completed = await wire.until(TRANSCRIBED)
            assert completed["transcript"] == "what is the weather"
            updates = service.calls[-1].of("session.update")
            assert updates[-1]["session"]["audio"]["input"]["transcription"]["language"] == "de"
