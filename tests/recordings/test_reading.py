"""Files that are no recordings, or no whole ones: one line says which file and which line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recordings.reading import BadRecording, read

HEADER = {"recording": 1, "session": "sess_1"}
EVENT = {"t": 1.5, "from": "server", "event": {"type": "session.created"}}
APPENDS = {
    "t": 2,
    "from": "client",
    "appends": [[2, 960]],
    "audio": {"track": "user.flac", "at": 0, "samples": 480},
}
END = {"t": 9, "end": "the client left"}


def written(folder: Path, *rows: Any, rest: str = "") -> Path:
    path = folder / "20260101T101112-sess_1.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + rest)
    return path


def test_a_whole_recording_is_read(tmp_path: Path) -> None:
    recording = read(written(tmp_path, HEADER, EVENT, END))
    assert (recording.header, recording.rows) == (HEADER, [EVENT])
    assert (recording.ended, recording.stopped, recording.cut_off) == (
        "the client left",
        None,
        None,
    )
    assert recording.track("user.flac") == tmp_path / "20260101T101112-sess_1.user.flac"


def test_a_recording_without_its_end_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    assert read(written(tmp_path, HEADER, EVENT)).cut_off == 2
    recording = read(written(tmp_path, HEADER, EVENT, rest='{"t": 3, "fr'))
    assert (recording.rows, recording.cut_off) == ([EVENT], 3)


def test_a_recording_that_was_stopped_says_why(tmp_path: Path) -> None:
    recording = read(written(tmp_path, HEADER, EVENT, {"t": 2, "end": None, "stopped": "full"}))
    assert (recording.ended, recording.stopped, recording.cut_off) == (None, "full", None)


@pytest.mark.parametrize(
    ("rows", "rest", "line", "why"),
    [
        ((), "", 1, "is empty"),
        ((), "{", 1, "no whole line"),
        (({"some": "json"},), "", 1, "does not begin a recording"),
        ((["list"],), "", 1, "is no JSON object"),
        (({**HEADER, "recording": 99},), "", 1, "is of version 99"),
        ((HEADER,), "words\n", 2, "is no JSON"),
        ((HEADER, {"from": "server"}), "", 2, "when it was"),
        ((HEADER, {**EVENT, "from": "moon"}), "", 2, "nothing that a recording has"),
        ((HEADER, {"t": 1, "from": "client", "appends": []}), "", 2, "nothing that a recording"),
        ((HEADER, {"t": 1, "from": "server", "event": {}}), "", 2, "nothing that a recording"),
        ((HEADER, END, EVENT), "", 3, "behind the end"),
        ((HEADER, {**EVENT, "t": float("nan")}), "", 2, "when it was"),
        ((HEADER, {**EVENT, "t": 1e308}), "", 2, "when it was"),
        ((HEADER, {**EVENT, "event": {"type": "x", "response": 5}}), "", 2, "such a 'response'"),
        ((HEADER, {**EVENT, "event": {"type": "x", "item": []}}), "", 2, "such a 'item'"),
        ((HEADER, {**EVENT, "event": {"type": "x", "item_id": []}}), "", 2, "such a 'item_id'"),
        (
            (HEADER, {**EVENT, "event": {"type": "x", "item": {"content": [1]}}}),
            "",
            2,
            "such a 'content'",
        ),
        ((HEADER, APPENDS, APPENDS), "", 3, "not behind the one before"),
        ((HEADER, {**APPENDS, "audio": {"track": "user.flac", "at": "0"}}), "", 2, "a 'audio'"),
    ],
)
def test_what_is_none_is_refused_with_its_line(
    tmp_path: Path, rows: tuple[Any, ...], rest: str, line: int, why: str
) -> None:
    path = written(tmp_path, *rows, rest=rest)
    with pytest.raises(BadRecording) as refused:
        read(path)
    message = str(refused.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert why in message
    assert "\n" not in message


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.flac"
    path.write_bytes(b"fLaC\xff\xff")
    with pytest.raises(BadRecording, match=r"is no text; name the recording's \.jsonl file"):
        read(path)
    path.write_bytes(json.dumps(HEADER).encode() + b'\n{"t": "\xff"}\n')
    with pytest.raises(BadRecording, match="line 2: is no text"):
        read(path)
    with pytest.raises(BadRecording, match="No such file"):
        read(tmp_path / "gone.jsonl")
