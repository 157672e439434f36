"""§A.9: `response.create`: one response, with settings of its own."""

from __future__ import annotations

from typing import Any

import pytest

from session.effects import Transcribe
from tests.conformance.misuse import (
    LOCKED,
    TEXT,
    missing,
    only,
    other,
    refusals,
    respond,
    too_long,
    unknown,
    user,
)
from tests.conformance.sequences import PCM, driver, messages
from tests.support.session_driver import Driver, encoded, of, pcm, types

ROWS = [
    respond("one is active", "conversation_already_has_active_response", None,
            "Conversation already has an active response in progress: <active>. "
            "Wait until the response is finished before creating a new one.", given=("response",)),
    respond("unknown field", "unknown_parameter", "response.bogus", unknown("response.bogus"),
            bogus=1),
    *[respond(f"beta's {name}", "unknown_parameter", f"response.{name}", **only(name, value))
      for name, value in [("modalities", ["text"]), ("voice", "alloy"), ("temperature", 0.8),
                          ("output_audio_format", "pcm16"), ("max_response_output_tokens", 5)]],
    respond("speed", "unknown_parameter", "response.audio.output.speed",
            audio={"output": {"speed": 1.0}}),
    respond("both modalities", "invalid_value", "response.output_modalities",
            "Invalid modalities: ['text', 'audio']. "
            "Supported combinations are: ['text'] and ['audio'].",
            output_modalities=["text", "audio"]),
    respond("conversation unknown", "invalid_value", "response.conversation",
            "Invalid value: 'x'. Supported values are: 'auto' and 'none'.", conversation="x"),
    respond("conversation a number", "invalid_type", "response.conversation", conversation=5),
    respond("another voice, once locked", "cannot_update_voice", None, LOCKED,
            audio={"output": {"voice": "cedar"}}),
    respond("format Opus", "invalid_value", "response.audio.output.format.type",
            audio={"output": {"format": {"type": "audio/opus"}}}),
    respond("max_output_tokens 0", "integer_below_min_value", "response.max_output_tokens",
            max_output_tokens=0),
    respond("max_output_tokens 4097", "integer_above_max_value", "response.max_output_tokens",
            max_output_tokens=4097),
    respond("17 pairs of metadata", "invalid_value", "response.metadata",
            metadata={str(n): "x" for n in range(17)}),
    respond("a metadata key too long", "string_above_max_length", f"response.metadata.{'k' * 65}",
            metadata={"k" * 65: "x"}),
    respond("a metadata value too long", "string_above_max_length", "response.metadata.k",
            too_long("response.metadata.k", 512, 513), metadata={"k": "v" * 513}),
    respond("a metadata value that is no text", "invalid_type", "response.metadata.k",
            metadata={"k": 5}),
    respond("a reference to nothing", "invalid_value", "response.input[1].id",
            input=[user(TEXT), {"type": "item_reference", "id": "nobody"}]),
    respond("a reference without id", "missing_required_parameter", "response.input[0].id",
            missing("response.input[0].id"), input=[{"type": "item_reference"}]),
    respond("an unknown item", "invalid_value", "response.input[0].type", input=[{"type": "x"}]),
    respond("an image", "invalid_value", "response.input[0].content[0].image_url",
            input=[user({"type": "input_image", "image_url": "data:,"})]),
    respond("a prompt template", "invalid_value", "response.prompt", prompt={"id": "pmpt_1"}),
    respond("an unknown effort", "invalid_value", "response.reasoning.effort",
            reasoning={"effort": "maximum"}),
    respond("parallel_tool_calls a word", "invalid_type", "response.parallel_tool_calls",
            parallel_tool_calls="yes"),
    respond("tool without a name", "missing_required_parameter", "response.tools[0].name",
            tools=[{"type": "function"}]),
    other("response is no object", "response.create", "invalid_type", "response", response="x"),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


@pytest.mark.parametrize(
    "options",
    [
        {"instructions": None, "metadata": None, "input": None, "audio": None},
        {"conversation": None, "tools": None, "tool_choice": None, "max_output_tokens": None},
        {"prompt": None, "reasoning": None, "parallel_tool_calls": None},
        {"conversation": "auto", "metadata": {}},
        {"metadata": {"k" * 64: "v" * 512, **{str(n): "" for n in range(15)}}},
        {"input": []},
        {"audio": {"output": {"voice": "cedar", "format": {"type": "audio/pcm", "rate": 24000}}}},
    ],
    ids=str,
)
def test_what_stock_clients_send_for_a_response_is_tolerated(options: dict[str, Any]) -> None:
    assert types(Driver().respond(**options)) == ["response.created"]


def test_response_may_be_null() -> None:
    assert types(Driver().send("response.create", response=None)) == ["response.created"]


def test_a_response_asks_for_the_conversation_and_the_session_s_settings() -> None:
    d = driver()
    tool: dict[str, Any] = {
        "type": "function",
        "name": "f",
        "description": None,
        "parameters": {},
    }
    d.update(tools=[tool], tool_choice="required", max_output_tokens=99)
    d.say("Hi.")
    d.respond()
    (request,) = d.requests
    assert request.response_id == d.events[-1]["response"]["id"]
    assert request.instructions == "Be kind."
    assert request.messages == [{"role": "user", "content": "Hi."}]
    assert (request.tools, request.tool_choice) == ([tool], "required")
    assert (request.max_output_tokens, request.voice, request.spoken) == (99, "alloy", True)


def test_overrides_apply_to_one_response_only() -> None:
    d = driver()
    before = d.inside.config.wire()
    (created,) = d.respond(
        instructions="Be rude.",
        output_modalities=["text"],
        tools=[{"type": "function", "name": "g"}],
        tool_choice={"type": "function", "name": "g"},
        max_output_tokens=7,
        metadata={"client_event_id": "x"},
        audio={"output": {"voice": "cedar"}},
    )
    assert created["response"]["output_modalities"] == ["text"]
    assert created["response"]["max_output_tokens"] == 7
    assert created["response"]["metadata"] == {"client_event_id": "x"}
    assert created["response"]["audio"]["output"] == {"format": PCM, "voice": "cedar"}
    request = d.requests[0]
    assert (request.instructions, request.spoken, request.voice) == ("Be rude.", False, "cedar")
    assert (request.max_output_tokens, [t["name"] for t in request.tools]) == (7, ["g"])
    assert request.tool_choice == {"type": "function", "name": "g"}
    d.text("Go away.")
    (done,) = of(d.finish(), "response.done")
    assert done["response"]["metadata"] == {"client_event_id": "x"}
    assert d.inside.config.wire() == before
    (created,) = d.respond()
    assert created["response"]["metadata"] is None
    assert d.requests[1].instructions == "Be kind."


def test_empty_instructions_are_not_the_session_s() -> None:
    d = driver()
    d.respond(instructions="")
    assert d.requests[0].instructions == ""


def test_an_empty_conversation_may_be_answered() -> None:
    d = driver()
    assert types(d.respond()) == ["response.created"]
    assert d.requests[0].messages == []


def test_only_one_response_at_a_time_speaks_in_the_conversation() -> None:
    d = driver()
    d.respond()
    (error,) = d.respond()
    assert error["error"]["code"] == "conversation_already_has_active_response"
    assert d.running in error["error"]["message"]
    d.answer()
    assert types(d.respond()) == ["response.created"]


def test_a_response_is_active_from_created_to_done() -> None:
    d = driver()
    (created,) = d.respond()
    response_id = created["response"]["id"]
    assert d.is_active(response_id)
    d.answer()
    assert not d.is_active(response_id)
    assert not d.is_active("resp_nobody")


def test_a_response_does_not_use_audio_that_is_not_committed() -> None:
    d = driver()
    d.manual()
    d.append(500)
    d.respond()
    assert d.requests[0].messages == []


def test_an_own_context_may_be_empty_and_replaces_the_conversation() -> None:
    d = driver()
    d.say("Hi.")
    d.respond(input=[])
    assert d.requests[0].messages == []


def test_a_reference_to_deleted_speech_does_not_hang_the_response() -> None:
    d = driver(create_response=False)
    d.speak()
    item_id = d.items()[0]
    d.respond(conversation="none", input=[{"type": "item_reference", "id": item_id}])
    assert d.requests == []
    d.send("conversation.item.delete", item_id=item_id)
    assert len(d.requests) == 1
    assert d.requests[0].messages == []


def test_a_response_waits_for_every_transcript_it_needs_and_for_no_other() -> None:
    d = driver(create_response=False)
    d.speak(0, 960)
    first = d.items()[0]
    d.respond(conversation="none")
    d.speak(2048, 3008)
    assert d.requests == []
    d.heard(first, "One.")
    assert messages(d) == [("user", "One.")]


def test_audio_in_a_response_s_own_input_is_transcribed_for_it():
    driver = Driver()
    message = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "audio": encoded(pcm(300))}],
    }
    driver.respond(conversation="none", input=[message])
    assert driver.requests == []
    (transcribe,) = driver.kind(Transcribe)
    driver.heard(transcribe.item_id, "beside the point")
    assert driver.requests[0].messages == [{"role": "user", "content": "beside the point"}]
    assert driver.items() == []


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "nope"}])
def test_a_choice_that_cannot_be_met_fails_the_response(choice):
    driver = Driver()
    done = of(driver.respond(tool_choice=choice), "response.done")[0]["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["code"] == "invalid_tool_choice"
    assert driver.requests == []
