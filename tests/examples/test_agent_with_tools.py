"""The agent calls its tools and speaks of their results, with the embedded rules as its model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples import agent_with_tools
from tests.examples.programs import LOUD, loudness, refused_python, run_python
from tests.support.running_server import running, scripted_settings

TYPED = """what is the weather in Oslo
set a timer for 5 minutes
tell me a joke
"""


async def test_tools_are_run_and_what_came_of_them_is_spoken(tmp_path: Path):
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"provider": "embedded"})
    async with running(settings) as server:
        environment = {"REALTIME_URL": f"{server.http}/v1"}
        said = await run_python(
            "agent_with_tools", folder=tmp_path, typed=TYPED, environment=environment
        )
    calls = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    answers = [line for line in said.splitlines() if line.startswith("Assistant: ")]
    weather, timer = calls
    assert weather.startswith("get_weather(") and "Oslo" in weather and "21" in weather
    assert timer.startswith("set_timer(") and "5 minutes" in timer
    assert len(answers) == 3
    assert "21" in answers[0] and "5 minutes" in answers[1]
    assert loudness(tmp_path / "answers.wav", 24000) > LOUD


@pytest.mark.parametrize("arguments", ['{"town": "Oslo"}', "{not JSON"])
def test_a_model_that_calls_a_tool_wrongly_is_told(arguments: str):
    assert "error" in json.loads(agent_with_tools.run("get_weather", arguments))
    assert "error" in json.loads(agent_with_tools.run("no_such_tool", "{}"))


async def test_a_server_that_is_not_there_is_named(tmp_path: Path):
    for url in ("http://127.0.0.1:9/v1", "http://no-such.invalid/v1"):
        why = await refused_python(
            "agent_with_tools", folder=tmp_path, environment={"REALTIME_URL": url}
        )
        assert why.startswith(f"No session with {url} (") and "make run" in why


async def test_what_cannot_be_recorded_is_named(tmp_path: Path):
    (tmp_path / "answers.wav").mkdir()
    why = await refused_python("agent_with_tools", folder=tmp_path)
    assert "answers.wav" in why and "folder" in why


async def test_help_needs_no_server(tmp_path: Path):
    assert "pip install" in await run_python("agent_with_tools", "-h", folder=tmp_path)
