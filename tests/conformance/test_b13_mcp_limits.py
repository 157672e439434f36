"""§B.13: MCP calls that may not be made."""

from __future__ import annotations

from typing import Any

import pytest

from session.reports import McpToolsListed
from tests.conformance.mcp_events import FUNCTION, OTHER
from tests.support.mcp_driver import DOCS, READ, SEARCH, McpDriver
from tests.support.session_driver import of, types
from tests.support.strict_reader import Event


def refused(events: list[Event]) -> list[tuple[str, Any]]:
    """Name and error of the calls that ended among events."""
    done = [event["item"] for event in of(events, "response.output_item.done")]
    return [(item["name"], item["error"]["message"]) for item in done if item.get("error")]


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
