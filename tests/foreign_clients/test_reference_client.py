"""OpenAI's first realtime client for JavaScript as `openai-realtime-api` has it, unmodified."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_node
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def report() -> Report:
    # A voice that is slow to start leaves the long story unfinished when it is cut.
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"delay_ms": 300})
    async with running(settings) as server:
        url = f"ws://127.0.0.1:{server.port}/v1/realtime"
        return await run_node("drive_reference_client", url)


async def test_a_written_message_is_answered_aloud(report):
    lines = report.scenario("text")
    (answer,) = last(lines, "assistant")["messages"]
    assert answer["text"]
    assert answer["parts"] == 1
    assert answer["bytes"] >= QUARTER_SECOND


@pytest.mark.parametrize("scenario", ["audio", "manual"])
async def test_a_spoken_turn_is_transcribed_and_answered(report, scenario):
    lines = report.scenario(scenario)
    assert [message["text"] for message in last(lines, "user")["messages"]] == ["hello there"]
    assert last(lines, "assistant")["messages"][-1]["bytes"] >= QUARTER_SECOND


async def test_a_tool_is_run_and_its_result_spoken(report):
    lines = report.scenario("tool")
    assert [line["city"] for line in of(lines, "tool")] == ["Oslo"]
    assert "21C" in last(lines, "assistant")["messages"][-1]["text"]


async def test_a_cancelled_answer_ends_and_the_next_is_given(report):
    lines = report.scenario("cancelled")
    assert [line["status"] for line in of(lines, "response")] == ["cancelled", "completed"]
    assert last(lines, "assistant")["messages"][-1]["bytes"] >= QUARTER_SECOND
