"""Realtime sessions of Pydantic AI, unmodified: its model for OpenAI, and its model for Azure."""

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
            return await run_python("pydantic-ai", server.http, "openai")
        async with tls_front(server.port, tmp_path_factory.mktemp("tls")) as front:
            url = f"https://127.0.0.1:{front.port}"
            return await run_python("pydantic-ai", url, "azure", trust=front.certificate)


async def test_a_written_message_is_answered_aloud_behind_an_old_conversation(report):
    lines = report.scenario("text")
    *old, asked, answer = last(lines, "history")["messages"]
    assert old == ["user: an old question", "assistant: an old answer"]
    assert asked == "user: hello"
    assert answer.removeprefix("assistant: ")
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_an_answer_can_be_in_writing(report):
    asked, answer = last(report.scenario("written"), "history")["messages"]
    assert asked == "user: hello"
    assert answer.removeprefix("assistant: ")


@pytest.mark.parametrize("scenario", ["audio", "manual"])
async def test_what_was_spoken_is_in_the_history_and_answered(report, scenario):
    lines = report.scenario(scenario)
    heard, answer = last(lines, "history")["messages"]
    assert heard == "user: hello there"
    assert answer.removeprefix("assistant: ")
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


async def test_a_tool_is_run_and_its_result_spoken(report):
    lines = report.scenario("tool")
    assert [line["output"] for line in of(lines, "tool_end")] == ["21C and sunny in Oslo"]
    assert "21C" in last(lines, "history")["messages"][-1]
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND


@pytest.mark.parametrize(
    ("scenario", "said"), [("interruption", "hello"), ("barge_in", "hello there")]
)
async def test_an_interrupted_answer_is_cut_and_the_next_is_given(report, scenario, said):
    lines = report.scenario(scenario)
    story, cut, asked, answer = last(lines, "history")["messages"]
    assert story == "user: tell me a long story"
    assert cut.endswith("(interrupted)")
    assert asked == f"user: {said}"
    assert answer.startswith("assistant: ")
    assert "interrupted" not in answer
    assert last(lines, "audio")["bytes"] >= QUARTER_SECOND
