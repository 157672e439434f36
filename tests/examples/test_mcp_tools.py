"""The program shows what an MCP server's tools were asked and said, with a real one."""

from __future__ import annotations

from pathlib import Path

from tests.examples.programs import refused_python, run_python
from tests.support.mcp_server import weather_server
from tests.support.running_server import running, scripted_settings

TYPED = """what is the weather in Oslo
y
what is the weather in Rome
n
"""


async def test_calls_are_approved_made_and_told_of(tmp_path: Path) -> None:
    async with weather_server() as weather:
        settings = scripted_settings(
            llm={"provider": "embedded"}, mcp={"servers": {"city": {"url": weather.url}}}
        )
        async with running(settings) as server:
            environment = {"REALTIME_URL": f"{server.http}/v1"}
            said = await run_python(
                "mcp_tools", "city", folder=tmp_path, typed=TYPED, environment=environment
            )
            why = await refused_python(
                "mcp_tools", "nowhere", folder=tmp_path, environment=environment
            )
        assert weather.asked == ["Oslo"]
    assert "Tools: get_weather, order_taxi" in said
    assert "→ 21C and sunny in Oslo" in said
    oslo, rome = (line for line in said.splitlines() if line.startswith("Assistant: "))
    assert "21C and sunny in Oslo" in oslo
    assert "did not approve" in rome
    assert "nowhere" in why
