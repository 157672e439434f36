"""§B.13: calls of MCP tools that wait for the client's approval."""

from __future__ import annotations

from typing import Any

import pytest

from session.ports import UNAPPROVED
from tests.conformance.sequences import END
from tests.support.mcp_driver import DOCS, READ, SEARCH, McpDriver, requests
from tests.support.session_driver import types
from tests.support.strict_reader import Event

ADDED, DONE = "conversation.item.added", "conversation.item.done"


def asking(**said: Any) -> tuple[McpDriver, list[Event]]:
    """A session in which the model asks for approval, and what was sent since."""
    d = McpDriver()
    d.connect(**{"require_approval": "always", **said})
    d.say("Where is it?", id="item_q")
    d.respond()
    return d, d.asks()


def test_a_call_waits_for_approval_is_made_and_told_of() -> None:
    d, events = asking()
    assert types(events) == [
        "response.output_item.added",
        ADDED,
        DONE,
        "response.output_item.done",
        *END,
    ]
    (request,) = requests(events)
    assert without_id(request) == {
        "type": "mcp_approval_request",
        "server_label": "docs",
        "name": "search",
        "arguments": "{}",
    }
    assert [event["item"] for event in events[:4]] == [request] * 4
    done = events[4]["response"]
    assert (done["status"], done["output"]) == ("completed", [request])
    assert d.calls == []
    assert len(d.requests) == 1, "nothing follows but the client's answer"

    events = d.approve(events)
    assert types(events) == [ADDED, DONE, ADDED, "response.mcp_call.in_progress"]
    answer, call = events[1]["item"], events[2]["item"]
    assert without_id(answer) == {
        "type": "mcp_approval_response",
        "approval_request_id": request["id"],
        "approve": True,
    }
    assert call["type"] == "mcp_call"
    assert call["approval_request_id"] == request["id"]
    assert events[3]["item_id"] == call["id"] == d.calls[0].item_id
    assert events[2]["previous_item_id"] == answer["id"]

    events = d.found()
    assert types(events) == ["response.mcp_call.completed", DONE]
    assert events[1]["item"] == {**call, "output": "42"}
    assert d.requests[-1].messages[-1]["content"] == "42"
    assert [message["role"] for message in d.requests[-1].messages] == [
        "user",
        "assistant",
        "tool",
    ]
    assert types(d.text("It is here."))[0] == "response.created"


def without_id(item: Event) -> Event:
    return {name: value for name, value in item.items() if name != "id"}


def test_a_call_that_is_refused_is_not_made_and_the_model_says_so() -> None:
    d, events = asking()
    events = d.approve(events, yes=False, reason="Too dear.")
    assert types(events) == [ADDED, DONE, ADDED, "response.mcp_call.failed", DONE]
    assert events[1]["item"]["reason"] == "Too dear."
    assert events[-1]["item"]["error"]["message"] == (
        "The user did not approve of the call: Too dear."
    )
    assert d.calls == []
    assert "Too dear." in d.requests[-1].messages[-1]["content"]


def test_the_model_knows_that_a_call_waits() -> None:
    d, _ = asking()
    d.say("And?")
    d.respond()
    assert UNAPPROVED in [message["content"] for message in d.requests[-1].messages]


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (None, {"search", "read"}),
        ("always", {"search", "read"}),
        ("never", set()),
        ({"never": {"tool_names": ["read"]}}, {"search"}),
        ({"never": {"read_only": True}}, {"search"}),
        ({"always": {"tool_names": ["read"]}}, {"search", "read"}),
        ({"always": {"tool_names": ["read"]}, "never": {"tool_names": ["search"]}}, {"read"}),
        ({"always": {"read_only": True}, "never": {"tool_names": ["read", "search"]}}, {"read"}),
    ],
)
def test_which_tools_need_approval(asked: Any, waits: set[str]) -> None:
    d = McpDriver()
    d.connect(require_approval=asked)
    d.respond()
    d.call("{}", 0, "call_a", name="search")
    events = d.call("{}", 1, "call_b", name="read")
    events += d.finish("tool_calls")
    names = {item["name"] for item in requests(d.events)}
    assert names == waits
    assert {call.name for call in d.calls} == {"search", "read"} - waits


def test_what_ran_is_told_of_while_another_call_waits() -> None:
    d = McpDriver()
    d.connect(require_approval={"never": {"tool_names": ["read"]}})
    d.respond()
    d.call("{}", 0, "call_a", name="search")
    d.call("{}", 1, "call_b", name="read")
    d.finish("tool_calls")
    d.found("read it")
    read = [message.get("content") for message in d.requests[-1].messages]
    assert read == [None, UNAPPROVED, None, "read it"]


def test_an_approval_is_given_once() -> None:
    d, events = asking()
    d.approve(events)
    (error,) = d.approve(events)
    assert error["error"]["param"] == "item.approval_request_id"
    assert "already" in error["error"]["message"]
    assert len(d.calls) == 1


def test_a_request_that_was_deleted_cannot_be_approved() -> None:
    d, events = asking()
    (request,) = requests(events)
    d.send("conversation.item.delete", item_id=request["id"])
    assert types(d.approve(events)) == ["error"]
    assert d.calls == []


def test_the_answer_stands_where_the_client_puts_it() -> None:
    d, events = asking()
    (request,) = requests(events)
    item = {
        "id": "item_yes",
        "type": "mcp_approval_response",
        "approval_request_id": request["id"],
        "approve": True,
    }
    d.send("conversation.item.create", previous_item_id=request["id"], item=item)
    assert d.items()[-3:] == [request["id"], "item_yes", d.calls[0].item_id]
    (retrieved,) = d.send("conversation.item.retrieve", item_id="item_yes")
    assert retrieved["item"]["approve"] is True


def test_an_approval_while_another_response_speaks_is_told_of_behind_it() -> None:
    d, events = asking()
    d.say("Meanwhile?")
    d.respond()
    d.text("One moment.")
    d.approve(events)
    d.found()
    assert len(d.requests) == 2
    d.audio(100)
    d.finish()
    assert len(d.requests) == 3
    assert "42" in [message["content"] for message in d.requests[-1].messages]


def test_a_server_that_is_named_no_more_is_still_called() -> None:
    d, events = asking()
    d.update(tools=[])
    d.approve(events)
    assert d.calls[0].server.label == "docs"
    d.found()
    assert d.offered == []


def test_a_request_that_the_model_could_not_finish_is_none() -> None:
    d = McpDriver()
    d.connect(SEARCH, READ, require_approval="always")
    d.respond()
    d.call('{"q":', name="search")
    events = d.finish("length")
    assert types(events) == END
    assert events[0]["response"]["output"] == []
    assert d.items() == [d.lists[0].item_id]


def test_arguments_that_are_no_object_become_one() -> None:
    """Clients read them as one, and agents-js fails where it cannot."""
    d = McpDriver()
    d.connect(require_approval="always")
    d.respond()
    d.call("Oslo", name="search")
    (request,) = requests(d.finish("tool_calls"))
    assert request["arguments"] == '{"arguments": "Oslo"}'


def test_a_client_that_asks_once_it_sees_the_result_gets_the_response_that_is_begun() -> None:
    d, events = asking()
    d.approve(events)
    d.found()
    assert types(d.send("response.create")) == ["response.created"]
    assert len(d.requests) == 2
    d.answer()
    assert len(d.requests) == 2


def test_an_operator_s_server_needs_what_its_operator_says() -> None:
    servers = {"shop": {"url": "https://shop.example.com/mcp", "require_approval": "never"}}
    d = McpDriver(mcp={"servers": servers})
    (updated, *_) = d.update(tools=[{"type": "mcp", "server_label": "shop"}])
    assert updated["session"]["tools"] == [
        {"type": "mcp", "server_label": "shop", "require_approval": "never"}
    ]
    d.listed(SEARCH)
    d.respond()
    d.asks()
    assert d.calls[0].server.url is None
    d.found()
    d.answer()
    d.update(tools=[{**DOCS, "server_label": "shop", "require_approval": "always"}])
    assert d.lists[-1].server.url == DOCS["server_url"], "a client may have its own of that label"
