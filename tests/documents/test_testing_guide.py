"""What `docs/testing.md` shows is run as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from asyncio.subprocess import PIPE
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from open_realtime_pytest.double import RealtimeServer, SessionSeen
from open_realtime_pytest.events import Event, Events
from testing.rules import RULES, read_script
from tests.support.double import Double, double
from tests.support.places import ROOT
from tests.support.server_process import Process, started
from tests.support.wire_client import client

TEXT = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
SCRIPT = "".join(
    TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    for title in ("A script, with pytest", "A script by HTTP, from any language")
)

FAULT, REPLAY = (
    TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    for title in ("A fault brought home", "A recorded session as a test")
)
NO_TIME = TEXT.partition("## Speech in no time, the same each time\n")[2].partition("\n## ")[0]
APP = """
import asyncio

from openai import AsyncOpenAI


async def main() -> None:
    async with AsyncOpenAI().realtime.connect(model="gpt-realtime") as connection:
        content = [{"type": "input_text", "text": "How is the weather?"}]
        item = {"type": "message", "role": "user", "content": content}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        async for event in connection:
            if event.type == "rate_limits.updated":
                return


asyncio.run(main())
"""
SPOKEN = """

import base64

from openai import OpenAI

from tests.support.wire_client import speech


def test_a_turn(realtime_server):
    for _time in range(2):
        realtime_server.reset()
        realtime_server.hears("what is the weather")
        realtime_server.answers("It is sunny.")
        sdk = OpenAI(api_key=realtime_server.api_key, base_url=realtime_server.base_url)
        with sdk.realtime.connect(model="gpt-realtime") as connection:
            audio = base64.b64encode(speech()).decode()
            connection.input_audio_buffer.append(audio=audio)
            for event in connection:
                if event.type == "response.done":
                    break
        golden(realtime_server.events, Path("golden.jsonl"))
    assert realtime_server.events.one("input_audio_buffer.speech_stopped")["audio_end_ms"] > 2000
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SCRIPT, re.MULTILINE | re.DOTALL)


def test_the_python_runs_with_pytest(tmp_path: Path):
    test, conftest = blocks("python")[:2]
    (tmp_path / "test_shown.py").write_text(test)
    # The recogniser of the second example hears nothing of the first one's.
    (tmp_path / "conftest.py").write_text(conftest)
    command = (sys.executable, "-m", "pytest", "-p", "open_realtime_pytest.plugin", "-n", "0")
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout[-4000:]


def test_a_spoken_turn_is_the_file_that_it_was(tmp_path: Path):
    [shown] = re.findall(r"^```python\n(.*?)^```$", NO_TIME, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_shown.py").write_text(shown + SPOKEN)
    command = (sys.executable, "-m", "pytest", "-p", "open_realtime_pytest.plugin", "-n", "0")
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout[-4000:]
    assert (tmp_path / "golden.jsonl").read_text()


async def test_a_recorded_session_is_a_test_of_the_app_and_of_the_server(tmp_path: Path):
    (tmp_path / "my_app.py").write_text(APP)
    serve, talk, show = commands(FAULT)
    async with serving(tmp_path, serve) as recorder:
        await run(tmp_path, talk, recorder.http)
        recorder.process.terminate()
        await recorder.ended()
    assert "How is the weather?" in await run(tmp_path, show)
    as_client_test, talk, wait, again, replay = commands(REPLAY)
    assert wait == "wait $!"
    process, address = await begun(tmp_path, as_client_test)
    await run(tmp_path, talk, address)
    out, _err = await process.communicate()
    assert (process.returncode, out.decode().partition(";")[0]) == (0, "no difference")
    async with serving(tmp_path, again) as server:
        assert (await run(tmp_path, replay, server.http)).startswith("no difference; ")


def commands(section: str) -> list[str]:
    shown = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return "".join(shown).splitlines()


def serving(folder: Path, command: str) -> AbstractAsyncContextManager[Process]:
    """Start a server as a command says, on a free port."""
    told = re.fullmatch(r"open-realtime-server (.*?)(?: --port \d+)? &", command)
    assert told is not None, command
    program = [sys.executable, str(ROOT / "main.py"), *told[1].split()]
    return started(program, folder, REALTIME_WEBRTC__UDP_PORT="0")


async def shell(folder: Path, command: str) -> asyncio.subprocess.Process:
    """Start a command of the document, with the Python of the tests."""
    here = command.replace("python ", f"exec {shlex.quote(sys.executable)} ", 1)
    return await asyncio.create_subprocess_shell(
        here,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"},
        stdout=PIPE,
        stderr=PIPE,
    )


async def run(folder: Path, command: str, http: str = "") -> str:
    """Run a command to its end, which talks with a server at another port than it says."""
    process = await shell(folder, re.sub(r"http://localhost:\d+", http, command))
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    return out.decode()


async def begun(folder: Path, command: str) -> tuple[asyncio.subprocess.Process, str]:
    """Start what serves a recording, and return where."""
    process = await shell(folder, command.removesuffix(" &") + " --port 0")
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    return process, line.partition("base URL is ")[2].partition("/v1 ")[0]


def test_the_json_is_a_script_with_all_rules():
    [shown] = blocks("json")
    rules = read_script(json.loads(shown)).rules
    assert {rule.action for rule in rules} == RULES.keys()


async def test_the_commands_of_curl_run():
    [shown] = [block for block in blocks("sh") if "curl" in block]
    commands = shown.splitlines()
    async with double() as server, client(server.url) as wire:
        await _curl(server, commands[0])
        await wire.say("the weather?")
        assert (await wire.until("response.output_audio_transcript.done"))["transcript"] == (
            "It is sunny."
        )
        [told] = json.loads(await _curl(server, commands[1]))["events"]
        assert told["event"] == {"type": "response.create"}
        assert json.loads(await _curl(server, commands[2])) == {"sessions": 0}


async def _curl(server: Double, command: str) -> str:
    """Do what a command says, by the test's own client."""
    found = re.fullmatch(
        r"curl (?:-X (?P<method>POST) )?(?:-d '(?P<data>.*)' )?'?http://localhost:8000(?P<path>\S+?)'?",
        command,
    )
    assert found is not None, command
    method = "POST" if found["method"] or found["data"] else "GET"
    answer = await server.http.request(method, found["path"], content=found["data"])
    assert answer.status_code == 200, answer.text
    return answer.text


def test_every_call_and_attribute_is_there():
    tables = SCRIPT.partition("open-realtime-server --testing")[0]
    rows = re.findall(r"^\| `(\w+)\b[^|]*\|", tables, re.MULTILINE)
    assert {"answers", "delays", "sessions", "wait_for"} <= {*rows}
    for name in rows:
        assert hasattr(RealtimeServer, name) or name == "base_url", name
    public = {name for name in vars(RealtimeServer) if not name.startswith("_")}
    assert public - {*rows} <= {"reset"}


@pytest.mark.parametrize(
    ("row", "kinds"),
    [("sessions", (SessionSeen,)), ("events", (Events, Event))],
)
def test_what_is_said_of_them_is_theirs(row: str, kinds: tuple[type, ...]):
    [told] = re.findall(rf"^\| `{row}` \| (.*) \|$", SCRIPT, re.MULTILINE)
    source = "".join(
        (ROOT / f"{kind.__module__.replace('.', '/')}.py").read_text() for kind in kinds
    )
    for name in re.findall(r"`(\w+)[^`]*`", told):
        assert f"self.{name}" in source or f"def {name}(" in source, name
