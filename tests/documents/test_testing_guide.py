"""What `docs/testing.md` shows is run as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from open_realtime_pytest.double import RealtimeServer, SessionSeen
from open_realtime_pytest.events import Event, Events
from testing.rules import RULES, read_script
from tests.support.double import Double, double
from tests.support.places import ROOT
from tests.support.wire_client import client

TEXT = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
SCRIPT = "".join(
    TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    for title in ("A script, with pytest", "A script by HTTP, from any language")
)


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
