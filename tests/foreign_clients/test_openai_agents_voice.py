"""The streaming recogniser of OpenAI's Agents SDK (`agents.voice`), unmodified."""

from __future__ import annotations

import pytest

from tests.foreign_clients.installed import Report, of, run_python
from tests.support.running_server import running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def report() -> Report:
    async with running() as server:
        return await run_python("openai-agents", server.url, part="voice")


def turns(lines):
    return [line["text"] for line in of(lines, "turn")]


@pytest.mark.parametrize("scenario", ["defaults", "hints", "server_vad"])
async def test_each_turn_is_transcribed_and_the_session_ends(report, scenario):
    """At the end it commits and clears: the commit's error is no fault, the clearing its end."""
    assert turns(report.scenario(scenario)) == ["hello there"] * 2


async def test_the_end_of_the_input_commits_what_was_said(report):
    assert turns(report.scenario("end_of_input")) == ["hello there"]
