"""LiteLLM's proxy in front of the server, unmodified, and OpenAI's client in front of the proxy."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_python
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

START_S = 240
"""Importing the proxy alone takes a quiet machine ten seconds."""


@pytest.fixture(scope="module")
async def report() -> Report:
    async with running(scripted_settings(llm={"provider": "embedded"})) as server:
        return await run_python("litellm", server.url, patience_s=START_S)


@pytest.mark.parametrize("scenario", ["text", "beta", "spoken"])
async def test_a_conversation_is_answered_aloud(report, scenario):
    lines = report.scenario(scenario)
    assert [line["status"] for line in of(lines, "response")] == ["completed"]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_spoken_turn_is_transcribed(report):
    assert last(report.scenario("spoken"), "heard")["transcript"] == "hello there"


@pytest.mark.parametrize(
    ("scenario", "model"),
    [("transcription", "my-own-recogniser"), ("intent_alone", "gpt-realtime-whisper")],
)
async def test_a_transcription_session_has_the_model_of_the_proxy(report, scenario, model):
    lines = report.scenario(scenario)
    assert last(lines, "session")["type"] == "transcription"
    assert last(lines, "settings")["model"] == model
    assert last(lines, "heard")["transcript"] == "hello there"
