"""The audio of a recording on its timeline: who was heard when, as one file and as a waveform.

A client's audio comes as it is spoken, or as a file faster than that; the server's comes faster
than it is played. So a piece begins when it came, or where the one before it ends.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from recordings.conversation import Said, text_of
from recordings.reading import BadRecording, Recording, Row
from recordings.wire_audio import Samples, opened, whole

RATE = 24_000
"""Samples per second of the timeline."""
PEAK_MS = 20
"""Milliseconds that one value of a waveform stands for."""
_GAP_MS = 250.0
"""How late a piece may come and still follow the one before it: networks are not even."""


@dataclass
class Sound:
    """What both sides said, on one timeline."""

    user: Samples
    assistant: Samples

    @property
    def length_ms(self) -> float:
        """Milliseconds of the timeline."""
        return 1000 * len(self.user) / RATE

    def peaks(self) -> tuple[list[int], list[int]]:
        """Return the waveform of each side: the loudest of every `PEAK_MS`, 0 to 100."""
        return _peaks(self.user), _peaks(self.assistant)

    def mp3(self) -> bytes:
        """Return both sides as one file, the user on the left, which every browser plays."""
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", RATE, 2, format="MP3") as out:
            # libsndfile's encoder takes a bounded number of samples at a time.
            for start in range(0, len(self.user), RATE):
                both = (self.user[start : start + RATE], self.assistant[start : start + RATE])
                out.write(np.stack(both, axis=1))
        return file.getvalue()


@dataclass(frozen=True)
class _Piece:
    """Samples of one side, and when they are heard."""

    at_ms: float
    samples: Samples


def sound(recording: Recording) -> Sound | None:
    """Return a recording's audio; None: it has none, as where it was redacted.

    A track that is missing (`missing`) is silence.
    """
    tracks = _Tracks(recording)
    pieces = {"user": _user(recording.rows, tracks), "assistant": _assistant(recording, tracks)}
    heard = [one for side in pieces.values() for one in side if len(one.samples)]
    ends = [one.at_ms + 1000 * len(one.samples) / RATE for one in heard]
    if not ends:
        return None
    length = int(max(*ends, recording.length_ms) * RATE / 1000) + 1
    return Sound(*(_laid(side, length) for side in pieces.values()))


def missing(recording: Recording) -> list[str]:
    """Return the files of audio that are not beside the recording any more, or are no audio."""
    places = (row.get("audio") for row in recording.rows)
    named = {place.get("track"): None for place in places if isinstance(place, dict)}
    paths = [recording.track(Path(name).name) for name in named if isinstance(name, str)]
    return [path.name for path in paths if not _is_audio(path)]


def _is_audio(path: Path) -> bool:
    with suppress(BadRecording), opened(path):
        return True
    return False


class _Tracks:
    """The files of a recording, read once each."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._read: dict[str, Samples] = {}
        self._rates: dict[str, int] = {}

    def piece(self, row: Row) -> Samples:
        """Return the samples of a row, at `RATE`; none where they are not kept."""
        place: dict[str, Any] = row["audio"]
        name = place.get("track")
        if not isinstance(name, str):
            return np.zeros(0, np.int16)
        if name not in self._read:
            self._read[name], self._rates[name] = self._file(name)
        scale = RATE / self._rates[name]
        start = int(place["at"] * scale)
        return self._read[name][start : start + int(place["samples"] * scale)]

    def _file(self, name: str) -> tuple[Samples, int]:
        path = self._recording.track(Path(name).name)
        if not _is_audio(path):
            return np.zeros(0, np.int16), RATE
        with opened(path) as file:
            rate = int(file.samplerate)
            samples = whole(file)
        return (samples if rate == RATE else soxr.resample(samples, rate, RATE)), rate


def _user(rows: Sequence[Row], tracks: _Tracks) -> list[_Piece]:
    pieces: list[_Piece] = []
    free_ms = -_GAP_MS
    for row in rows:
        if "appends" not in row:
            continue
        samples = tracks.piece(row)
        at_ms = free_ms if row["t"] <= free_ms + _GAP_MS else row["t"]
        free_ms = max(at_ms, 0.0) + 1000 * len(samples) / RATE
        pieces.append(_Piece(max(at_ms, 0.0), samples))
    return pieces


def _assistant(recording: Recording, tracks: _Tracks) -> list[_Piece]:
    """Return what the client played: not what an interruption dropped."""
    heard_ms = {
        event["item_id"]: event["audio_end_ms"]
        for event in (row.get("event", {}) for row in recording.rows)
        if event.get("type") == "conversation.item.truncated"
    }
    pieces: list[_Piece] = []
    free_ms = 0.0
    of_item: dict[str, int] = {}
    for row in recording.rows:
        if row.get("silenced"):
            free_ms = min(free_ms, row["t"])
            pieces = [_until(piece, row["t"]) for piece in pieces]
            continue
        if "event" not in row or not isinstance(row.get("audio"), dict):
            continue
        item_id = text_of(row["event"].get("item_id"))
        samples = tracks.piece(row)
        if item_id in heard_ms:
            # What the client did not play is told by it afterwards.
            left = int(heard_ms[item_id] * RATE / 1000) - of_item.get(item_id, 0)
            samples = samples[: max(left, 0)]
        of_item[item_id] = of_item.get(item_id, 0) + len(samples)
        at_ms = max(row["t"], free_ms)
        free_ms = at_ms + 1000 * len(samples) / RATE
        pieces.append(_Piece(at_ms, samples))
    return pieces


def _until(piece: _Piece, ms: float) -> _Piece:
    samples = max(0, int((ms - piece.at_ms) * RATE / 1000))
    return piece if samples >= len(piece.samples) else _Piece(piece.at_ms, piece.samples[:samples])


def _laid(pieces: Sequence[_Piece], length: int) -> Samples:
    line = np.zeros(length, np.int16)
    for piece in pieces:
        start = int(piece.at_ms * RATE / 1000)
        end = min(start + len(piece.samples), length)
        line[start:end] = piece.samples[: end - start]
    return line


def _peaks(samples: Samples) -> list[int]:
    step = RATE * PEAK_MS // 1000
    padded = np.pad(samples, (0, -len(samples) % step)).astype(np.int32)
    peaks: list[int] = (np.abs(padded).reshape(-1, step).max(axis=1) * 100 // 32768).tolist()
    return peaks


def spans(said: Sequence[Said]) -> list[dict[str, Any]]:
    """Return what was said as a page draws it."""
    return [
        {
            "ms": one.ms,
            "who": one.who,
            "text": one.text,
            "notes": one.notes,
            "began": one.began_ms,
            "bars": [[bar.stage, bar.from_ms, bar.to_ms] for bar in one.bars],
        }
        for one in said
    ]
