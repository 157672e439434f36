"""What `python -m recordings` prints of sessions that a server has recorded."""

from __future__ import annotations

import json
import re
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from config import RecordingConfig
from recordings.command import main
from tests.recordings.recorded import recorded
from tests.support.places import ROOT

DOCUMENT = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")


async def test_the_conversation_is_shown_with_its_waterfalls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await recorded(tmp_path)
    capsys.readouterr()
    assert main(["show", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sess_")
    text = "\n".join(lines)
    order = ["what is the weather", "assistant", "and tomorrow", "invalid_value", "session ended"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    bars = [line.split("│") for line in lines if "│" in line]
    assert [bar[0].strip() for bar in bars] == [
        *("transcript", "first text", "first audio", "done"),
        *("first text", "first audio", "done"),
    ]
    # Each stage begins where the one before it has ended.
    for before, after in pairwise(bars[:4]):
        assert len(before[1].rstrip()) - 1 <= len(after[1]) - len(after[1].lstrip())
    assert all(bar[2].endswith(" ms") for bar in bars)


async def test_every_event_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = await recorded(tmp_path)
    capsys.readouterr()
    assert main(["show", "--events", str(path)]) == 0
    out = capsys.readouterr().out
    for words in ("← session.created", "→ session.update", "→ append ×", "← response.done", "· {"):
        assert words in out


async def test_a_redacted_conversation_shows_lengths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await recorded(tmp_path, redact=True)
    capsys.readouterr()
    assert main(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "weather" not in out
    assert f"[{len('what is the weather')}]" in out
    assert "done" in out


def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "foreign.jsonl"
    path.write_text('{"some": "json"}\n')
    assert main(["show", str(path)]) == 1
    told = capsys.readouterr().err
    assert told == f"error: {path}, line 1: does not begin a recording of a session\n"


def test_a_recording_that_is_cut_off_is_shown_and_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text('{"recording": 1, "session": "sess_1"}\n{"t": 1, "fro')
    assert main(["show", str(path)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("sess_1")
    assert f"{path}, line 2: the rest is missing" in told.err


async def test_a_page_is_written_for_its_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await recorded(tmp_path)
    capsys.readouterr()
    assert main(["page", str(path)]) == 0
    written = path.with_suffix(".html")
    assert capsys.readouterr().out == f"{written}\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert main(["page", str(path), "-o", str(tmp_path / "gone" / "page.html")]) == 1
    told = capsys.readouterr().err
    assert told == f"error: {tmp_path / 'gone' / 'page.html'}: No such file or directory\n"


async def test_a_track_that_is_broken_or_missing_is_named_and_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await recorded(tmp_path)
    track = path.with_name(path.name.replace(".jsonl", ".user.flac"))
    track.write_bytes(b"no sound")
    for _way in ("broken", "missing"):
        # Without it there is all the rest.
        assert main(["page", str(path)]) == 0
        assert f'"missing": ["{track.name}"]' in path.with_suffix(".html").read_text()
        track.unlink(missing_ok=True)


async def test_half_a_character_is_shown_as_none(tmp_path: Path) -> None:
    path = await recorded(tmp_path)
    text = path.read_text().replace('"model":"gpt-realtime"', '"model":"half \\ud83d"')
    assert "ud83d" in text
    path.write_text(text)
    assert main(["show", str(path)]) == 0
    assert main(["page", str(path)]) == 0


async def test_the_commands_of_the_document_do_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = await recorded(tmp_path)
    reading = DOCUMENT.partition("## Reading it\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^python -m recordings (.*?)\s+#", reading, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        capsys.readouterr()
        assert main([str(path) if word == "FILE" else word for word in command.split()]) == 0
        assert capsys.readouterr().out


def test_every_setting_is_in_the_document_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `recording\.(\w+)` \| (\S+) \|", DOCUMENT, re.MULTILINE))
    defaults = RecordingConfig().model_dump()
    assert listed.keys() == defaults.keys()
    for name, value in defaults.items():
        written = "none" if value is None else str(value).lower()
        assert listed[name] == written.removesuffix(".0"), name


async def test_the_document_names_every_field_of_a_line(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (await recorded(tmp_path)).read_text().splitlines()]
    fields = {name for row in rows for name in row} | set(rows[0])
    fields |= {name for row in rows for name in row.get("turn", {})}
    assert [name for name in sorted(fields) if f"`{name}`" not in DOCUMENT] == []
