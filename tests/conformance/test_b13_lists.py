"""§B.13: whose lists of tools are offered, and what clients are told of them."""

from __future__ import annotations

from typing import Any

import pytest

from session.effects import KeepMcpServers
from session.mcp import McpServer
from session.reports import McpListChanged, McpToolsListed
from tests.support.mcp_driver import DOCS, READ, SEARCH, URL, McpDriver
from tests.support.session_driver import of, types
from tests.support.strict_reader import Event

ELSEWHERE = "https://mcp.example.com/other"
BARE = {"type": "mcp", "server_label": "docs"}
NARROW = {**BARE, "allowed_tools": ["read"]}
OUTSIDE: dict[str, Any] = {"conversation": "none", "input": []}


def shown(events: list[Event]) -> list[list[str]]:
    """Names of the tools in the lists that are done."""
    done = [event["item"] for event in of(events, "conversation.item.done")]
    return [
        [tool["name"] for tool in item["tools"]]
        for item in done
        if item["type"] == "mcp_list_tools"
    ]


@pytest.mark.parametrize(
    "other",
    [
        {**BARE, "server_url": None},
        {**DOCS, "server_url": ELSEWHERE, "require_approval": "always"},
        {**BARE, "authorization": "of another"},
    ],
    ids=["the operator's", "another URL", "another key"],
)
def test_what_a_response_says_of_a_label_of_the_session_s_is_its_own(other: Any) -> None:
    operators = {"docs": {"url": ELSEWHERE}}
    d = McpDriver(lambda _server: None, mcp={"servers": operators})
    d.connect(SEARCH)
    events = d.respond(tools=[other])
    events += d.listed(READ)
    assert d.offered == ["read"]
    events += d.finish()
    assert shown(events) == [], "the session has other tools"
    events = d.respond()
    assert d.offered == ["search"]
    d.asks()
    assert d.calls[-1].server == McpServer("docs", URL)
    d.found()
    d.finish()
    asked = len(d.lists)
    (updated,) = d.update(tools=[BARE])
    assert updated["session"]["tools"] == [DOCS]
    assert len(d.lists) == asked
    d.respond(tools=[other])
    assert d.offered == ["read"]
    assert len(d.lists) == asked, "it has listed them already"


def test_a_response_s_own_filter_and_approvals_are_not_the_session_s() -> None:
    d = McpDriver()
    d.connect()
    d.respond(tools=[{**NARROW, "require_approval": "always"}])
    d.finish()
    (updated,) = d.update(tools=[BARE])
    assert updated["session"]["tools"] == [DOCS]
    d.respond()
    assert d.offered == ["search", "read"]
    d.asks()
    assert len(d.calls) == 1


def test_a_label_that_only_responses_know_is_as_the_last_one_said() -> None:
    d = McpDriver()
    d.respond(tools=[{**DOCS, "authorization": "old"}])
    d.listed(SEARCH)
    d.finish()
    d.respond(tools=[{**DOCS, "authorization": "new"}])
    d.listed(SEARCH)
    d.finish()
    d.update(tools=[BARE])
    d.respond()
    d.asks()
    assert d.calls[-1].server.authorization == "new"


def test_what_one_response_may_use_of_a_list_is_no_item() -> None:
    d = McpDriver()
    d.connect()
    for _ in range(3):
        assert shown(d.respond(tools=[NARROW])) == []
        assert d.offered == ["read"]
        d.finish()
        assert shown(d.respond()) == []
        assert d.offered == ["search", "read"]
        d.finish()


def test_a_response_outside_the_conversation_puts_no_list_into_it() -> None:
    d = McpDriver()
    before = d.items()
    d.respond(**OUTSIDE, tools=[DOCS])
    d.listed(SEARCH)
    assert d.offered == ["search"]
    d.finish()
    d.respond(**OUTSIDE, tools=[{**DOCS, "server_url": ELSEWHERE}])
    d.list_failed()
    assert d.offered == []
    assert d.items() == before
    assert types(d.report(McpListChanged(McpServer("docs", URL)))) == []
    assert d.listed(READ) == []
    assert shown(d.update(tools=[DOCS])) == [["read"]], "the session names it now"


def test_a_list_that_is_asked_for_outside_is_shown_once_the_session_names_its_server() -> None:
    d = McpDriver()
    d.respond(**OUTSIDE, tools=[DOCS])
    assert "mcp_list_tools.in_progress" in types(d.update(tools=[DOCS]))
    assert len(d.lists) == 1
    assert shown(d.listed(SEARCH)) == [["search"]]


def test_a_failure_is_told_and_then_the_session_s_list_of_the_label_again() -> None:
    d = McpDriver()
    d.connect(SEARCH)
    d.respond(tools=[{**DOCS, "server_url": ELSEWHERE}])
    assert types(d.list_failed())[-1] == "mcp_list_tools.failed"
    d.finish()
    assert shown(d.respond()) == [["search"]]
    assert len(d.lists) == 2


def test_a_server_that_failed_is_asked_by_each_response_and_told_of_once_it_is_there() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    d.list_failed()
    for asked in (2, 3):
        begun = types(d.respond())
        assert len(d.lists) == asked
        assert not [one for one in begun if "mcp" in one]
        assert d.offered == []
        assert d.list_failed() == []
        d.finish()
        d.respond(**OUTSIDE)
        d.finish()
        assert len(d.lists) == asked, "none for a response outside"
    d.respond()
    d.finish()
    events = d.listed(SEARCH)
    assert types(events) == [
        "conversation.item.added",
        "mcp_list_tools.in_progress",
        "conversation.item.done",
        "mcp_list_tools.completed",
    ]
    assert shown(events) == [["search"]]
    d.respond()
    assert d.offered == ["search"]
    assert len(d.lists) == 4


def test_a_server_that_failed_and_is_asked_quietly_is_told_of_when_it_is_named_again() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    d.list_failed()
    d.respond()
    assert "mcp_list_tools.in_progress" in types(d.update(tools=[DOCS]))
    assert len(d.lists) == 2
    assert types(d.list_failed())[-1] == "mcp_list_tools.failed"


def test_the_servers_that_a_session_names_are_kept() -> None:
    d = McpDriver()
    d.update(tools=[DOCS])
    d.update(tools=[{**DOCS, "allowed_tools": []}])
    d.respond(tools=[{**DOCS, "server_label": "other"}])
    d.update(tools=[])
    assert d.kind(KeepMcpServers) == [
        KeepMcpServers(frozenset({McpServer("docs", URL)})),
        KeepMcpServers(frozenset()),
    ]


def test_clients_know_what_the_session_may_use_when_it_goes_back_to_a_server() -> None:
    d = McpDriver()
    d.connect(SEARCH)
    d.update(tools=[{**DOCS, "server_url": ELSEWHERE}])
    d.listed(READ)
    assert shown(d.update(tools=[DOCS])) == [["search"]]
    assert len(d.lists) == 2


def test_items_about_other_tools_of_a_list_are_bounded_and_the_next_response_tells_the_last() -> (
    None
):
    d = McpDriver()
    d.connect()
    events: list[Event] = []
    for number in range(201):
        events += d.update(tools=[{**DOCS, "allowed_tools": ["search" if number % 2 else "read"]}])
    assert len(shown(events)) == 16
    assert shown(d.respond()) == [["read"]]
    assert d.offered == ["read"]
    d.finish()
    assert shown(d.update(tools=[{**DOCS, "allowed_tools": None}])) == [["search", "read"]]


def test_lists_of_servers_that_are_named_no_more_are_not_kept_for_ever() -> None:
    d = McpDriver()
    d.connect(SEARCH)
    for number in range(70):
        d.respond(tools=[{**DOCS, "authorization": f"key{number}"}])
        d.report(McpToolsListed(d.lists[-1].item_id, (READ,)))
        d.finish()
    assert len(d.lists) == 71
    d.respond(tools=[{**DOCS, "authorization": "key0"}])
    assert len(d.lists) == 72, "it is asked again"
    d.listed(READ)
    d.finish()
    d.respond()
    assert d.offered == ["search"]
    assert len(d.lists) == 72
