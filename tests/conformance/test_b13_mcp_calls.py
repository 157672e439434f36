"""§B.13: calls of MCP tools, and the response that follows them."""

from __future__ import annotations

import pytest

from session.ports import TokenUsage
from tests.conformance.mcp_events import ADDED, DONE, FUNCTION, LIST
from tests.conformance.sequences import END
from tests.support.mcp_driver import DOCS, SEARCH, McpDriver
from tests.support.session_driver import of, types
from tests.support.strict_reader import Event


def test_a_call_and_the_answer_that_follows_unasked() -> None:
    d = McpDriver()
    d.connect()
    d.say("Where is it?", id="item_q")
    events = d.respond()
    events += d.call('{"q":', name="search")
    events += d.call('"x"}', name="search")
    events += d.finish("tool_calls", usage=TokenUsage(20, 9))
    call_id = d.calls[0].item_id
    item = {
        "id": call_id,
        "type": "mcp_call",
        "server_label": "docs",
        "name": "search",
        "arguments": "",
        "approval_request_id": None,
        "output": None,
        "error": None,
    }
    place = {"response_id": events[0]["response"]["id"], "item_id": call_id, "output_index": 0}
    assert [without(event, "event_id") for event in events[1:]] == [
        {
            "type": "response.output_item.added",
            "response_id": place["response_id"],
            "output_index": 0,
            "item": item,
        },
        {"type": ADDED, "previous_item_id": "item_q", "item": item},
        {
            "type": "response.mcp_call_arguments.delta",
            **place,
            "delta": '{"q":',
            "obfuscation": "",
        },
        {"type": "response.mcp_call_arguments.delta", **place, "delta": '"x"}', "obfuscation": ""},
        {"type": "response.mcp_call_arguments.done", **place, "arguments": '{"q":"x"}'},
        {"type": "response.mcp_call.in_progress", "output_index": 0, "item_id": call_id},
    ]
    assert d.calls[0].arguments == '{"q":"x"}'
    (retrieved,) = d.send("conversation.item.retrieve", item_id=call_id)
    assert retrieved["item"]["output"] is None

    events = d.found("It is here.")
    assert types(events) == [
        "response.mcp_call.completed",
        DONE,
        "response.output_item.done",
        *END,
    ]
    whole = {**item, "arguments": '{"q":"x"}', "output": "It is here."}
    assert [event["item"] for event in events[1:3]] == [whole, whole]
    done = events[3]["response"]
    assert (done["status"], done["output"]) == ("completed", [whole])
    assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (20, 9)

    read = d.requests[-1].messages
    assert [message["role"] for message in read] == ["user", "assistant", "tool"]
    assert read[1]["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"q":"x"}'}
    assert read[2]["content"] == "It is here."
    events = d.text("It is here, they say.")
    assert types(events)[:2] == ["response.created", "response.output_item.added"]
    assert events[0]["response"]["metadata"] is None
    d.audio(100)
    assert types(d.finish())[-2:] == END
    assert len(d.requests) == 2


def without(event: Event, key: str) -> Event:
    return {name: value for name, value in event.items() if name != key}


def test_a_call_that_fails_is_told_of_too() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    events = d.broken()
    assert types(events)[0] == "response.mcp_call.failed"
    item = events[1]["item"]
    assert item["output"] is None
    assert item["error"] == {
        "type": "http_error",
        "code": 503,
        "message": "The server answered 503.",
    }
    assert d.requests[-1].messages[-1]["content"] == "Error: The server answered 503."


def test_two_calls_run_at_once_and_one_answer_tells_of_both() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.call("{}", 0, "call_a", name="search")
    d.call("{}", 1, "call_b", name="read")
    d.finish("tool_calls")
    assert [call.name for call in d.calls] == ["search", "read"]
    assert "response.done" not in types(d.found("second", at=1))
    events = d.found("first", at=0)
    assert [item["output"] for item in of(events, "response.done")[0]["response"]["output"]] == [
        "first",
        "second",
    ]
    assert len(d.requests) == 2


def test_speech_comes_before_the_call_that_it_announces() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.text("Let me see.")
    d.audio(100)
    d.asks()
    (done,) = of(d.found(), "response.done")
    assert [item["type"] for item in done["response"]["output"]] == ["message", "mcp_call"]


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_the_answer_after_a_call_is_like_the_response_that_called(modality: str) -> None:
    d = McpDriver()
    d.connect()
    said = {"instructions": "Rhyme.", "output_modalities": [modality], "metadata": {"a": "b"}}
    d.respond(**said, max_output_tokens=99, tool_choice="required")
    d.asks()
    d.found()
    request = d.requests[-1]
    assert (request.instructions, request.max_output_tokens) == ("Rhyme.", 99)
    assert request.spoken is (modality == "audio")
    created = of(d.text("so"), "response.created")[0]["response"]
    assert (created["output_modalities"], created["metadata"]) == ([modality], None)


def test_an_own_input_is_read_on_after_the_call() -> None:
    d = McpDriver()
    d.connect()
    d.say("not this")
    text = {"type": "input_text", "text": "this"}
    d.respond(input=[{"type": "message", "role": "user", "content": [text]}])
    d.asks()
    d.found()
    assert [m.get("content") for m in d.requests[-1].messages] == ["this", None, "42"]
    d.asks()
    d.found("43")
    seen = [m.get("content") for m in d.requests[-1].messages]
    assert seen == ["this", None, "42", None, "43"]
    d.answer()
    assert len(d.requests) == 3, "each call is told of once"


def test_an_own_input_is_read_on_until_the_client_cancels() -> None:
    d = McpDriver()
    d.connect()
    d.respond(input=[])
    d.asks()
    d.found()
    assert types(d.send("response.cancel"))[-1] == "response.done"
    assert len(d.requests) == 2


def test_a_result_that_an_own_input_does_not_have_is_told_behind_it() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "Wait.")
    d.answer()
    d.respond(input=[])
    d.asks()
    d.found("of the conversation", at=0)
    d.found("of the input", at=1)
    assert [m.get("content") for m in d.requests[-1].messages] == [None, "of the input"]
    d.answer()
    assert "of the conversation" in [m.get("content") for m in d.requests[-1].messages]
    before = len(d.requests)
    d.answer()
    assert len(d.requests) == before


def test_the_client_goes_on_after_a_function_beside_the_call() -> None:
    d = McpDriver()
    d.update(tools=[{**FUNCTION, "name": "f"}, DOCS])
    d.listed(SEARCH)
    d.respond()
    d.call("{}", 0, "call_a", name="f")
    d.call("{}", 1, "call_b", name="search")
    d.finish("tool_calls")
    assert types(d.found())[-2:] == END
    assert len(d.requests) == 1


def test_a_chain_of_calls_ends() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    for _ in range(40):
        if d.requests[-1].tool_choice == "none":
            break
        d.asks()
        d.found()
    assert d.requests[-1].tool_choice == "none"
    d.answer()
    assert len(d.requests) == 17


def test_a_chain_ends_also_if_the_model_goes_on_to_call() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    for _ in range(40):
        before = len(d.requests)
        d.asks()
        if len(d.calls) == before:
            d.found()
        if len(d.requests) == before:
            break
    assert (len(d.requests), len(d.calls)) == (18, 16)
    told = "The call was not made: 16 responses in a row have followed calls"
    assert told in d.requests[-1].messages[-1]["content"], "the client has not set tool_choice"


def test_a_call_that_the_model_could_not_finish_is_not_made() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.call('{"q":', name="search")
    events = d.finish("length")
    assert types(events) == [
        "response.mcp_call_arguments.done",
        "response.mcp_call.failed",
        DONE,
        "response.output_item.done",
        *END,
    ]
    assert of(events, "response.done")[0]["response"]["status"] == "incomplete"
    assert d.calls == []
    assert len(d.requests) == 1


def test_outside_the_conversation_the_result_is_the_response_s_and_nothing_follows() -> None:
    d = McpDriver()
    d.connect()
    events = d.respond(conversation="none", input=[])
    events += d.asks()
    events += d.found()
    assert not {ADDED, DONE} & set(types(events))
    assert of(events, "response.done")[0]["response"]["output"][0]["output"] == "42"
    assert len(d.requests) == 1
    assert d.items() == [d.lists[0].item_id]


def test_outside_the_conversation_nobody_can_be_asked_for_approval() -> None:
    d = McpDriver()
    d.connect(require_approval={"never": {"read_only": True}})
    d.respond(conversation="none")
    assert d.offered == ["read"]


def test_items_can_be_deleted_while_they_are_at_work() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    assert types(d.send("conversation.item.delete", item_id=d.lists[0].item_id)) == [
        "conversation.item.deleted"
    ]
    assert types(d.listed(SEARCH)) == [LIST[1]], "what was deleted does not come back"
    d.respond()
    d.asks()
    d.send("conversation.item.delete", item_id=d.calls[0].item_id)
    ended = ["response.mcp_call.completed", "response.output_item.done", *END]
    assert types(d.found()) == ended
    assert len(d.requests) == 1, "there is nothing to tell of"
    d.update(tools=[{**DOCS, "require_approval": "always"}])
    d.say("Once more.")
    d.respond()
    d.approve(d.asks())
    d.send("conversation.item.delete", item_id=d.calls[-1].item_id)
    before = len(d.requests)
    assert types(d.found()) == ["response.mcp_call.completed"]
    assert len(d.requests) == before


def test_of_two_calls_the_one_that_is_left_is_told_of() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.call("{}", 0, name="search")
    d.call("{}", 1, name="read")
    d.finish("tool_calls")
    d.send("conversation.item.delete", item_id=d.calls[0].item_id)
    d.found("first", at=0)
    d.found("second", at=1)
    assert [m.get("content") for m in d.requests[-1].messages] == [None, "second"]


def test_a_list_that_fails_behind_its_deletion_is_no_item_again() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    d.send("conversation.item.delete", item_id=d.lists[0].item_id)
    assert types(d.list_failed()) == [LIST[2]]
