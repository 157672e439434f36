"""Semantic Kernel's realtime clients over WebSockets, unmodified: OpenAI's, and Azure's."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.foreign_clients.tls import tls_front
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["openai", "azure"])
async def report(request, tmp_path_factory) -> Report:
    # A voice that is slow to start leaves the long story unfinished when it is talked over.
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"delay_ms": 300})
    async with running(settings) as server:
        if request.param == "openai":
            return await run_python("semantic-kernel", server.http, "openai")
        async with tls_front(server.port, tmp_path_factory.mktemp("tls")) as front:
            url = f"https://127.0.0.1:{front.port}"
            return await run_python("semantic-kernel", url, "azure", trust=front.certificate)


async def test_a_written_message_is_answered_aloud(report):
    lines = report.scenario("text")
    assert last(lines, "response")["status"] == "completed"
    assert last(lines, "answers")["text"]
    assert last(lines, "answers")["bytes"] >= QUARTER_SECOND


async def test_a_spoken_turn_is_found_transcribed_and_answered(report):
    lines = report.scenario("audio")
    assert last(lines, "heard")["transcript"] == "hello there"
    assert last(lines, "answers")["bytes"] >= QUARTER_SECOND


async def test_a_function_is_run_and_its_result_spoken(report):
    lines = report.scenario("tool")
    assert [line["output"] for line in of(lines, "tool_end")] == ["21C and sunny in Oslo"]
    assert "21C" in last(lines, "answers")["text"]


@pytest.mark.parametrize("scenario", ["barge_in", "cancelled"])
async def test_a_cut_answer_ends_and_the_next_is_given(report, scenario):
    lines = report.scenario(scenario)
    assert [line["status"] for line in of(lines, "response")] == ["cancelled", "completed"]
    assert last(lines, "answers")["bytes"] >= QUARTER_SECOND
