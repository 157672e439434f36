"""Azure's `rt-client` for JavaScript, unmodified: in its Azure mode, and in its OpenAI mode.

It closes the connection at the first event that its list lacks, and ends all that is under way at
the first error: a conversation that comes to its end had neither.
"""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import QUARTER_SECOND, Report, last, of, run_node
from tests.foreign_clients.tls import tls_front
from tests.support.running_server import running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=["azure", "openai"])
async def report(request, tmp_path_factory) -> Report:
    # A voice that is slow to start leaves the long story unfinished when it is cut.
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"delay_ms": 300})
    async with running(settings) as server:
        if request.param == "azure":
            return await run_node("drive_rt_client", server.http, "azure")
        async with tls_front(server.port, tmp_path_factory.mktemp("tls")) as front:
            url = f"https://127.0.0.1:{front.port}"
            return await run_node("drive_rt_client", url, "openai", trust=front.certificate)


async def test_a_written_message_is_answered_aloud(report):
    lines = report.scenario("text")
    session = last(lines, "session")
    assert session["temperature"] == 0.9
    assert session["model"] in ("my-deployment", "gpt-realtime")
    message = last(lines, "message")
    assert message["transcript"] == message["whole"] != ""
    assert message["bytes"] >= QUARTER_SECOND
    response = last(lines, "response")
    assert response["status"] == "completed"
    assert response["tokens"] > 0


async def test_an_answer_can_be_in_writing(report):
    lines = report.scenario("written")
    assert last(lines, "message")["text"]
    assert last(lines, "response")["status"] == "completed"


async def test_a_spoken_turn_is_found_transcribed_and_answered(report):
    lines = report.scenario("audio")
    assert last(lines, "heard")["transcript"] == "hello there"
    assert last(lines, "heard")["end_ms"] > 0
    assert last(lines, "message")["bytes"] >= QUARTER_SECOND


async def test_a_turn_that_the_client_commits_is_transcribed_and_answered(report):
    lines = report.scenario("manual")
    assert last(lines, "heard")["transcript"] == "hello there"
    assert last(lines, "message")["bytes"] >= QUARTER_SECOND


async def test_a_function_is_called_and_its_output_spoken(report):
    lines = report.scenario("tool")
    call = last(lines, "call")
    assert call["name"] == "get_weather"
    assert "Oslo" in call["arguments"]
    assert "21C" in last(lines, "message")["transcript"]


async def test_a_cancelled_answer_ends_and_the_next_is_given(report):
    lines = report.scenario("cancelled")
    cut, answered = of(lines, "response")
    assert cut == {**cut, "status": "cancelled", "reason": "client_cancelled"}
    assert answered["status"] == "completed"
    assert last(lines, "message")["bytes"] >= QUARTER_SECOND


async def test_an_answer_can_be_asked_for_as_the_documentation_of_the_preview_does(report):
    lines = report.scenario("low_level")
    assert last(lines, "response")["status"] == "completed"
