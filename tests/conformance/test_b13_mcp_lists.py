"""§B.13: MCP servers, and their lists of tools."""

from __future__ import annotations

from typing import Any

import pytest

from session.mcp import McpServer, McpTool
from session.reports import McpListChanged, McpToolsListed
from tests.conformance.mcp_events import ADDED, DONE, LIST, OTHER
from tests.support.mcp_driver import DOCS, READ, SEARCH, URL, McpDriver
from tests.support.session_driver import of, types
from tests.support.strict_reader import Event

SERVER = McpServer("docs", URL)


def errors(events: list[Event]) -> list[Any]:
    return [event["error"]["param"] for event in of(events, "error")]


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
