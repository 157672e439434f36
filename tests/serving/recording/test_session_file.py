"""Where a disk is full, what it took stays a recording that can be read, or there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audio.formats import AudioFormat
from recordings.reading import read
from serving.recording.hiding import KnownKeys
from serving.recording.notes import About, Sent
from serving.recording.session_file import SessionFile

resource = pytest.importorskip("resource", reason="this system bounds no files")
CREATED = Sent(1.0, b'{"type":"session.created"}')


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file takes more bytes meanwhile, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def begun(folder: Path) -> SessionFile:
    about = About("sess_1", 0.0, {"session": "sess_1"}, AudioFormat())
    return SessionFile(folder, about, KnownKeys([]), redact=False, form="wav", most_bytes=2**20)


@pytest.mark.parametrize("size", [0, 5])
def test_a_disk_without_room_for_the_first_line_has_no_file_afterwards(
    tmp_path: Path, size: int
) -> None:
    with full_at(size), pytest.raises(OSError, match="File too large"):
        begun(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_line_that_the_disk_took_in_part_is_not_in_the_way_of_the_end(tmp_path: Path) -> None:
    file = begun(tmp_path)
    file.take([CREATED])
    (path,) = tmp_path.iterdir()
    with full_at(path.stat().st_size + 20), pytest.raises(OSError, match="File too large"):
        file.take([CREATED])
    # Meanwhile somebody has deleted something.
    file.give_up("the disk was full")
    recording = read(path)
    assert [row["event"]["type"] for row in recording.rows] == ["session.created"]
    assert recording.stopped == "the disk was full"
    assert recording.cut_off is None
