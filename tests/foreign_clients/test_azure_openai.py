"""The `openai` package for Python as it reaches Azure, unmodified: GA, and the preview."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["v1", "azure", "preview"])
async def report(request) -> Report:
    # A voice that is slow to start leaves the long story unfinished when it is cut.
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"delay_ms": 300})
    async with running(settings) as server:
        return await run_python("azure-openai", server.http, request.param)


async def test_a_written_message_is_answered_aloud(report):
    lines = report.scenario("text")
    assert last(lines, "session")["model"] == "my-deployment"
    assert last(lines, "response")["status"] == "completed"
    assert last(lines, "audio")["transcripts"][0]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_spoken_turn_is_found_transcribed_and_answered(report):
    lines = report.scenario("audio")
    assert last(lines, "heard")["transcript"] == "hello there"
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_function_is_called_and_its_output_spoken(report):
    lines = report.scenario("tool")
    call = last(lines, "call")
    assert call["name"] == "get_weather"
    assert "Oslo" in call["arguments"]
    assert "21C" in last(lines, "audio")["transcripts"][-1]


async def test_a_cancelled_answer_ends_and_the_next_is_given(report):
    lines = report.scenario("cancelled")
    assert [line["status"] for line in of(lines, "response")] == ["cancelled", "completed"]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND
