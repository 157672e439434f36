"""What CONTRIBUTING.md shows is complete: its diffs, applied to a copy of the tree, work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.places import ROOT
from tests.support.server_process import started
from tests.support.wire_client import PATIENCE_S

pytestmark = pytest.mark.long

DOCUMENT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "data", "node_modules"
)


def shown(section: str) -> str:
    """Return the diff in a section of the document."""
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    (diff,) = re.findall(r"^```diff\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
    return str(diff)


def tree(folder: Path, diff: str, *files: str) -> Path:
    """Copy the tree and apply a diff, or its parts about some files."""
    copy = folder / "tree"
    shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    command = ["git", "apply", *(f"--include={name}" for name in files), "-"]
    subprocess.run(command, cwd=copy, env=alone(copy), input=diff, text=True, check=True)
    return copy


def alone(copy: Path) -> dict[str, str]:
    """Return an environment in which git ignores a repository around the folder."""
    return {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}


def run(copy: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_provider_speaks_and_the_readmes_are_complete(tmp_path: Path) -> None:
    copy = tree(tmp_path, shown("Adding a provider"))
    checked = run(
        copy,
        "main.py",
        "--check",
        REALTIME_STT__PROVIDER="scripted",
        REALTIME_LLM__PROVIDER="scripted",
        REALTIME_TTS__PROVIDER="chime",
        REALTIME_TTS__OPTIONS='{"pitch_hz": 440}',
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Nine words, 200 ms each.
    assert "in 1.8 s of audio" in checked.stdout
    tables = run(copy, "-m", "pytest", "-q", "tests/documents/test_provider_tables.py")
    assert tables.returncode == 0, tables.stdout
    for style in (["check"], ["format", "--check"]):
        linted = run(copy, "-m", "ruff", *style, "providers/tts/chime.py")
        assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("forgotten", "asked_for"),
    [
        ("README.md", "README.md lacks a row: | TTS | `chime` | …"),
        ("README.zh-CN.md", "README.zh-CN.md: the options of `chime` lack pitch_hz"),
        ("requirements/chime.txt", "requirements/ lacks chime.txt"),
    ],
)
def test_what_the_provider_lacks_is_named(tmp_path: Path, forgotten: str, asked_for: str) -> None:
    files = {
        *("providers/tts/chime.py", "requirements/chime.txt"),
        *("README.md", "README.zh-CN.md"),
    }
    copy = tree(tmp_path, shown("Adding a provider"), *sorted(files - {forgotten}))
    tables = run(copy, "-m", "pytest", "-q", "tests/documents/test_provider_tables.py")
    assert tables.returncode == 1
    assert asked_for in tables.stdout


SCRIPTED = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
BETA = {"OpenAI-Beta": "realtime=v1"}


async def answers(url: str, headers: dict[str, str], *asked: dict[str, Any]) -> list[Any]:
    """Send events in a session of their own; return one answer for each."""
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(url, additional_headers=headers) as socket,
    ):
        assert json.loads(await socket.recv())["type"] == "session.created"
        for event in asked:
            await socket.send(json.dumps(event))
        return [json.loads(await socket.recv()) for _ in asked]


def refused(answer: dict[str, Any]) -> tuple[str, str, str]:
    """Code and field of an error, and the event that it is about."""
    assert answer["type"] == "error", answer
    error = answer["error"]
    return error["code"], error["param"], error["event_id"]


async def test_the_event_is_answered_in_both_dialects(tmp_path: Path) -> None:
    copy = tree(tmp_path, shown("Adding an event"))
    dialects: list[tuple[dict[str, str], str, str, str]] = [
        ({}, "session.ping", "session.pong", "ping"),
        (BETA, "ping", "pong", "session.ping"),
    ]
    async with started([sys.executable, "main.py"], copy, **SCRIPTED) as server:
        for headers, ping, pong, foreign in dialects:
            answered, extra, early, unknown = await answers(
                server.url,
                headers,
                {"type": ping, "sent_ms": 12},
                {"type": ping, "sent_ms": 12, "got_ms": 15, "event_id": "extra"},
                {"type": ping, "sent_ms": -1, "event_id": "early"},
                {"type": foreign, "sent_ms": 12, "event_id": "unknown"},
            )
            assert answered.pop("event_id").startswith("event_")
            assert answered == {"type": pong, "sent_ms": 12}
            assert refused(extra) == ("unknown_parameter", "got_ms", "extra")
            assert refused(early)[1:] == ("sent_ms", "early")
            assert refused(unknown) == ("invalid_value", "type", "unknown")
            assert f"'{ping}'" in unknown["error"]["message"]


def test_the_table_of_the_protocol_has_the_event_once_it_is_written_anew(tmp_path: Path) -> None:
    copy = tree(tmp_path, shown("Adding an event"))
    table = "tests/documents/test_support_table.py"
    is_current = ("-m", "pytest", "-q", table, "-k", "document_is")
    old = run(copy, *is_current)
    assert old.returncode == 1
    assert "run `python docs/make_protocol_table.py`" in old.stdout
    written = run(copy, "docs/make_protocol_table.py")
    assert written.returncode == 0, written.stderr
    rows = (copy / "docs" / "protocol.md").read_text(encoding="utf-8").splitlines()
    sign = "\N{SECTION SIGN}"
    assert f"| `session.ping` | yes | no: `invalid_value` | {sign}A.0 |" in rows
    assert f"| `ping` | no: `invalid_value` | yes | {sign}A.0 |" in rows
    assert "| `sent_ms` | integer from 0 | yes | the same |" in rows
    assert f"| `session.pong` | `sent_ms` | yes | `pong` | {sign}A.0 |" in rows
    new = run(copy, *is_current)
    assert new.returncode == 0, new.stdout
    changed = ("wire/client_events.py", "wire/session_events.py", "realtime_session.py")
    for style in (["check"], ["format", "--check"]):
        linted = run(copy, "-m", "ruff", *style, *changed)
        assert linted.returncode == 0, linted.stdout


def test_an_event_without_its_handler_is_named(tmp_path: Path) -> None:
    records = ("wire/client_events.py", "wire/session_events.py")
    copy = tree(tmp_path, shown("Adding an event"), *records)
    tested = run(copy, "-m", "pytest", "-q", "tests/test_realtime_session.py", "-k", "handler")
    assert tested.returncode == 1
    assert "RealtimeSession has no method `ping`, which Ping names" in tested.stdout


def test_the_document_names_what_is_there() -> None:
    prose = re.sub(r"^```.*?^```$", "", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    places = re.findall(r"\]\(([\w./]+)\)|`((?:\w+/)[\w./]*|\w+\.(?:py|md))`", prose)
    named = {link or path for link, path in places}
    assert {"peers/base.py", "wire/", "docs/wire.md"} <= named
    # What stands "beside them" is named without its folder.
    beside = {path.name for path in (ROOT / "tests" / "providers").rglob("*.py")}
    assert [place for place in named if not (ROOT / place).exists() and place not in beside] == []
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([\w-]+)", prose)) <= targets
