"""What a session notes is bounded: where the disk is too slow, the recording ends, and says so."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from audio.formats import AudioFormat
from peers.base import AppendedAudio
from serving.recording.hiding import KnownKeys
from serving.recording.notes import About, Backlog
from serving.recording.session_file import SessionFile, TooSlow
from serving.recording.session_tap import SessionTap
from wire.dialect import GADialect
from wire.media import Media
from wire.session_events import BufferCleared

SOUND = AppendedAudio(bytes(960))


def tap_with(most: int) -> SessionTap:
    return SessionTap(time.monotonic(), GADialect(), Media.EVENTS, Backlog(most))


def test_more_than_the_disk_takes_ends_the_recording(tmp_path: Path) -> None:
    tap = tap_with(2000)
    for _ in range(10):
        tap.appended(SOUND)
    # Three are more than 2000 bytes; what is noted then is that there is too much.
    assert len(tap.notes) == 4
    assert tap.stopped
    about = About("sess_1", 0.0, {"session": "sess_1"}, AudioFormat())
    file = SessionFile(
        tmp_path, about, KnownKeys([]), redact=False, form="wav", most_bytes=1_000_000
    )
    with pytest.raises(TooSlow) as slow:
        file.take(note for _size, note in tap.notes)
    file.give_up(str(slow.value))
    rows = [json.loads(line) for line in file.stem.with_suffix(".jsonl").read_text().splitlines()]
    assert rows[-1]["stopped"] == "the disk takes less than the sessions make"


def test_what_was_taken_makes_room() -> None:
    backlog = Backlog(2000)
    tap = SessionTap(time.monotonic(), GADialect(), Media.EVENTS, backlog)
    for _ in range(10):
        tap.appended(SOUND)
        backlog.taken += tap.notes.popleft()[0]
    assert not tap.stopped


def test_an_event_is_noted_as_it_was_then() -> None:
    tap = tap_with(10_000)
    event = BufferCleared()
    written = event.wire()
    tap.sent(event, [written])
    written["type"] = "changed afterwards"
    ((_size, note),) = tap.notes
    assert b'"input_audio_buffer.cleared"' in note.written  # type: ignore[union-attr]
