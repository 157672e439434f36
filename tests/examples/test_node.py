"""The Node example: a spoken turn and a typed one, in the rate of the file that it is given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.examples.programs import EXAMPLES, LOUD, loudness, refused, run, spoken_file
from tests.foreign_clients.installed import NODE, install
from tests.support.running_server import running, scripted_settings


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The example, beside the package that it needs."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not installed")
    command = (npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    if reason := install((command,), NODE / "node_modules", NODE / "package-lock.json"):
        pytest.skip(f"npm could not install ws: {reason}")
    needed = json.loads((EXAMPLES / "node" / "package.json").read_text())["dependencies"]
    assert needed.keys() == {"ws"}
    shutil.copy(EXAMPLES / "node" / "talk.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    return str(tmp_path / "talk.mjs")


@pytest.mark.parametrize("rate", [16000, 24000])
async def test_both_turns_are_answered_aloud(program: str, rate: int, tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", rate)
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"provider": "embedded"})
    async with running(settings) as server:
        command = ("node", program, str(question), "answer.wav")
        said = await run(*command, folder=tmp_path, environment={"REALTIME_URL": server.url})
    lines = said.splitlines()
    assert lines[0] == "You: hello there"
    assert [line.partition(":")[0] for line in lines] == ["You", "Assistant"] * 2
    assert loudness(tmp_path / "answer.wav", rate) > LOUD


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/v1/realtime", "nonsense"])
async def test_a_server_that_is_not_there_is_named(program: str, url: str, tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", 24000)
    command = ("node", program, str(question), "answer.wav")
    why = await refused(*command, folder=tmp_path, environment={"REALTIME_URL": url})
    assert why.startswith(f"No session with {url} (") and "make run" in why


async def test_files_that_cannot_be_used_are_named(program: str, tmp_path: Path):
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for file in (text, tmp_path / "none.wav"):
        why = await refused("node", program, str(file), "answer.wav", folder=tmp_path)
        assert why.startswith(f"{file} cannot be read (") and "mono with 16 bits" in why
    question = spoken_file(tmp_path / "question.wav", 24000)
    async with running(scripted_settings()) as server:
        command = ("node", program, str(question), "no/answer.wav")
        why = await refused(*command, folder=tmp_path, environment={"REALTIME_URL": server.url})
    assert why.startswith("no/answer.wav cannot be written (")


async def test_a_session_that_ends_early_is_told(program: str, tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", 24000)

    async def end(session: ServerConnection) -> None:
        await session.close(1012, "restarts")

    async with serve(end, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        command = ("node", program, str(question), "answer.wav")
        why = await refused(*command, folder=tmp_path, environment={"REALTIME_URL": url})
    assert "1012 restarts" in why
