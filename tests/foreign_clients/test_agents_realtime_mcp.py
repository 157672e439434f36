"""OpenAI's Agents SDK for JavaScript with a hosted MCP tool and a real MCP server.

It asks for a response after each call, and the server begins one by itself: one answer is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.foreign_clients.installed import Line, Report, last, of, run_node
from tests.support.mcp_server import weather_server
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

OSLO = "The result of get weather is: 21C and sunny in Oslo."
HELLO = "Hello! How can I help you?"


@dataclass
class Told:
    """What the client and the MCP server tell."""

    report: Report
    asked: list[str]


@pytest.fixture(scope="module")
async def told() -> Told:
    async with weather_server() as weather:
        settings = scripted_settings(
            llm={"provider": "embedded"}, mcp={"allowed_hosts": [weather.host]}
        )
        async with running(settings) as server:
            report = await run_node("drive_agents_mcp", server.url, weather.url)
        return Told(report, weather.asked)


def outputs(lines: list[Line]) -> list[list[str]]:
    """What the responses made, in order, but for the empty answer to a request that came late."""
    return [line["output"] for line in of(lines, "response") if line["output"]]


async def test_a_tool_is_run_and_told_of_once(told: Told) -> None:
    lines = told.report.scenario("tool")
    assert last(lines, "tools")["names"] == ["get_weather", "order_taxi"]
    assert [line["output"] for line in of(lines, "called")] == ["21C and sunny in Oslo"]
    assert outputs(lines) == [["mcp_call"], ["message"], ["message"]]
    assert last(lines, "history")["assistant"] == [OSLO, HELLO]


async def test_an_approved_call_is_told_of_once(told: Told) -> None:
    lines = told.report.scenario("approved")
    assert outputs(lines) == [["mcp_approval_request"], ["message"], ["message"]]
    assert last(lines, "history")["assistant"] == [OSLO, HELLO]


async def test_a_refused_call_is_not_made_and_the_model_says_so(told: Told) -> None:
    lines = told.report.scenario("refused")
    assert [line["output"] for line in of(lines, "called")] == [None]
    assert outputs(lines) == [["mcp_approval_request"], ["message"], ["message"]]
    said, hello = last(lines, "history")["assistant"]
    assert "did not approve" in said
    assert hello == HELLO
    # One for each of the others, and two for the last.
    assert sorted(told.asked) == ["Oslo", "Oslo", "Oslo", "Rome"]


async def test_two_calls_of_one_response_are_told_of_together(told: Told) -> None:
    lines = told.report.scenario("twice")
    assert len(of(lines, "called")) == 2
    assert outputs(lines) == [["mcp_call", "mcp_call"], ["message"], ["message"]]
    said, hello = last(lines, "history")["assistant"]
    assert "Oslo" in said and "Rome" in said
    assert hello == HELLO
