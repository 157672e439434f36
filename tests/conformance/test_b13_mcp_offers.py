"""§B.13: which tools of MCP servers a response may call."""

from __future__ import annotations

from typing import Any

import pytest

from session.mcp import McpTool
from session.reports import McpToolsListed
from tests.conformance.mcp_events import ADDED, FUNCTION, LIST, OTHER
from tests.support.mcp_driver import DOCS, READ, SEARCH, McpDriver
from tests.support.session_driver import of, types


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
