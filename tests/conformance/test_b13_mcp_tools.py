"""§B.13: MCP servers, their lists of tools, and calls of them."""

from __future__ import annotations

from typing import Any

import pytest

from session.effects import Send, StopGenerating, StopMcpCalls
from session.mcp import McpServer, McpTool
from session.ports import PENDING, SILENCE, TokenUsage
from session.reports import McpListChanged, McpToolsListed
from tests.conformance.beta_wire import BetaDriver
from tests.conformance.sequences import END, response
from tests.support.mcp_driver import DOCS, READ, SEARCH, URL, McpDriver
from tests.support.mcp_server import weather_server
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.session_driver import of, types
from tests.support.strict_reader import Event
from tests.support.wire_client import client
from wire.beta_writing import BetaDialect

ADDED, DONE = "conversation.item.added", "conversation.item.done"
FUNCTION: dict[str, Any] = {
    "type": "function",
    "name": "search",
    "description": None,
    "parameters": {},
}
SERVER = McpServer("docs", URL)
OTHER = {**DOCS, "server_label": "wiki", "server_url": "https://mcp.example.com/wiki"}
LIST = ("mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed")


def errors(events: list[Event]) -> list[Any]:
    return [event["error"]["param"] for event in of(events, "error")]


# --- the list ---------------------------------------------------------------------------------


def test_a_server_that_is_named_is_asked_for_its_tools() -> None:
    d = McpDriver()
    d.say("hi", id="item_hi")
    events = d.update(tools=[DOCS])
    assert types(events) == ["session.updated", ADDED, LIST[0]]
    empty = {"id": d.lists[0].item_id, "type": "mcp_list_tools", "server_label": "docs"}
    assert events[1]["item"] == {**empty, "tools": []}
    assert events[1]["previous_item_id"] == "item_hi"
    assert events[2]["item_id"] == empty["id"]
    events = d.listed(SEARCH, READ)
    assert types(events) == [DONE, LIST[1]]
    assert events[0]["item"] == {
        **empty,
        "tools": [
            {
                "name": "search",
                "description": "Search the docs.",
                "input_schema": SEARCH.input_schema,
            },
            {
                "name": "read",
                "description": "",
                "input_schema": {"type": "object"},
                "annotations": {"readOnlyHint": True},
            },
        ],
    }
    assert events[1]["item_id"] == empty["id"]
    (retrieved,) = d.send("conversation.item.retrieve", item_id=empty["id"])
    assert retrieved["item"] == events[0]["item"]


def test_what_is_secret_is_not_shown_and_reaches_the_server() -> None:
    d = McpDriver()
    (updated, *_) = d.update(tools=[{**DOCS, "authorization": "s3cret", "headers": {"X-Id": "1"}}])
    assert updated["session"]["tools"] == [DOCS]
    assert d.lists[0].server.authorization == "s3cret"
    assert d.lists[0].server.headers == (("X-Id", "1"),)


def test_a_list_that_fails_says_why_and_is_tried_again_when_it_is_named_again() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    events = d.list_failed()
    assert types(events) == [DONE, LIST[2]]
    error = {"type": "http_error", "code": 503, "message": "The server answered 503."}
    assert events[0]["item"]["error"] == error
    d.respond()
    assert d.offered == []
    d.finish()
    assert LIST[0] in types(d.update(tools=[DOCS]))


def test_a_label_alone_will_do_once_a_server_is_described() -> None:
    d = McpDriver()
    d.connect()
    d.update(tools=[])
    d.respond()
    assert d.offered == []
    d.finish()
    (updated,) = d.update(tools=[{"type": "mcp", "server_label": "docs"}])
    assert updated["session"]["tools"] == [DOCS]
    d.respond()
    assert d.offered == ["search", "read"]


def test_another_url_or_key_makes_another_server_of_a_label() -> None:
    d = McpDriver()
    d.connect()
    assert types(d.update(tools=[{**DOCS, "authorization": "key"}]))[1:] == [ADDED, LIST[0]]
    d.respond()
    assert d.offered == []
    d.listed(READ)
    d.finish()
    assert types(d.update(tools=[DOCS])) == ["session.updated"]
    assert types(d.update(tools=[{**DOCS, "headers": {"Authorization": "x"}}]))[1:]
    assert d.lists[-1].server.authorization is None


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("allowed_tools", ["read"]),
        ("require_approval", {"always": {"tool_names": ["read"]}}),
        ("server_description", "All about it."),
        ("authorization", "key"),
        ("headers", {"X-Id": "1"}),
    ],
)
def test_null_takes_back_what_was_said_of_a_server(field: str, said: Any) -> None:
    d = McpDriver()
    base = {"type": "mcp", "server_label": "docs", "server_url": URL}
    d.update(tools=[base])
    d.listed(SEARCH)
    known = {"server_label": "docs", "type": "mcp"}
    (before, *_) = d.update(tools=[{**known, field: said}])
    assert (field in before["session"]["tools"][0]) is (field not in ("authorization", "headers"))
    (after, *_) = d.update(tools=[{**known, field: None}])
    assert after["session"]["tools"] == [base]
    d.update(tools=[{**known, "headers": {"X-Other": "2"}}])
    d.respond()
    assert d.offered == []
    d.finish()
    d.update(tools=[{**known, "headers": None}])
    d.respond()
    assert d.offered == ["search"], "it is the same server again"


def test_null_takes_back_one_of_two_secrets_and_no_more() -> None:
    d = McpDriver()
    d.update(tools=[{**DOCS, "authorization": "key", "headers": {"X-Id": "1"}}])
    d.update(tools=[{**DOCS, "authorization": None}])
    assert (d.lists[-1].server.authorization, d.lists[-1].server.headers) == (
        None,
        (("X-Id", "1"),),
    )
    d.update(tools=[{**DOCS, "headers": None}])
    assert (d.lists[-1].server.authorization, d.lists[-1].server.headers) == (None, ())


def test_null_brings_back_what_the_operator_says_of_its_server() -> None:
    servers = {"own": {"url": URL, "require_approval": "never", "description": "Ours."}}
    d = McpDriver(mcp={"servers": servers}, check=lambda _server: None)
    known = {"type": "mcp", "server_label": "own"}
    said = {"require_approval": "always", "server_description": "Mine."}
    d.update(tools=[{**known, **said}])
    (updated, *_) = d.update(tools=[{**known, **dict.fromkeys(said)}])
    (tool,) = updated["session"]["tools"]
    assert tool == {**known, "require_approval": "never", "server_description": "Ours."}


def test_null_takes_a_label_back_to_the_operator_s_server() -> None:
    servers = {"own": {"url": URL, "require_approval": "never", "description": "Ours."}}
    d = McpDriver(mcp={"servers": servers}, check=lambda _server: None)
    known = {"type": "mcp", "server_label": "own"}
    mine = {**known, "server_url": "https://other.example/", "authorization": "key"}
    d.update(tools=[{**mine, "server_description": "Mine.", "allowed_tools": ["a"]}])
    (still, *more) = d.update(tools=[{**known, "require_approval": None}])
    assert (more, still["session"]["tools"][0]["server_url"]) == ([], mine["server_url"])
    (updated, *asked) = d.update(tools=[{**known, "server_url": None}])
    said = {"require_approval": "never", "server_description": "Ours."}
    assert updated["session"]["tools"] == [{**known, **said}]
    assert types(asked) == [ADDED, LIST[0]]
    own = d.lists[-1].server
    assert (own.url, own.authorization) == (None, None)


def test_null_takes_back_the_url_of_a_label_that_is_nobody_else_s() -> None:
    d = McpDriver()
    d.connect()
    before = d.state()
    assert errors(d.update(tools=[{**DOCS, "server_url": None}])) == [
        "session.tools[0].server_label"
    ]
    assert d.state() == before


def test_a_list_that_changes_is_another_item_and_the_old_one_holds_until_then() -> None:
    d = McpDriver()
    d.connect(SEARCH)
    assert types(d.report(McpListChanged(SERVER))) == []
    first, second = (wanted.item_id for wanted in d.lists)
    assert first != second
    d.respond()
    assert d.offered == ["search"]
    d.finish()
    events = d.listed(READ)
    assert types(events) == [ADDED, LIST[0], DONE, LIST[1]]
    assert (events[0]["item"]["id"], events[0]["item"]["tools"]) == (second, [])
    assert [tool["name"] for tool in events[2]["item"]["tools"]] == ["read"]
    d.respond()
    assert d.offered == ["read"]
    assert d.report(McpListChanged(McpServer("nobody"))) == []


def test_a_list_that_is_said_to_have_changed_and_has_not_is_no_item() -> None:
    d = McpDriver()
    d.connect(SEARCH, READ, allowed_tools=["search", "read"])
    before = d.state()
    d.report(McpListChanged(SERVER))
    assert d.listed(READ, SEARCH, McpTool("hidden", "", {})) == []
    d.report(McpListChanged(SERVER))
    assert d.list_failed() == [], "the old one holds"
    assert d.state()[:4] == before[:4]
    d.respond()
    assert d.offered == ["read", "search"]


def test_a_server_is_asked_one_list_at_a_time_however_often_it_changes() -> None:
    d = McpDriver()
    d.connect(SEARCH)
    for _ in range(500):
        d.report(McpListChanged(SERVER))
    assert len(d.lists) == 2
    d.listed(SEARCH)
    assert len(d.lists) == 3
    assert types(d.listed(READ)) == [ADDED, LIST[0], DONE, LIST[1]]
    assert len(d.lists) == 3


def test_a_change_before_the_first_list_is_taken_behind_it() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    assert d.report(McpListChanged(SERVER)) == []
    assert types(d.listed(SEARCH)) == [DONE, LIST[1]]
    assert len(d.lists) == 2
    assert types(d.listed(READ)) == [ADDED, LIST[0], DONE, LIST[1]]


def test_the_list_of_a_server_that_is_another_by_now_changes_nothing() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    d.update(tools=[{**DOCS, "authorization": "key"}])
    old, new = d.lists
    d.report(McpToolsListed(new.item_id, (READ,)))
    assert types(d.report(McpToolsListed(old.item_id, (SEARCH,)))) == [DONE, LIST[1]]
    d.respond()
    assert d.offered == ["read"]


def test_other_tools_that_may_be_used_of_a_list_are_another_item() -> None:
    d = McpDriver()
    d.connect()
    events = d.update(tools=[{**DOCS, "allowed_tools": ["read"]}])
    assert types(events) == ["session.updated", ADDED, LIST[0], DONE, LIST[1]]
    assert [tool["name"] for tool in events[3]["item"]["tools"]] == ["read"]
    assert len(d.lists) == 1, "the server is not asked again"
    assert types(d.update(tools=[{**DOCS, "allowed_tools": ["read", "nobody"]}])) == [
        "session.updated"
    ]
    assert types(d.update(tools=[{**DOCS, "allowed_tools": None}]))[-2:] == [DONE, LIST[1]]


def test_what_may_be_used_when_the_list_comes_counts() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    assert types(d.update(tools=[{**DOCS, "allowed_tools": ["read"]}])) == ["session.updated"]
    (done, _completed) = d.listed(SEARCH, READ)
    assert [tool["name"] for tool in done["item"]["tools"]] == ["read"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"allowed_tools": "read"}, "expected an array or an object, but got a string"),
        ({"require_approval": ["read"]}, "expected a string or an object, but got an array"),
        ({"require_approval": 1}, "expected a string or an object, but got an integer"),
        ({"server_description": "d" * 1025}, "maximum length 1024"),
    ],
)
def test_what_would_do_is_told(said: dict[str, Any], told: str) -> None:
    d = McpDriver()
    (error,) = d.update(tools=[{**DOCS, **said}])
    assert told in error["error"]["message"]
    assert error["error"]["param"] == f"session.tools[0].{next(iter(said))}"


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([DOCS, {**OTHER, "server_label": "docs"}], "session.tools[1].server_label"),
        ([{**DOCS, "server_url": "http://127.0.0.1/"}], "session.tools[0].server_url"),
        ([{"type": "mcp", "server_label": "wiki"}], "session.tools[0].server_label"),
        ([{**DOCS, "connector_id": "connector_gmail"}], "session.tools[0].connector_id"),
        ([{**DOCS, "tunnel_id": "t"}], "session.tools[0].tunnel_id"),
        ([{**DOCS, "defer_loading": True}], "session.tools[0].defer_loading"),
        ([{**DOCS, "allowed_callers": ["programmatic"]}], "session.tools[0].allowed_callers[0]"),
        ([{**DOCS, "require_approval": "maybe"}], "session.tools[0].require_approval"),
        ([{**DOCS, "server_label": "no label"}], "session.tools[0].server_label"),
        (
            [{**DOCS, "authorization": "a", "headers": {"authorization": "b"}}],
            "session.tools[0]",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(tools: list[Any], param: str) -> None:
    d = McpDriver()
    before = d.state()
    assert errors(d.update(tools=tools)) == [param]
    assert d.lists == []
    assert d.state()[0] == before[0]
    assert errors(d.respond(tools=tools)) == [param.replace("session", "response")]
    assert d.requests == []


def test_what_changes_nothing_is_taken() -> None:
    d = McpDriver()
    same = {**DOCS, "defer_loading": False, "allowed_callers": ["direct"]}
    assert types(d.update(tools=[same]))[0] == "session.updated"


# --- what the model is offered ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "offered"),
    [
        (["read"], ["read"]),
        ({"tool_names": ["search", "nobody"]}, ["search"]),
        ({"read_only": True}, ["read"]),
        ({"read_only": False}, ["search"]),
        ({"read_only": True, "tool_names": ["search"]}, []),
        (None, ["search", "read"]),
    ],
)
def test_only_tools_that_are_allowed_are_listed_and_offered(
    allowed: Any, offered: list[str]
) -> None:
    d = McpDriver()
    item = d.connect(allowed_tools=allowed)[0]["item"]
    d.respond()
    assert d.offered == offered == [tool["name"] for tool in item["tools"]]


def test_what_a_server_is_for_is_said_once() -> None:
    d = McpDriver()
    d.update(tools=[{**DOCS, "server_description": "Docs."}, {**OTHER, "server_description": "W."}])
    for wanted in list(d.lists):
        d.report(McpToolsListed(wanted.item_id, (SEARCH, READ)))
    d.respond()
    assert [tool["description"] for tool in d.requests[-1].tools] == [
        "Search the docs. (docs: Docs.)",
        "",
        "Search the docs. (wiki: W.)",
        "",
    ]


def test_names_that_two_share_are_told_apart() -> None:
    d = McpDriver()
    d.update(tools=[FUNCTION, DOCS, OTHER])
    for wanted in list(d.lists):
        d.report(McpToolsListed(wanted.item_id, (SEARCH, McpTool("über uns", "", {}))))
    d.respond()
    assert d.offered == [
        "search",
        "docs__search",
        "docs___ber_uns",
        "wiki__search",
        "wiki___ber_uns",
    ]
    d.call("{}", 0, name="search")
    d.call("{}", 1, name="wiki__search")
    made = d.finish("tool_calls")
    assert [call.server.url for call in d.calls] == [OTHER["server_url"]]
    assert d.calls[0].name == "search"
    (function,) = of(made, "response.function_call_arguments.done")
    assert function["name"] == "search"


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ({"type": "mcp", "server_label": "docs"}, "required"),
        (
            {"type": "mcp", "server_label": "docs", "name": "read"},
            {"type": "function", "name": "read"},
        ),
        ("required", "required"),
    ],
)
def test_a_choice_may_name_a_server_or_its_tool(choice: Any, asked: Any) -> None:
    d = McpDriver()
    d.connect()
    (updated,) = d.update(tool_choice=choice)
    assert updated["session"]["tool_choice"] == choice
    d.respond()
    assert d.requests[-1].tool_choice == asked
    assert d.offered == ["search", "read"]
    d.call("{}", name="read")
    d.finish("tool_calls")
    d.found()
    assert d.requests[-1].tool_choice == "auto", "what was demanded has been done"


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "mcp", "server_label": "docs"},
        {"type": "mcp", "server_label": "docs", "name": "nobody"},
        {"type": "function", "name": "search"},
    ],
)
def test_a_choice_that_nothing_meets_fails_the_response(choice: Any) -> None:
    d = McpDriver()
    d.update(tools=[DOCS], tool_choice=choice)
    (done,) = of(d.respond(), "response.done")
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"]["error"]["code"] == "invalid_tool_choice"


def test_a_response_may_bring_a_server_and_waits_for_its_tools() -> None:
    d = McpDriver()
    assert types(d.respond(tools=[DOCS])) == [ADDED, LIST[0], "response.created"]
    assert d.requests == []
    d.listed(SEARCH)
    assert d.offered == ["search"]
    d.finish()
    d.respond()
    assert d.offered == [], "the session has it not"
    d.finish()
    d.respond(tools=[{"type": "mcp", "server_label": "docs"}])
    assert d.offered == ["search"]


def test_a_response_waits_no_longer_for_a_server_that_fails() -> None:
    d = McpDriver()
    d.respond(tools=[DOCS])
    d.list_failed()
    assert d.offered == []


# --- calls ----------------------------------------------------------------------------------------


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


def refused(events: list[Event]) -> list[tuple[str, Any]]:
    """Name and error of the calls that ended among events."""
    done = [event["item"] for event in of(events, "response.output_item.done")]
    return [(item["name"], item["error"]["message"]) for item in done if item.get("error")]


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


def test_what_the_model_may_not_call_is_not_run_and_it_reads_why() -> None:
    d = McpDriver()
    d.connect()
    d.respond(tool_choice="none")
    events = d.asks()
    reason = "The call was not made: no tool may be called in this response (tool_choice is 'none')"
    assert refused(events) == [("search", f"{reason}.")]
    assert "response.mcp_call.failed" in types(events)
    assert "response.mcp_call.in_progress" not in types(events)
    assert of(events, "response.done")[0]["response"]["status"] == "completed"
    assert (d.requests[-1].tool_choice, len(d.requests)) == ("none", 2)
    assert d.requests[-1].messages[-1]["content"] == f"Error: {reason}."
    d.asks()
    assert (len(d.requests), d.calls) == (2, []), "a model that does not hear is not asked on"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "mcp", "server_label": "docs", "name": "read"}, "search"),
        ({"type": "mcp", "server_label": "wiki"}, "docs__search"),
        ({"type": "function", "name": "f"}, "docs__search"),
    ],
)
def test_of_several_tools_only_those_that_were_demanded_run(choice: Any, called: str) -> None:
    d = McpDriver()
    others = [] if called == "search" else [OTHER, {**FUNCTION, "name": "f"}]
    d.update(tools=[DOCS, *others])
    for wanted in list(d.lists):
        d.report(McpToolsListed(wanted.item_id, (SEARCH, READ)))
    d.respond(tool_choice=choice)
    d.call("{}", name=called)
    (told,) = refused(d.finish("tool_calls"))
    assert told[0] == "search"
    assert "(tool_choice)" in told[1]
    assert f"'{choice.get('name', 'wiki')}'" in told[1]
    assert d.calls == []
    assert d.requests[-1].tool_choice == "auto"


@pytest.mark.parametrize("approval", ["never", "always"])
def test_where_calls_are_made_one_at_a_time_a_second_one_is_not_run(approval: str) -> None:
    d = McpDriver()
    d.connect(require_approval=approval)
    d.respond(parallel_tool_calls=False)
    d.call("{}", 0, name="search")
    d.call("{}", 1, name="read")
    (told,) = refused(d.finish("tool_calls"))
    assert told[0] == "read"
    assert "parallel_tool_calls" in told[1]
    assert len(d.calls) == (approval == "never")
    assert len(d.requests) == 1, "the first call is told of together with that"
    if approval == "never":
        d.found()
    else:
        d.approve(d.events)
        assert len(d.requests) == 1
        d.found()
    told_of = [message.get("content") for message in d.requests[-1].messages]
    assert len(d.requests) == 2
    assert {*told_of[1::2]} == {"42", f"Error: {told[1]}"}


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


# --- interruptions -----------------------------------------------------------------------------


def test_a_cancel_stops_the_call() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    events = d.send("response.cancel")
    assert types(events) == [
        "response.mcp_call.failed",
        DONE,
        "response.output_item.done",
        *END,
    ]
    assert "may have taken effect" in events[1]["item"]["error"]["message"]
    assert d.kind(StopMcpCalls) == [StopMcpCalls((d.calls[0].item_id,))]
    assert d.found() == []
    assert len(d.requests) == 1


def test_speech_ends_the_response_and_not_the_call_and_its_answer_knows_of_it() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    done = of(d.interrupts_and_speaks(), "response.done")
    assert done[0]["response"]["status"] == "cancelled"
    assert d.kind(StopMcpCalls) == []
    d.heard(d.turn, "And hurry.")
    assert PENDING in [message["content"] for message in d.requests[-1].messages]
    events = d.found()
    assert types(events) == ["response.mcp_call.completed", DONE]
    assert len(d.requests) == 2
    d.answer("I do.")
    assert len(d.requests) == 3, "then it tells of the result"
    assert "42" in [message["content"] for message in d.requests[-1].messages]


def test_nothing_is_said_while_the_user_speaks_and_the_answer_tells_of_all() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks(stops=False)
    d.found()
    assert len(d.requests) == 1
    d.stops()
    d.heard(d.turn, "And hurry.")
    assert "42" in [message["content"] for message in d.requests[-1].messages]
    d.answer()
    assert len(d.requests) == 2, "it has been told"


@pytest.mark.parametrize("when", ["before its first word", "while it speaks", "behind it"])
def test_a_result_that_comes_after_the_next_turn_is_what_the_answer_is_about(when: str) -> None:
    d = McpDriver()
    d.connect()
    d.say("Where is it?")
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "And hurry.")
    if when == "before its first word":
        d.found()
    elif when == "while it speaks":
        d.text("I do.")
        d.audio(100)
        d.found()
    d.answer("I do.")
    if when == "behind it":
        d.found()
    read = d.requests[-1].messages
    assert [message["role"] for message in read[-4:]] == ["user", "assistant", "assistant", "tool"]
    assert read[-1]["content"] == "42"
    assert SILENCE not in str(read)
    assert PENDING not in str(read)
    d.answer("It is 42.")
    d.say("Thanks.")
    d.respond()
    read = d.requests[-1].messages
    assert [message["role"] for message in read[-3:]] == ["tool", "assistant", "user"]
    assert [read[-3]["content"], read[-1]["content"]] == ["42", "Thanks."]


def test_a_result_that_comes_while_the_user_speaks_again_stands_before_that_turn() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "And hurry.")
    d.answer("I do.")
    d.interrupts_and_speaks(stops=False)
    d.found()
    d.stops()
    d.heard(d.turn, "Well?")
    read = [message["content"] for message in d.requests[-1].messages]
    assert read[-2:] == ["42", "Well?"]
    assert read.index("And hurry.") < read.index("42")


def test_where_a_late_result_stands_is_known_when_the_item_before_it_is_deleted() -> None:
    d = McpDriver()
    d.connect()
    d.respond()
    d.asks()
    d.interrupts_and_speaks()
    d.heard(d.turn, "And hurry.")
    d.answer("I do.")
    d.found()
    (*_, said) = d.inside.conversation
    d.answer("It is 42.")
    d.send("conversation.item.delete", item_id=said.id)
    d.respond()
    contents = [message["content"] for message in d.requests[-1].messages]
    assert contents.index("And hurry.") < contents.index("42")


# --- a client that asks for what comes by itself -----------------------------------------------


def called(**said: Any) -> McpDriver:
    """A session in which a call has just ended."""
    d = McpDriver()
    d.connect(**said)
    d.say("Where is it?")
    d.respond()
    d.asks()
    d.found()
    return d


def test_a_client_that_asks_at_once_gets_the_response_that_is_begun() -> None:
    d = called()
    events = d.send("response.create", event_id="mine")
    assert types(events) == ["response.created"]
    assert len(d.requests) == 2
    assert d.running == events[0]["response"]["id"]
    assert "response.created" not in types(d.text("Here."))


def test_a_client_that_asks_while_it_is_told_is_not_told_twice() -> None:
    d = called()
    d.text("Here.")
    assert d.send("response.create") == []
    d.audio(100)
    d.finish()
    assert len(d.requests) == 2
    assert types(d.send("response.create")) == ["response.created"], "now it wants another"


def test_a_client_that_asks_when_all_is_told_gets_a_response_that_says_nothing() -> None:
    d = called()
    d.answer()
    events = d.send("response.create")
    assert types(events) == ["response.created", *END]
    done = events[1]["response"]
    assert done == {
        **response("completed"),
        "id": events[0]["response"]["id"],
        "conversation_id": done["conversation_id"],
        "usage": done["usage"],
    }
    assert done["usage"]["total_tokens"] == 0
    assert len(d.requests) == 2
    d.send("response.create")
    assert len(d.requests) == 3, "it has asked for that one already"


def test_what_was_said_since_is_answered() -> None:
    d = called()
    d.answer()
    d.say("And then?")
    d.send("response.create")
    assert len(d.requests) == 3


def test_a_failed_answer_may_be_asked_for_again() -> None:
    d = called()
    d.finish("content_filter")
    d.send("response.create")
    assert len(d.requests) == 3


def test_a_client_that_asks_for_more_than_the_answer_gets_its_own() -> None:
    d = called()
    begun = d.running
    (created,) = d.respond(instructions="Sing it.", metadata={"mine": "1"})
    assert created["response"]["metadata"] == {"mine": "1"}
    assert StopGenerating(begun) in d.kind(StopGenerating)
    assert d.requests[-1].instructions == "Sing it."
    assert d.text("late", begun) == []
    d.answer()
    assert len(d.requests) == 3, "and is told nothing twice"


def test_once_it_is_told_a_response_with_wishes_is_refused_as_ever() -> None:
    d = called()
    d.text("Here.")
    (error,) = d.respond(instructions="Sing it.")
    assert error["error"]["code"] == "conversation_already_has_active_response"


def test_a_cancel_before_the_first_word_is_a_whole_response() -> None:
    d = called()
    events = d.send("response.cancel")
    assert types(events)[:2] == ["response.created", "response.done"]
    assert events[1]["response"]["status"] == "cancelled"


def test_an_answer_that_fails_is_a_whole_response() -> None:
    d = called()
    events = d.finish()
    assert types(events)[:2] == ["response.created", "response.done"]


def test_a_session_without_servers_sends_nothing_new() -> None:
    d = McpDriver()
    d.say("hi")
    d.respond()
    d.answer()
    assert not [kind for kind in types(d.events) if "mcp" in kind]
    assert URL not in str(d.events)


# --- other ways into a session -------------------------------------------------------------------


def test_beta_knows_nothing_of_it() -> None:
    d = BetaDriver()
    choice = {"type": "mcp", "server_label": "docs"}
    for asked in ({"tools": [DOCS]}, {"tool_choice": choice}):
        (error,) = d.update(**asked)
        assert error["error"]["code"] == "invalid_value"
        assert "'mcp'" in error["error"]["message"]


def test_a_beta_client_of_such_a_session_is_not_told_of_it() -> None:
    d = McpDriver()
    dialect = BetaDialect()
    choice = {"type": "mcp", "server_label": "docs"}
    d.update(tools=[FUNCTION, DOCS], tool_choice=choice)
    d.listed(SEARCH)
    d.respond()
    d.call("{}", name=d.offered[0])
    d.finish("tool_calls")
    d.found()
    d.answer()
    told = [
        event
        for effect in d.kind(Send)
        if effect.event.type != "error"
        for event in dialect.render(effect.event)
    ]
    # An item may stand behind one of those that it does not know.
    shown = [
        {name: held for name, held in one.items() if name != "previous_item_id"} for one in told
    ]
    assert "mcp" not in str(shown)
    assert "response.done" in types(told)


async def test_a_client_secret_carries_servers_and_none_of_their_keys() -> None:
    settings = scripted_settings(mcp={"allowed_hosts": ["mcp.example.com"]})
    async with running(settings) as server, plain_http() as http:
        path = f"{server.http}/v1/realtime/client_secrets"

        async def asked(tool: dict[str, Any]) -> Any:
            session = {"type": "realtime", "tools": [tool]}
            return (await http.post(path, json={"session": session})).json()

        assert (await asked(DOCS))["session"]["tools"] == [DOCS]
        for secret in ({"authorization": "key"}, {"headers": {"X-Key": "key"}}):
            refused = await asked({**DOCS, **secret})
            (name,) = secret
            assert refused["error"]["param"] == f"session.tools[0].{name}"
        elsewhere = await asked({**DOCS, "server_url": "https://inside.example.com/"})
        assert elsewhere["error"]["param"] == "session.tools[0].server_url"


async def test_a_session_that_a_client_secret_describes_asks_its_servers() -> None:
    async with weather_server() as weather:
        settings = scripted_settings(mcp={"allowed_hosts": [weather.host]})
        tool = {**DOCS, "server_url": weather.url}
        async with running(settings) as server, plain_http() as http:
            session = {"type": "realtime", "tools": [tool]}
            body = {"session": session}
            made = await http.post(f"{server.http}/v1/realtime/client_secrets", json=body)
            key = {"Authorization": f"Bearer {made.json()['value']}"}
            async with client(server.url, additional_headers=key) as wire:
                await wire.until("mcp_list_tools.completed")
        (done,) = wire.of(DONE)
        assert [one["name"] for one in done["item"]["tools"]] == ["get_weather", "order_taxi"]
