"""The OpenAI plugin of LiveKit Agents, unmodified, without a LiveKit server."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def report() -> Report:
    # A voice that is slow to start leaves the long story unfinished when it is cut.
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"delay_ms": 300})
    async with running(settings) as server:
        return await run_python("livekit", server.url)


async def test_the_context_is_kept_in_step_and_answered_aloud(report):
    lines = report.scenario("text")
    before, after = of(lines, "context")
    assert before["messages"] == ["user: this will be deleted", "assistant: an old answer"]
    answer = last(lines, "message")
    assert after["messages"][:2] == ["assistant: an old answer", "user: hello"]
    assert answer["text"]
    assert answer["modalities"] == ["audio", "text"]
    assert answer["bytes"] >= QUARTER_SECOND


async def test_a_spoken_turn_is_transcribed_and_answered_unasked(report):
    lines = report.scenario("audio")
    assert last(lines, "heard")["transcript"] == "hello there"
    assert last(lines, "generation")["user_initiated"] is False
    assert len(of(lines, "speech_started")) == len(of(lines, "speech_stopped")) == 1
    assert last(lines, "message")["bytes"] >= QUARTER_SECOND


async def test_a_tool_is_called_and_its_output_spoken(report):
    lines = report.scenario("tool")
    call = last(lines, "call")
    assert call["name"] == "get_weather"
    assert "Oslo" in call["arguments"]
    assert "21C" in last(lines, "message")["text"]


async def test_an_interrupted_answer_ends_and_the_next_is_given(report):
    lines = report.scenario("interruption")
    assert of(lines, "cut")
    assert last(lines, "message")["bytes"] >= QUARTER_SECOND
