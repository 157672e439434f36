"""A conversation in files: whole at any time, on both sides, in its own time."""

from __future__ import annotations

import os
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from audio.pcm import WIRE_RATE
from clients.terminal.keeping import KeptConversation
from clients.terminal.transcript import Transcript

SECOND = WIRE_RATE
LOUD = np.full(SECOND // 10, 1000, dtype="<i2").tobytes()  # 100 ms


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def sides(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, WIRE_RATE)
        stereo = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return stereo[:, 0], stereo[:, 1]


def loud(side: np.ndarray) -> tuple[int, int]:
    """Where the sound of a side begins and ends, in ms."""
    (where,) = np.nonzero(side)
    return round(where[0] / SECOND * 1000), round((where[-1] + 1) / SECOND * 1000)


def spoken(text: str = "hello") -> Transcript:
    said = Transcript()
    said.write("1", "you", text, append=False)
    return said


def test_both_sides_lie_where_they_were_heard(tmp_path: Path) -> None:
    clock = Clock()
    kept = KeptConversation.create(tmp_path / "talk", clock)
    kept.begin(spoken(), list)
    clock.now = 101.1
    kept.sound.said(LOUD)
    kept.sound.played(LOUD, 102.0)
    kept.close()
    user, assistant = sides(tmp_path / "talk.wav")
    assert loud(user) == (1000, 1100)
    assert loud(assistant) == (2000, 2100)
    assert len(user) == len(assistant) == round(2.1 * SECOND)


def test_what_was_not_heard_is_not_kept(tmp_path: Path) -> None:
    clock = Clock()
    kept = KeptConversation.create(tmp_path / "talk", clock)
    kept.begin(spoken(), list)
    for number in range(4):
        kept.sound.played(LOUD, 101 + number / 10)
    kept.sound.stopped(101.25)
    kept.sound.played(LOUD, 102.0)
    kept.close()
    _, assistant = sides(tmp_path / "talk.wav")
    assert not assistant[round(1.25 * SECOND) : 2 * SECOND].any()
    assert assistant[round(1.2 * SECOND) : round(1.25 * SECOND)].all()
    assert loud(assistant) == (1000, 2100)


def test_it_is_in_the_files_before_they_are_closed(tmp_path: Path) -> None:
    clock = Clock()
    kept = KeptConversation.create(tmp_path / "talk", clock)
    said = spoken("hello")
    kept.begin(said, lambda: ["ws://x"])
    clock.now = 100.1
    kept.sound.said(LOUD)
    said.write("2", "assistant", "Hi!", append=False)
    clock.now = 110.0
    while "Hi!" not in (tmp_path / "talk.md").read_text(encoding="utf-8"):
        pass
    while (tmp_path / "talk.wav").stat().st_size < 8 * SECOND * 4:
        pass
    user, _ = sides(tmp_path / "talk.wav")
    assert loud(user) == (0, 100)
    kept.close()
    assert kept.error is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.md", "talk.wav"]


def test_a_night_of_silence_is_as_long_in_the_file(tmp_path: Path) -> None:
    clock = Clock()
    kept = KeptConversation.create(tmp_path / "talk", clock)
    kept.begin(spoken(), list)
    kept.sound.played(LOUD, 100.0)
    kept.sound.played(LOUD, 135.0)
    kept.close()
    _, assistant = sides(tmp_path / "talk.wav")
    assert loud(assistant) == (0, 35100)
    assert not assistant[SECOND : 35 * SECOND].any()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "talk.md").write_text("mine")
    (tmp_path / "talk-2.wav").write_text("mine too")
    kept = KeptConversation.create(tmp_path / "talk.md")
    assert (kept.text_path.name, kept.sound_path.name) == ("talk-3.md", "talk-3.wav")
    kept.begin(spoken(), list)
    kept.close()
    assert (tmp_path / "talk.md").read_text() == "mine"


def test_where_nothing_was_said_there_is_nothing(tmp_path: Path) -> None:
    kept = KeptConversation.create(tmp_path / "talk.wav")
    kept.begin(Transcript(), list)
    kept.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of files")
def test_a_full_disk_is_told_and_leaves_the_text(tmp_path: Path) -> None:
    import resource

    clock = Clock()
    kept = KeptConversation.create(tmp_path / "talk", clock)
    kept.begin(spoken("still here"), list)
    kept.sound.played(LOUD * 10, 100.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        kept.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert kept.error is not None
    assert "still here" in (tmp_path / "talk.md").read_text(encoding="utf-8")


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(2)):
        KeptConversation.create(tmp_path / "none" / "talk")
