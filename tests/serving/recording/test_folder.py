"""The folder of recordings: what is old or too much goes, the oldest first, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config import ConfigError
from serving.recording import folder

NOW = 1_000_000.0


def recording(where: Path, day: int, *, age_s: float, size: int = 100) -> str:
    """Write a recording, audio beside it; returns what its files begin with."""
    stem = f"202601{day:02}T101112-sess_{day}"
    for end, length in (("jsonl", size), ("user.flac", size), ("assistant-2.wav", size)):
        path = where / f"{stem}.{end}"
        path.write_bytes(bytes(length))
        os.utime(path, (NOW - age_s, NOW - age_s))
    return stem


def stems(where: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in where.iterdir()}


def test_recordings_that_are_too_old_are_deleted(tmp_path: Path) -> None:
    recording(tmp_path, 1, age_s=500)
    young = recording(tmp_path, 2, age_s=50)
    assert folder.tidy(tmp_path, NOW - 100, 10_000) == 300
    assert stems(tmp_path) == {young}


def test_the_oldest_go_first_until_the_rest_has_room(tmp_path: Path) -> None:
    recording(tmp_path, 3, age_s=30)
    kept = {recording(tmp_path, 1, age_s=10), recording(tmp_path, 2, age_s=20)}
    assert folder.tidy(tmp_path, 0, 700) == 600
    assert stems(tmp_path) == kept


def test_what_is_no_recording_stays(tmp_path: Path) -> None:
    for name in ("notes.jsonl", "20260101T101112-sess_1.txt", "photo.flac"):
        (tmp_path / name).write_bytes(bytes(1000))
        os.utime(tmp_path / name, (0, 0))
    assert folder.tidy(tmp_path, NOW, 1) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    written = recording(tmp_path, 1, age_s=500)
    recording(tmp_path, 2, age_s=400)
    with (tmp_path / f"{written}.jsonl").open("ab") as file:
        folder.lock(file)
        assert folder.tidy(tmp_path, NOW, 1) == 300
        assert stems(tmp_path) == {written}
    assert folder.tidy(tmp_path, NOW, 1) == 0


def test_a_folder_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert folder.tidy(tmp_path / "gone", NOW, 1) == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="name another folder"):
        folder.prepare(tmp_path / "file" / "within")
