"""Turns and responses of Gemini Live behind a session, as a client gets them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from audio.pcm import resample, silence
from tests.support.fake_live import SOUND, USAGE
from tests.support.live_stack import live_stack
from tests.support.wire_client import WireClient, client, speech

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TIME = {**WEATHER, "name": "get_time", "description": "Time in a city"}
ANSWER = "It is sunny, and warm."
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
ACTIVITY = ["activityStart", "activityEnd"]


def heard(wire: WireClient) -> bytes:
    """Return all audio that the client got."""
    deltas = wire.of("response.output_audio.delta")
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


def typed(text: str) -> list[str]:
    """Return what the service is told of a typed turn."""
    return ["activityStart", text, "activityEnd"]


async def done(wire: WireClient) -> dict[str, Any]:
    """Return the response that ends next."""
    response: dict[str, Any] = (await wire.until("response.done"))["response"]
    return response


async def completed(wire: WireClient) -> dict[str, Any]:
    """Return the response that ends next, and well."""
    response = await done(wire)
    assert response["status"] == "completed", response["status_details"]
    return response


async def commit_turns(wire: WireClient) -> None:
    """Let the client decide where turns end."""
    await wire.update(audio={"input": {"turn_detection": None}})


async def speak(wire: WireClient, pcm: bytes) -> None:
    """Speak a turn, and ask for an answer to it."""
    await wire.append(pcm)
    await wire.send("input_audio_buffer.commit")
    await wire.send("response.create")


async def said(wire: WireClient, role: str, kind: str, text: str) -> None:
    """Put a message into the conversation."""
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    await wire.send("conversation.item.create", item=item)


async def test_a_typed_turn_is_answered_by_the_service():
    async with live_stack() as (service, _server, wire):
        await wire.update(instructions="Be brief.", max_output_tokens=77)
        await wire.say("hello")
        response = await completed(wire)
        assert response["output"][0]["content"][0]["transcript"] == ANSWER
        assert heard(wire) == SOUND * 3
        (call,) = service.calls
        assert call.headers["x-goog-api-key"].startswith("AIza")
        assert call.setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
        making = call.setup["generationConfig"]
        assert making["maxOutputTokens"] == 77
        voice = making["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"]
        assert voice == "Zephyr"
        assert call.inputs == typed("hello")


async def test_a_spoken_turn_is_heard_answered_and_transcribed():
    async with live_stack() as (service, _server, wire):
        await wire.update(audio={"input": {"transcription": {"model": "x", "language": "de"}}})
        await wire.append(speech())
        response = await completed(wire)
        assert response["output"][0]["content"][0]["transcript"] == ANSWER
        transcript = (wire.of(TRANSCRIBED) or [await wire.until(TRANSCRIBED)])[0]
        assert transcript["transcript"] == "what is the weather"
        (call,) = service.calls
        assert call.inputs == ACTIVITY
        assert call.setup["inputAudioTranscription"]["languageCodes"] == ["de"]
        # The service hears the turn that the session has, at its own rate.
        item_id = transcript["item_id"]
        await wire.send("conversation.item.retrieve", item_id=item_id)
        item = (await wire.until("conversation.item.retrieved"))["item"]
        kept = base64.b64decode(item["content"][0]["audio"])
        assert bytes(call.audio) == resample(kept, 24000, 16000)


async def test_the_next_turn_is_heard_while_it_is_spoken_and_goes_on_with_the_conversation():
    async with live_stack() as (service, _server, wire):
        heard_as = {"transcription": {"model": "x"}, "turn_detection": None}
        await wire.update(audio={"input": heard_as})
        await speak(wire, speech())
        await completed(wire)
        await wire.until("conversation.item.input_audio_transcription.completed")
        (call,) = service.calls
        before = len(call.audio)
        whole = speech("flite-slt_s02")
        await wire.append(whole[:96000])
        # Nobody has committed anything yet.
        await service.until(lambda: len(call.audio) > before + 40000)
        assert call.inputs == [*ACTIVITY, "activityStart"]
        await wire.append(whole[96000:])
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        await completed(wire)
        assert len(service.calls) == 1
        assert call.inputs == ACTIVITY * 2
        assert bytes(call.audio[before:]) == resample(whole, 24000, 16000)


async def test_a_conversation_of_both_kinds_needs_one_connection():
    async with live_stack() as (service, _server, wire):
        await commit_turns(wire)
        await wire.say("one")
        await completed(wire)
        await speak(wire, speech())
        await completed(wire)
        await wire.say("three")
        await completed(wire)
        (call,) = service.calls
        assert call.inputs == [*typed("one"), *ACTIVITY, *typed("three")]


async def test_a_tool_is_called_and_its_result_read():
    tools = [("get_weather", {"city": "Oslo"})]
    async with live_stack({"tools": tools}) as (service, _server, wire):
        await wire.update(tools=[WEATHER])
        await wire.say("weather?")
        (call,) = (await completed(wire))["output"]
        assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Oslo"}')
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "21C"}
        await wire.send("conversation.item.create", item=result)
        await wire.send("response.create")
        response = await completed(wire)
        assert response["output"][0]["content"][0]["transcript"] == ANSWER
        (connection,) = service.calls
        (declared,) = connection.setup["tools"][0]["functionDeclarations"]
        assert (declared["name"], declared["behavior"]) == ("get_weather", "BLOCKING")
        (told,) = connection.results
        assert (told["name"], told["response"]) == ("get_weather", {"output": "21C"})
        await wire.say("thanks")
        await completed(wire)
        assert len(service.calls) == 1


async def test_two_tools_are_called_at_once():
    tools = [("get_weather", {"city": "Oslo"}), ("get_time", {"city": "Oslo"})]
    async with live_stack({"tools": tools}) as (service, _server, wire):
        await wire.update(tools=[WEATHER, TIME])
        await wire.say("weather and time?")
        calls = (await completed(wire))["output"]
        assert [call["name"] for call in calls] == ["get_weather", "get_time"]
        for call in reversed(calls):
            result = {"type": "function_call_output", "call_id": call["call_id"]}
            result["output"] = call["name"]
            await wire.send("conversation.item.create", item=result)
        await wire.send("response.create")
        await completed(wire)
        (connection,) = service.calls
        told = {one["name"]: one["response"]["output"] for one in connection.results}
        assert told == {"get_weather": "get_weather", "get_time": "get_time"}


async def test_results_that_come_with_more_to_read_go_to_a_new_connection():
    tools = [("get_weather", {"city": "Oslo"})]
    async with live_stack({"tools": tools}) as (service, _server, wire):
        await wire.update(tools=[WEATHER])
        await wire.say("weather?")
        (call,) = (await completed(wire))["output"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "21C"}
        await wire.send("conversation.item.create", item=result)
        service.tools = []
        await wire.say("in Fahrenheit")
        await completed(wire)
        _first, second = service.calls
        # The service takes no history with calls in it.
        asked = [
            ("user", "weather?"),
            ("model", '[Called function get_weather with {"city": "Oslo"}]'),
        ]
        assert second.history == asked
        returned = "[Function get_weather returned: 21C]"
        assert second.inputs == ["activityStart", returned, "in Fahrenheit", "activityEnd"]


async def test_the_usage_is_the_service_s_own():
    async with live_stack() as (_service, _server, wire):
        await wire.say("hello")
        usage = (await completed(wire))["usage"]
        assert (usage["input_tokens"], usage["output_tokens"]) == (110, 50)
        given, made = usage["input_token_details"], usage["output_token_details"]
        assert (given["text_tokens"], given["audio_tokens"]) == (60, 50)
        assert (given["cached_tokens"], made["audio_tokens"]) == (30, 40)
        assert usage["total_tokens"] == USAGE["totalTokenCount"]


async def test_speech_over_an_answer_ends_it_there_and_the_model_reads_what_was_heard():
    unheard: dict[str, Any] = {"held": asyncio.Event(), "pieces": 50}
    async with live_stack(unheard, turns={"interruptions": "any"}) as (service, _server, wire):
        await wire.say("tell me a story")
        first = await wire.until("response.output_audio.delta")
        await wire.append(speech())
        response = await done(wire)
        assert (response["id"], response["status"]) == (first["response_id"], "cancelled")
        await service.calls[0].closed.wait()
        service.held = None
        response = await completed(wire)
        assert response["id"] != first["response_id"]
        answered = service.calls[-1]
        (asked, *partly) = answered.history
        assert asked == ("user", "tell me a story")
        # All that the model reads of its answer is what there was time to hear.
        assert "".join(text for _role, text in partly) in ("", "It", "It is")
        assert answered.inputs == ACTIVITY


async def test_what_is_truncated_or_deleted_here_is_not_read_there():
    async with live_stack() as (service, _server, wire):
        await wire.say("one")
        output = (await completed(wire))["output"]
        place = {"item_id": output[0]["id"], "content_index": 0, "audio_end_ms": 0}
        await wire.send("conversation.item.truncate", **place)
        await wire.until("conversation.item.truncated")
        await wire.say("two")
        await completed(wire)
        deleted = wire.of("conversation.item.added")[0]["item"]["id"]
        await wire.send("conversation.item.delete", item_id=deleted)
        await wire.say("three")
        await completed(wire)
        _one, two, three = service.calls
        assert (two.history, two.inputs) == ([], ["activityStart", "one", "two", "activityEnd"])
        assert three.history == [("user", "two"), ("model", ANSWER)]
        assert three.inputs == typed("three")


async def test_other_instructions_or_tools_need_another_connection_and_nobody_notices():
    async with live_stack() as (service, _server, wire):
        await wire.say("one")
        await completed(wire)
        await wire.update(instructions="Rhyme.", tools=[WEATHER])
        await commit_turns(wire)
        await speak(wire, speech())
        await completed(wire)
        _first, second = service.calls
        assert second.setup["systemInstruction"]["parts"] == [{"text": "Rhyme."}]
        assert second.history == [("user", "one"), ("model", ANSWER)]
        assert bytes(second.audio) == resample(speech(), 24000, 16000)
        assert not wire.of("error")


async def test_a_turn_that_the_client_clears_is_not_part_of_the_conversation():
    async with live_stack() as (service, _server, wire):
        await commit_turns(wire)
        await wire.say("one")
        await completed(wire)
        await wire.append(speech())
        await service.until(lambda: len(service.calls[0].audio) > 16000)
        await wire.send("input_audio_buffer.clear")
        await wire.until("input_audio_buffer.cleared")
        await speak(wire, speech("flite-slt_s02"))
        await completed(wire)
        _first, second = service.calls
        assert second.history == [("user", "one"), ("model", ANSWER)]
        assert bytes(second.audio) == resample(speech("flite-slt_s02"), 24000, 16000)


async def test_responses_beside_the_conversation_leave_it_as_it_is():
    async with live_stack() as (service, _server, wire):
        await wire.say("one")
        await completed(wire)
        for topic in ("a", "b"):
            asked_for = {"conversation": "none", "metadata": {"topic": topic}, "input": []}
            await wire.send("response.create", response=asked_for)
        topics = [(await completed(wire))["metadata"]["topic"] for _ in range(2)]
        assert sorted(topics) == ["a", "b"]
        await wire.say("two")
        await completed(wire)
        assert service.calls[-1].history == [("user", "one"), ("model", ANSWER)]


async def test_two_responses_at_once_have_a_connection_each():
    held = asyncio.Event()
    async with live_stack({"held": held}) as (service, _server, wire):
        await wire.say("one")
        await wire.until("response.output_audio.delta")
        beside = {"conversation": "none", "metadata": {"topic": "beside"}, "input": []}
        await wire.send("response.create", response=beside)
        await service.until(lambda: len(service.calls) == 2 and service.calls[1].inputs)
        held.set()
        both = [await completed(wire) for _ in range(2)]
        assert {one["metadata"] and one["metadata"]["topic"] for one in both} == {None, "beside"}
        await service.calls[1].closed.wait()
        await wire.say("two")
        await completed(wire)
        assert service.calls[0].inputs == [*typed("one"), *typed("two")]


async def test_text_alone_is_what_the_model_would_have_said():
    async with live_stack() as (_service, _server, wire):
        await wire.update(output_modalities=["text"])
        await wire.say("hello")
        assert (await completed(wire))["output"][0]["content"][0]["text"] == ANSWER
        assert not heard(wire)


async def test_images_are_seen():
    async with live_stack() as (service, _server, wire):
        content = [
            {"type": "input_text", "text": "what is this?"},
            {"type": "input_image", "image_url": PIXEL},
        ]
        item = {"type": "message", "role": "user", "content": content}
        await wire.send("conversation.item.create", item=item)
        await wire.send("response.create")
        await completed(wire)
        assert service.calls[0].inputs == ["activityStart", "what is this?", "video", "activityEnd"]


async def test_audio_that_the_client_made_an_item_of_is_heard():
    async with live_stack() as (service, _server, wire):
        audio = base64.b64encode(speech()).decode()
        item: dict[str, Any] = {"type": "message", "role": "user"}
        item["content"] = [{"type": "input_audio", "audio": audio}]
        await wire.send("conversation.item.create", item=item)
        await wire.send("response.create")
        await completed(wire)
        assert bytes(service.calls[0].audio) == resample(speech(), 24000, 16000)


async def test_a_turn_that_is_not_answered_is_transcribed_all_the_same():
    async with live_stack() as (service, _server, wire):
        detection = {"type": "server_vad", "create_response": False}
        heard_as = {"transcription": {"model": "x"}, "turn_detection": detection}
        await wire.update(audio={"input": heard_as})
        await wire.append(speech())
        assert (await wire.until(TRANSCRIBED))["transcript"] == "what is the weather"
        beside = service.calls[-1]
        await beside.closed.wait()
        # What was retrieved for its sake is read with it.
        await wire.say("It rains in Oslo.")
        await completed(wire)
        (answered,) = [call for call in service.calls if call is not beside]
        assert answered.inputs == ["activityStart", "It rains in Oslo.", "activityEnd"]
        assert answered.audio == beside.audio


async def test_a_transcription_session_transcribes():
    async with live_stack() as (_service, server, _wire):
        url = server.url.partition("?")[0] + "?intent=transcription"
        async with client(url) as wire:
            session = {"type": "transcription"}
            session["audio"] = {"input": {"transcription": {"language": "de"}}}  # type: ignore[assignment]
            await wire.send("session.update", session=session)
            for name in ("flite-slt_s01", "flite-slt_s02"):
                await wire.append(speech(name))
                assert (await wire.until(TRANSCRIBED))["transcript"] == "what is the weather"


async def test_a_client_may_choose_a_voice_of_the_service_and_no_other():
    async with live_stack() as (service, _server, wire):
        voice = {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}
        await wire.send("session.update", session=voice)
        assert (await wire.until("error"))["error"]["param"] == "session.audio.output.voice"
        await wire.update(audio={"output": {"voice": "Puck"}})
        await wire.say("hello")
        await completed(wire)
        speech_config = service.calls[-1].setup["generationConfig"]["speechConfig"]
        assert speech_config["voiceConfig"]["prebuiltVoiceConfig"] == {"voiceName": "Puck"}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "get_weather"}])
async def test_a_call_that_cannot_be_forced_is_refused_by_name(choice):
    async with live_stack() as (_service, _server, wire):
        await wire.send(
            "session.update",
            session={"type": "realtime", "tools": [WEATHER], "tool_choice": choice},
        )
        error = (await wire.until("error"))["error"]
        assert error["param"] == "session.tool_choice"
        assert "gemini-3.8-live at 127.0.0.1" in error["message"]
        await wire.update(tools=[WEATHER])
        await wire.send("response.create", response={"tool_choice": choice})
        error = (await wire.until("error"))["error"]
        assert error["param"] == "response.tool_choice"


async def test_without_a_choice_no_tool_is_declared():
    async with live_stack() as (service, _server, wire):
        await wire.update(tools=[WEATHER], tool_choice="none")
        await wire.say("hello")
        await completed(wire)
        assert "tools" not in service.calls[0].setup


async def test_a_prompt_for_the_transcription_is_refused_by_name():
    async with live_stack() as (_service, _server, wire):
        heard_as = {"input": {"transcription": {"model": "x", "prompt": "Names of drugs"}}}
        await wire.send("session.update", session={"type": "realtime", "audio": heard_as})
        error = (await wire.until("error"))["error"]
        assert error["param"] == "session.audio.input.transcription.prompt"


async def test_what_a_client_says_the_model_said_is_not_told_as_the_user_s():
    async with live_stack() as (service, _server, wire):
        await commit_turns(wire)
        await wire.say("one")
        await completed(wire)
        await said(wire, "assistant", "output_text", "I was cut off.")
        await wire.say("two")
        await completed(wire)
        _first, second = service.calls
        model = [("model", ANSWER), ("model", "I was cut off.")]
        assert second.history == [("user", "one"), *model]
        assert second.inputs == typed("two")
        # So it is if the user speaks meanwhile.
        await said(wire, "assistant", "output_text", "Once more.")
        await speak(wire, speech())
        await completed(wire)
        third = service.calls[-1]
        assert third.history[-1] == ("model", "Once more.")
        assert third.inputs == ACTIVITY
        assert bytes(third.audio) == resample(speech(), 24000, 16000)


async def test_the_model_goes_on_from_what_it_is_said_to_have_said():
    async with live_stack() as (service, _server, wire):
        await said(wire, "assistant", "output_text", "Good morning.")
        await wire.send("response.create")
        await completed(wire)
        (call,) = service.calls
        assert call.history == [("model", "Good morning.")]
        assert call.inputs == ["activityStart", " ", "activityEnd"]


async def test_a_message_of_the_system_is_named_so():
    async with live_stack() as (service, _server, wire):
        await wire.say("one")
        await completed(wire)
        await said(wire, "system", "input_text", "Speak of boats.")
        await wire.say("two")
        await completed(wire)
        (call,) = service.calls
        told = ["activityStart", "[System message: Speak of boats.]", "two", "activityEnd"]
        assert call.inputs == [*typed("one"), *told]


async def test_what_was_not_written_down_is_said_to_be_so():
    async with live_stack({"deaf": True}) as (service, _server, wire):
        await commit_turns(wire)
        await speak(wire, silence(200) + speech())
        await completed(wire)
        await wire.update(instructions="Rhyme.")
        await wire.say("two")
        await completed(wire)
        (_user, said), (_model, answer) = service.calls[-1].history
        assert "nobody wrote down" in said
        assert answer == ANSWER
