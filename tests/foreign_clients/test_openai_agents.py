"""OpenAI's Agents SDK for Python, unmodified: what its users get from this server."""

from __future__ import annotations

import pytest

from pipeline_manager import pipelines_for
from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.support.running_server import running, scripted_settings
from tests.support.upstream_stack import upstream_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["alone", "with another server as its upstream"])
async def report(request) -> Report:
    # A voice that is slow to start leaves the long story unfinished when it is talked over.
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"delay_ms": 300})
    async with running(settings) as server:
        if request.param == "alone":
            return await run_python("openai-agents", server.url)
        before = upstream_settings(f"ws://127.0.0.1:{server.port}/v1/realtime")
        async with running(before, pipelines_for(before)) as first:
            return await run_python("openai-agents", first.url)


def texts(lines, role):
    return [
        " ".join(filter(None, message["texts"]))
        for message in last(lines, "history")["messages"]
        if message["role"] == role
    ]


async def test_a_written_message_is_answered_aloud_and_in_the_history(report):
    lines = report.scenario("text")
    assert texts(lines, "user") == ["hello"]
    assert len(texts(lines, "assistant")) == 1
    assert texts(lines, "assistant")[0]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


@pytest.mark.parametrize("scenario", ["spoken", "spoken_server_vad"])
async def test_what_was_spoken_is_in_the_history_and_answered(report, scenario):
    lines = report.scenario(scenario)
    assert texts(lines, "user") == ["hello there"]
    assert [line["status"] for line in of(lines, "response")] == ["completed"]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_tool_is_run_and_its_result_spoken(report):
    lines = report.scenario("tool")
    (call,) = of(lines, "tool_end")
    assert call["output"] == "21C and sunny in Oslo"
    assert "21C" in texts(lines, "assistant")[-1]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_speech_over_an_answer_interrupts_and_truncates_it(report):
    lines = report.scenario("barge_in")
    interrupted = of(lines, "audio_interrupted")[0]["item_id"]
    (truncated,) = of(lines, "truncated")
    assert truncated["item_id"] == interrupted
    assert [line["status"] for line in of(lines, "response")] == ["cancelled", "completed"]
    assert texts(lines, "user") == ["tell me a long story", "hello there"]
