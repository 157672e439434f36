"""AG2's `LiveAgent` with its configuration for OpenAI, unmodified."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def report() -> Report:
    llm = {"provider": "embedded"}
    asking = scripted_settings(llm=llm, stt={"text": "what is the weather in Oslo?"})
    async with running(scripted_settings(llm=llm)) as server, running(asking) as asked:
        return await run_python("ag2", server.http, asked.http)


async def test_a_spoken_turn_is_found_transcribed_and_answered(report):
    lines = report.scenario("audio")
    assert last(lines, "heard")["transcript"] == "hello there"
    answer = last(lines, "answer")
    assert answer["text"]
    assert answer["tokens"] > 0
    assert answer["bytes"] >= QUARTER_SECOND


async def test_a_tool_is_run_and_its_result_spoken(report):
    lines = report.scenario("tool")
    assert [line["output"] for line in of(lines, "tool_end")] == [["21C and sunny in Oslo"]]
    assert "21C" in last(lines, "answer")["text"]
