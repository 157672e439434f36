"""A recording that was cut off, wherever that is, is the same with the server that made it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from open_realtime_pytest.process import ServerProcess
from recordings.command import main
from tests.support.recorded_side import RECORDINGS, TOOLS

RECORDED = sorted(RECORDINGS.glob("*.jsonl"))


def different(whole: Path, folder: Path, server: ServerProcess, every: int) -> list[int]:
    """Cut a recording behind each so-manieth line; returns behind which it differs."""
    lines = whole.read_text(encoding="utf-8").splitlines()
    for track in whole.parent.glob(f"{whole.stem}.*.flac"):
        shutil.copy(track, folder / track.name)
    cut = folder / whole.name
    found = []
    for end in range(2, len(lines) - 1, every):
        cut.write_text("\n".join(lines[:end]) + "\n", encoding="utf-8")
        url = f"http://127.0.0.1:{server.port}/v1"
        played = ["replay", str(cut), "--url", url, "--api-key", server.api_key]
        if main([*played, "--scripted", "--fast", "--patience", "4"]):
            found.append(end)
    return found


def test_it_is_the_same_as_far_as_it_goes(tmp_path: Path, server: ServerProcess):
    assert different(RECORDINGS / f"{TOOLS}.jsonl", tmp_path, server, every=5) == []


@pytest.mark.long
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_it_is_the_same_behind_each_line(path: Path, tmp_path: Path, server: ServerProcess):
    assert different(path, tmp_path, server, every=1) == []
