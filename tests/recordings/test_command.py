"""What `python -m recordings` prints of sessions that a server has recorded."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from recordings.command import main
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client, speech


async def recorded(folder: Path, **changed: object) -> Path:
    """Hold a conversation with a server that records it."""
    recording = {"dir": folder, **changed}
    settings = scripted_settings(recording=recording, stt={"text": "what is the weather"})
    async with running(settings) as server:
        async with client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await wire.append(speech())
            await wire.until("response.done")
            await wire.say("and tomorrow")
            await wire.until("response.done")
            await wire.send("no.such.event")
            await wire.until("error")
        await server.emptied()
    return found(folder)


def found(folder: Path) -> Path:
    """Return the only recording."""
    (path,) = folder.glob("*.jsonl")
    return path


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
