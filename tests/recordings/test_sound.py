"""Audio on the timeline of a recording: who was heard when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from recordings.reading import Recording
from recordings.sound import RATE, sound

SECOND = np.full(RATE, 1000, np.int16)


def recording(folder: Path, *rows: dict[str, Any]) -> Recording:
    """Return a recording whose tracks are three seconds of a constant each."""
    for name, level, rate in (("user", 1000, RATE), ("assistant", 2000, 8000)):
        path = folder / f"one.{name}.wav"
        soundfile.write(path, np.full(3 * rate, level, np.int16), rate, subtype="PCM_16")
    return Recording(folder / "one.jsonl", {}, list(rows), "the client left", None)


def appended(ms: float, at: int, samples: int) -> dict[str, Any]:
    place = {"track": "user.wav", "at": at, "samples": samples}
    return {"t": ms, "from": "client", "appends": [[ms, 2 * samples]], "audio": place}


def spoken(ms: float, at: int, samples: int, item_id: str = "i") -> dict[str, Any]:
    """A delta of the assistant, whose track has 8 kHz."""
    place = {"track": "assistant.wav", "at": at, "samples": samples}
    event = {"type": "response.output_audio.delta", "item_id": item_id}
    return {"t": ms, "from": "server", "event": event, "audio": place}


def heard(samples: Any) -> list[tuple[int, int]]:
    """Return when something is heard: from and until, in ms."""
    loud = np.flatnonzero(np.diff(np.concatenate(([0], np.abs(samples) > 500, [0]))))
    return [(int(a * 1000 // RATE), int(b * 1000 // RATE)) for a, b in loud.reshape(-1, 2)]


def test_a_stream_is_one_piece_and_a_pause_is_a_gap(tmp_path: Path) -> None:
    half = RATE // 2
    found = sound(
        recording(
            tmp_path,
            appended(100, 0, half),
            # Late and early, as networks are.
            appended(700, half, half),
            appended(1000, 2 * half, half),
            appended(5000, 3 * half, half),
        )
    )
    assert found is not None
    assert heard(found.user) == [(100, 1600), (5000, 5500)]


def test_an_answer_is_heard_as_long_as_it_plays(tmp_path: Path) -> None:
    found = sound(recording(tmp_path, spoken(1000, 0, 8000), spoken(1010, 8000, 8000)))
    assert found is not None
    ((start, end),) = heard(found.assistant)
    assert (start, round(end, -2)) == (1000, 3000)


def test_what_the_client_did_not_play_is_not_heard(tmp_path: Path) -> None:
    cut = {"type": "conversation.item.truncated", "item_id": "i", "audio_end_ms": 1500}
    found = sound(
        recording(
            tmp_path,
            spoken(1000, 0, 8000),
            spoken(1010, 8000, 8000),
            {"t": 2600, "from": "server", "event": cut},
        )
    )
    assert found is not None
    ((start, end),) = heard(found.assistant)
    assert (start, round(end, -2)) == (1000, 2500)


def test_what_a_call_dropped_is_not_heard(tmp_path: Path) -> None:
    silenced = {"t": 1500, "from": "server-stage", "silenced": True}
    found = sound(
        recording(tmp_path, spoken(1000, 0, 16000), silenced, spoken(2000, 16000, 4000, "j"))
    )
    assert found is not None
    first, second = heard(found.assistant)
    assert first == (1000, 1500)
    assert second[0] == 2000


def test_a_waveform_shows_where_it_is_loud(tmp_path: Path) -> None:
    found = sound(recording(tmp_path, appended(1000, 0, RATE)))
    assert found is not None
    user, assistant = found.peaks()
    assert (user[10], user[60]) == (0, 100 * 1000 // 32768)
    assert len(user) == len(assistant)
    assert max(assistant) == 0


def test_both_sides_are_one_file(tmp_path: Path) -> None:
    found = sound(recording(tmp_path, appended(0, 0, RATE), spoken(1500, 0, 8000)))
    assert found is not None
    file = tmp_path / "both.mp3"
    file.write_bytes(found.mp3())
    info = soundfile.info(file)
    assert (info.channels, info.samplerate) == (2, RATE)
    assert abs(info.duration * 1000 - found.length_ms) < 200


def test_a_recording_without_audio_has_no_sound(tmp_path: Path) -> None:
    assert sound(recording(tmp_path, {"t": 1, "from": "client", "raw": "{"})) is None
    place = {"track": None, "at": 0, "samples": 480}
    row = {"t": 1, "from": "client", "appends": [[1, 960]], "audio": place}
    found = sound(recording(tmp_path, row))
    assert found is None
