"""§B.7: function calls and their results."""

from __future__ import annotations

import json

import pytest

from session.ports import PENDING, TokenUsage
from tests.conformance.sequences import (
    END,
    Output,
    added,
    created,
    done,
    driver,
    response,
    usage,
)
from tests.support.session_driver import Driver, of, types


def test_a_function_call_and_its_result() -> None:
    d = driver()
    d.update(tools=[{"type": "function", "name": "get_weather"}])
    d.say("How is Montreal?")
    events = d.respond()
    events += d.call("{")
    events += d.call('"city":"Montreal"}')
    events += d.finish("tool_calls", usage=TokenUsage(20, 9))
    result = {"type": "function_call_output", "call_id": "call_a", "output": "21C and sunny"}
    events += d.send("conversation.item.create", item=result)
    events += d.respond()
    events += d.text("It is sunny.")

    call = {
        "id": "item_2",
        "type": "function_call",
        "status": "in_progress",
        "name": "get_weather",
        "call_id": "call_a",
        "arguments": "",
    }
    whole = {**call, "status": "completed", "arguments": '{"city":"Montreal"}'}
    place = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "call_id": "call_a"}
    d.named(d.events[:4])
    named = d.named(events)
    arguments = "response.function_call_arguments"
    assert named[:8] == [
        {"type": "response.created", "response": response("in_progress")},
        {
            "type": "response.output_item.added",
            "response_id": "resp_1",
            "output_index": 0,
            "item": call,
        },
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": call},
        {"type": f"{arguments}.delta", **place, "delta": "{"},
        {"type": f"{arguments}.delta", **place, "delta": '"city":"Montreal"}'},
        {
            "type": f"{arguments}.done",
            **place,
            "name": "get_weather",
            "arguments": '{"city":"Montreal"}',
        },
        {"type": "conversation.item.done", "previous_item_id": "item_1", "item": whole},
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": whole,
        },
    ]
    answer = Output("item_4", "item_3", response_id="resp_2")
    assert named[8:] == [
        *done("completed", output=[whole], usage=usage(20, 9)),
        *added({"id": "item_3", **result}, "item_2"),
        created(id="resp_2"),
        *answer.speaks("It is sunny."),
    ]
    assert [message["role"] for message in d.requests[-1].messages] == ["user", "assistant", "tool"]


def test_a_result_alone_is_not_answered() -> None:
    d = driver()
    d.respond()
    d.call("{}")
    d.finish("tool_calls")
    result = {"type": "function_call_output", "call_id": "call_a", "output": ""}
    assert types(d.send("conversation.item.create", item=result)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert len(d.requests) == 1


def test_the_response_is_over_when_the_call_is() -> None:
    """Clients act on `arguments.done`: the last four events come at once, then all is free."""
    d = driver()
    d.respond()
    d.call("{}")
    assert types(d.finish("tool_calls")) == [
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        *END,
    ]
    assert types(d.respond()) == ["response.created"]


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_calls_written_in_turns_are_two_items_each_made_once(modality: str) -> None:
    d = driver()
    d.respond(output_modalities=[modality])
    arguments = {"call_a": ["{", "}"], "call_b": ['{"x":1', "}"]}
    for piece in (0, 1):
        for index, call_id in enumerate(arguments):
            d.call(arguments[call_id][piece], index, call_id, name=f"f{index}")
    d.finish("tool_calls")
    made = of(d.events, "response.function_call_arguments.done")
    assert [(event["call_id"], event["name"], event["arguments"]) for event in made] == [
        ("call_a", "f0", "{}"),
        ("call_b", "f1", '{"x":1}'),
    ]
    assert [event["output_index"] for event in made] == [0, 1]


def test_speech_comes_first_and_the_call_after_it() -> None:
    d = driver()
    events = d.respond()
    events += d.text("Let me see.")
    # The model is ahead of its voice.
    events += d.call("{}")
    events += d.audio(100)
    events += d.finish("tool_calls", usage=TokenUsage(5, 7))
    speech = Output("item_1", None)
    call = Output("item_2", "item_1", index=1)
    made = {
        "id": "item_2",
        "type": "function_call",
        "status": "completed",
        "name": "get_weather",
        "call_id": "call_a",
        "arguments": "{}",
    }
    place = {"response_id": "resp_1", "item_id": "item_2", "output_index": 1, "call_id": "call_a"}
    arguments = "response.function_call_arguments"
    assert d.named(events) == [
        created(),
        *speech.speaks("Let me see.", 100),
        *speech.has_spoken("Let me see."),
        *call.step("added", {**made, "status": "in_progress", "arguments": ""}),
        {"type": f"{arguments}.delta", **place, "delta": "{}"},
        {"type": f"{arguments}.done", **place, "name": "get_weather", "arguments": "{}"},
        *call.step("done", made),
        *done(
            "completed",
            output=[speech.spoken("Let me see."), made],
            usage=usage(5, 7, audio_out=2),
        ),
    ]


def _roles(d: Driver) -> list[str]:
    return [message["role"] for message in d.requests[-1].messages]


def _calls(d: Driver) -> None:
    """Have the model call the tool, with the id `call_a`."""
    d.say("Look it up.")
    d.respond()
    d.call("{}")
    d.finish("tool_calls")


def _tells(d: Driver, output: str) -> None:
    """Answer the call."""
    result = {"type": "function_call_output", "call_id": "call_a", "output": output}
    d.send("conversation.item.create", item=result)


def _answers(d: Driver, text: str) -> None:
    """Have the model answer."""
    d.respond()
    d.text(text)
    d.finish()


def test_a_pending_call_is_shown_to_the_model_with_a_stand_in_result() -> None:
    d = driver()
    _calls(d)
    d.say("Are you still there?")
    d.respond()
    assert _roles(d) == ["user", "assistant", "tool", "user"]
    assert d.requests[-1].messages[2]["content"] == PENDING


def test_a_late_result_is_the_newest_message() -> None:
    d = driver()
    _calls(d)
    d.say("Are you still there?")
    _answers(d, "One moment.")
    _tells(d, "42")
    d.respond()
    assert _roles(d) == ["user", "user", "assistant", "assistant", "tool"]
    assert d.requests[-1].messages[-1]["content"] == "42"


def test_a_second_result_of_the_call_is_the_newest_message() -> None:
    d = driver()
    _calls(d)
    _tells(d, "still running")
    _answers(d, "It takes a while.")
    _tells(d, "43")
    d.respond()
    assert _roles(d) == ["user", "assistant", "tool", "assistant", "assistant", "tool"]
    assert d.requests[-1].messages[-1]["content"] == "43"


def test_a_call_that_was_cut_off_and_answered_all_the_same_is_valid_json_for_the_model() -> None:
    d = driver()
    d.say("Look it up.")
    d.respond()
    d.call('{"what": "the wea')
    d.send("response.cancel")
    _tells(d, '{"error": "bad arguments"}')
    d.respond()
    (call,) = d.requests[-1].messages[1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"arguments": '{"what": "the wea'}


def test_a_result_in_the_input_of_a_response_brings_its_call_along() -> None:
    d = driver()
    _calls(d)
    result = {"type": "function_call_output", "call_id": "call_a", "output": "42"}
    d.respond(input=[result])
    assert _roles(d) == ["assistant", "tool"]
    assert d.requests[-1].messages[-1]["content"] == "42"


def test_a_result_in_the_input_without_a_call_anywhere_is_refused() -> None:
    d = driver()
    result = {"type": "function_call_output", "call_id": "call_x", "output": "42"}
    (error,) = d.respond(input=[result])
    assert error["error"]["code"] == "invalid_tool_call_id"
