"""A recording becomes messages again: what was on the wire, byte by byte."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from audio.formats import AudioFormat
from recordings.reading import BadRecording, read
from recordings.timeline import Wire, timeline
from serving.recording import rows
from serving.recording.tracks import Tracks
from tests.recordings.recorded import recorded

HEADER: dict[str, Any] = {"session": "sess_1", "dialect": "ga", "kind": "realtime"}


def created(form: dict[str, Any]) -> bytes:
    session = {"id": "sess_1", "audio": {"input": {"format": form}, "output": {"format": form}}}
    return rows.event(
        0, "server", json.dumps({"type": "session.created", "session": session}).encode()
    )


def written(folder: Path, *lines: bytes, **header: Any) -> Path:
    path = folder / "one.jsonl"
    path.write_bytes(
        rows.header({**HEADER, **header}) + b"".join(lines) + rows.end(9, "the client left")
    )
    return path


@pytest.mark.parametrize("name", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_appends_have_the_bytes_that_they_had(tmp_path: Path, name: Any):
    form = AudioFormat(name)
    # Each is cut in the middle of a sample where a format has such, and goes on in the next line.
    pieces = [bytes(range(7)), bytes(range(100, 108)), bytes(range(200, 211)), b"\x01\x02"]
    tracks = Tracks(tmp_path / "one", "flac")
    lines = [created(form.wire())]
    for at in (0, 2):
        run = pieces[at : at + 2]
        place = tracks.append("user", b"".join(run), form)
        lines.append(rows.appended([(at, len(one), None) for one in run], place))
    tracks.flush()
    tracks.close()
    laid = timeline(read(written(tmp_path, *lines)))
    sent = [json.loads(one.written()) for one in laid.of("client")]
    assert [base64.b64decode(one["audio"]) for one in sent] == pieces
    assert {one["type"] for one in sent} == {"input_audio_buffer.append"}
    assert laid.warnings == []


def test_deltas_have_the_format_of_their_response(tmp_path: Path):
    form = AudioFormat("audio/pcmu")
    tracks = Tracks(tmp_path / "one", "flac")
    place = tracks.append("assistant", b"\x10\x20\x30\x40", form)
    tracks.flush()
    tracks.close()
    response = {"id": "r", "audio": {"output": {"format": form.wire()}}}
    made = json.dumps({"type": "response.created", "response": response}).encode()
    delta = {"type": "response.output_audio.delta", "response_id": "r", "delta": ""}
    lines = (
        rows.event(1, "server", made),
        rows.event(2, "server", json.dumps(delta).encode(), place),
    )
    [_session, _made, message] = timeline(
        read(written(tmp_path, created({"type": "audio/pcm"}), *lines))
    ).messages
    assert json.loads(message.written())["delta"] == base64.b64encode(b"\x10\x20\x30\x40").decode()
    assert message.audio_ms == 0.5


def test_what_is_hidden_is_not_sent_and_said_to_be(tmp_path: Path):
    tool = {"type": "mcp", "server_label": "a", "authorization": "***", "headers": {"x": "***"}}
    event = {"type": "session.update", "session": {"tools": [tool], "instructions": "my *** key"}}
    laid = timeline(read(written(tmp_path, rows.event(1, "client", json.dumps(event).encode()))))
    [sent] = [json.loads(one.written()) for one in laid.of("client")]
    kept = {"type": "mcp", "server_label": "a", "headers": {}}
    assert sent["session"] == {"tools": [kept], "instructions": "my *** key"}
    assert [line.partition("hides what ")[2].partition(" is")[0] for line in laid.warnings] == [
        "session.tools[0].authorization",
        "session.tools[0].headers.x",
        "session.instructions",
    ]


def test_what_was_no_event_is_sent_as_it_was(tmp_path: Path):
    lines = (rows.unread(1, "no json {"), rows.unread(2, None), rows.event(3, "client", b'{"a":1}'))
    sent = [one.written() for one in timeline(read(written(tmp_path, *lines))).of("client")]
    assert sent == ["no json {", b"", '{"a":1}']


def test_a_track_that_ends_early_is_silence_and_said(tmp_path: Path):
    tracks = Tracks(tmp_path / "one", "flac")
    place = tracks.append("user", b"\x01\x02" * 10, AudioFormat())
    tracks.flush()
    tracks.close()
    run = rows.appended([(1, 40, None)], {**place, "samples": 20})
    laid = timeline(read(written(tmp_path, created({"type": "audio/pcm"}), run)))
    [message] = laid.of("client")
    assert message.audio == b"\x01\x02" * 10 + bytes(20)
    assert laid.warnings == [
        "one.user.flac ends before its time: there is silence in place of the rest"
    ]


@pytest.mark.parametrize(
    ("header", "why"),
    [({"redacted": True}, "without words and audio"), ({"media": "tracks"}, "was a call")],
)
def test_what_cannot_be_played_is_refused(tmp_path: Path, header: dict[str, Any], why: str):
    path = written(tmp_path, created({"type": "audio/pcm"}), **header)
    with pytest.raises(BadRecording, match=f"{path}: .*{why}"):
        timeline(read(path))


def test_a_recording_in_which_nothing_passed_is_refused(tmp_path: Path):
    with pytest.raises(BadRecording, match="nothing passed"):
        timeline(read(written(tmp_path)))


def test_a_missing_track_is_named(tmp_path: Path):
    run = rows.appended([(1, 4, None)], rows.place("user.flac", 0, 2))
    with pytest.raises(BadRecording, match=r"one\.user\.flac: is not there"):
        timeline(read(written(tmp_path, run)))


def test_a_line_that_does_not_say_where_its_audio_is_is_named(tmp_path: Path):
    run = rows.appended([(1, 4, None)], rows.place(None, 0, 2))
    with pytest.raises(BadRecording, match="line 2: does not say where its audio is"):
        timeline(read(written(tmp_path, run)))


async def test_a_real_session_is_read_as_it_passes(tmp_path: Path):
    laid = timeline(read(await recorded(tmp_path)))
    wire = Wire()
    again = [wire.read(one.side, one.ms, one.written()) for one in laid.messages]
    assert [(json.loads(one.written()), one.audio) for one in again] == [
        (json.loads(one.written()), one.audio) for one in laid.messages
    ]
    assert sum(one.audio_ms for one in laid.of("client")) > 1000
