"""openai-agents with a real MCP server among the session's tools."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import Report, last, of, run_python
from tests.support.mcp_server import weather_server
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def report() -> Report:
    async with weather_server() as weather:
        settings = scripted_settings(
            llm={"provider": "embedded"}, mcp={"allowed_hosts": [weather.host]}
        )
        async with running(settings) as server:
            return await run_python("openai-agents", server.url, weather.url, part="mcp")


async def test_a_tool_is_run_and_told_of_once_unasked(report: Report) -> None:
    lines = report.scenario("tool")
    made = [line["output"] for line in of(lines, "response")]
    assert made == [["mcp_call"], ["message"], ["message"]]
    messages = last(lines, "history")["messages"]
    told = [m for m in messages if "21C and sunny in Oslo" in " ".join(m["texts"])]
    assert len(told) == 1


async def test_an_approved_call_is_made_and_told_of(report: Report) -> None:
    lines = report.scenario("approved")
    made = [line["output"] for line in of(lines, "response")]
    assert made == [["mcp_approval_request"], ["message"]]
    assert "21C and sunny" in str(last(lines, "history")["messages"][-1]["texts"])
