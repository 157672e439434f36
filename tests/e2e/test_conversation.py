"""A conversation over a real socket: real Silero, real speech, scripted models."""

from __future__ import annotations

import base64

import pytest

from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client, speech

LONG = " ".join(f"word{n}" for n in range(400))


def collapse(types: list[str]) -> list[str]:
    """Fold runs of the same delta."""
    return [name for i, name in enumerate(types) if i == 0 or types[i - 1] != name]


SPOKEN_ANSWER = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


def without_deltas(types: list[str]) -> list[str]:
    return [
        name for name in types if not name.endswith(".delta") and "input_audio_transcr" not in name
    ]


async def test_a_text_turn_is_answered_in_the_order_of_b2():
    async with running() as server, client(server.url) as wire:
        await wire.say("hi")
        await wire.until("rate_limits.updated")
        assert without_deltas(wire.types()) == [
            "session.created",
            "conversation.item.added",
            "conversation.item.done",
            *SPOKEN_ANSWER,
        ]
        done = wire.of("response.done")[0]["response"]
        transcript = "".join(e["delta"] for e in wire.of("response.output_audio_transcript.delta"))
        assert done["status"] == "completed"
        assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": transcript}]
        audio = b"".join(
            base64.b64decode(event["delta"]) for event in wire.of("response.output_audio.delta")
        )
        # The scripted voice hums 20 ms per character of every clause.
        assert len(audio) % 2 == 0
        assert len(audio) / 48 >= 20 * (len(transcript) - 4)


async def test_a_spoken_turn_follows_b3_with_offsets_on_the_grid():
    async with running() as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await wire.append(speech())
        await wire.until("rate_limits.updated")
        assert without_deltas(wire.types(2)) == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            *SPOKEN_ANSWER,
        ]
        started = wire.of("input_audio_buffer.speech_started")[0]
        stopped = wire.of("input_audio_buffer.speech_stopped")[0]
        item_id = started["item_id"]
        assert started["audio_start_ms"] == 0 or (started["audio_start_ms"] + 300) % 32 == 0
        assert stopped["audio_end_ms"] % 32 == 0
        assert stopped["item_id"] == item_id
        assert wire.of("input_audio_buffer.committed")[0]["item_id"] == item_id
        added = wire.of("conversation.item.added")[0]["item"]
        assert added["id"] == item_id
        assert added["content"] == [{"type": "input_audio", "transcript": None}]
        completed = wire.of("conversation.item.input_audio_transcription.completed")[0]
        assert (completed["item_id"], completed["transcript"]) == (item_id, "hello there")
        assert completed["usage"]["type"] == "duration"


async def test_offsets_do_not_depend_on_the_chunking():
    offsets = []
    async with running() as server:
        for step in (960, 3200, 10**9):
            async with client(server.url) as wire:
                await wire.append(speech(), step)
                await wire.until("rate_limits.updated")
                offsets.append(
                    (
                        wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"],
                        wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"],
                    )
                )
    assert len(set(offsets)) == 1


async def test_the_committed_audio_is_exactly_the_announced_stretch():
    clip = speech()
    async with running() as server, client(server.url) as wire:
        await wire.append(clip)
        await wire.until("rate_limits.updated")
        started = wire.of("input_audio_buffer.speech_started")[0]
        end = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        await wire.send("conversation.item.retrieve", item_id=started["item_id"])
        item = (await wire.until("conversation.item.retrieved"))["item"]
        audio = base64.b64decode(item["content"][0]["audio"])
        assert audio == clip[started["audio_start_ms"] * 48 : end * 48]
        assert item["content"][0]["transcript"] == "hello there"


async def test_a_manual_turn_is_committed_and_answered_on_request_only():
    async with running() as server, client(server.url) as wire:
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(speech())
        assert await wire.settled() == []
        await wire.append(speech())
        await wire.send("input_audio_buffer.commit")
        await wire.until("conversation.item.done")
        assert await wire.settled() == []
        await wire.send("response.create")
        await wire.until("rate_limits.updated")
        assert "input_audio_buffer.speech_started" not in wire.types()
        assert wire.of("response.done")[0]["response"]["status"] == "completed"


async def test_no_transcription_events_unless_asked_for():
    async with running() as server, client(server.url) as wire:
        await wire.append(speech())
        await wire.until("rate_limits.updated")
        assert not [name for name in wire.types() if "transcription" in name]


async def test_talking_over_a_long_answer_stops_it_and_is_answered():
    settings = scripted_settings(llm={"text": LONG, "first_token_ms": 1, "word_ms": 5})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("tell me a story")
        await wire.until("response.output_audio.delta")
        first = wire.of("response.created")[0]["response"]["id"]
        await wire.append(speech())
        await wire.until("input_audio_buffer.speech_started")
        since = len(wire.events)
        done = (await wire.until("response.done"))["response"]
        assert done["id"] == first
        assert (done["status"], done["status_details"]) == (
            "cancelled",
            {"type": "cancelled", "reason": "turn_detected"},
        )
        assert done["output"][0]["status"] == "incomplete"
        assert wire.types(since) == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        since = len(wire.events)
        await wire.until("response.created")
        await wire.until("response.output_audio.delta")
        assert not [e for e in wire.events[since:] if e.get("response_id") == first]


async def test_a_client_may_truncate_what_it_did_not_play():
    settings = scripted_settings(llm={"text": LONG, "first_token_ms": 1, "word_ms": 1})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("tell me a story")
        item_id = (await wire.until("response.output_audio.delta"))["item_id"]
        await wire.append(speech())
        await wire.until("response.done")
        await wire.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=60
        )
        truncated = await wire.until("conversation.item.truncated")
        assert truncated["audio_end_ms"] == 60
        await wire.send("conversation.item.retrieve", item_id=item_id)
        item = (await wire.until("conversation.item.retrieved"))["item"]
        assert len(base64.b64decode(item["content"][0]["audio"])) == 60 * 48


async def test_a_response_that_may_not_be_interrupted_goes_on_and_the_turn_is_answered_after_it():
    settings = scripted_settings(llm={"first_token_ms": 1, "word_ms": 100})
    async with running(settings) as server, client(server.url) as wire:
        detection = {"type": "server_vad", "interrupt_response": False}
        await wire.update(audio={"input": {"turn_detection": detection}})
        await wire.say("go on")
        await wire.until("response.created")
        await wire.append(speech())
        first = (await wire.until("response.done"))["response"]
        assert first["status"] == "completed"
        assert "input_audio_buffer.committed" in wire.types()
        second = (await wire.until("response.done"))["response"]
        assert second["id"] != first["id"]


async def test_a_cancelled_response_closes_its_item_and_says_who_cancelled():
    settings = scripted_settings(llm={"text": LONG, "word_ms": 5})
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        await wire.say("count")
        await wire.until("response.output_text.delta")
        await wire.send("response.cancel")
        done = (await wire.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert [e["type"] for e in await wire.settled()] == ["rate_limits.updated"]
        await wire.send("response.cancel", event_id="again")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "again")


async def test_text_only_output_has_no_audio_and_follows_b9():
    async with running() as server, client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        await wire.say("hi")
        await wire.until("rate_limits.updated")
        assert collapse(wire.types(4)) == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]


async def test_a_tool_call_goes_out_and_its_result_comes_back():
    settings = scripted_settings(llm={"text": "", "tool": "get_weather", "arguments": '{"a":1}'})
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(tools=[tool])
        await wire.say("weather")
        done = (await wire.until("response.done"))["response"]
        call = done["output"][0]
        assert (call["type"], call["name"], call["arguments"]) == (
            "function_call",
            "get_weather",
            '{"a":1}',
        )
        deltas = wire.of("response.function_call_arguments.delta")
        assert "".join(event["delta"] for event in deltas) == '{"a":1}'
        await wire.send(
            "conversation.item.create",
            item={"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"},
        )
        added = await wire.until("conversation.item.added")
        assert added["previous_item_id"] == call["id"]


async def test_two_sessions_do_not_see_each_others_settings():
    async with running() as server, client(server.url) as one, client(server.url) as two:
        await one.update(instructions="be brief", output_modalities=["text"])
        await two.say("hi")
        done = (await two.until("response.done"))["response"]
        assert done["output_modalities"] == ["audio"]
        updated = await two.update()
        assert updated["session"]["instructions"] != "be brief"


@pytest.mark.parametrize("frame", [b"\x00\x01", "{", '{"type":"nope"}'])
async def test_a_bad_frame_is_answered_with_an_error_and_the_session_goes_on(frame):
    async with running() as server, client(server.url) as wire:
        await wire.socket.send(frame)
        assert (await wire.receive())["type"] == "error"
        await wire.say("hi")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_the_real_service_s_silence_about_appends():
    async with running() as server, client(server.url) as wire:
        await wire.append(bytes(48000))
        assert await wire.settled() == []
