"""Reads the files of a recording; whatever is wrong with one is told in one line, with its place.

A server that was killed leaves a recording without its end, maybe in the middle of a line. What is
there before is worth reading, so that is no error, but said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recordings.shapes import is_time, misshapen
from serving.recording.rows import VERSION
from settings.localisation import _
from wire.strict_json import with_whole_characters

Row = dict[str, Any]
LINES = ".jsonl"


class BadRecording(Exception):
    """The file cannot be read as a recording; the message names file, line and reason."""


@dataclass(frozen=True)
class Recording:
    """One recorded session."""

    path: Path
    """The file of its lines."""
    header: Row
    """Its first line."""
    rows: list[Row]
    """All other lines, in order, but for the end."""
    ended: str | None
    """Why the session ended; None: the recording stopped before, or was cut off."""
    stopped: str | None
    """Why the recording stopped before the session ended; None: it did not."""
    cut_off: int | None = None
    """The line behind which the rest is missing; None: it is whole."""
    ended_ms: float | None = None
    """When it ended; None: it was cut off."""

    @property
    def length_ms(self) -> float:
        """Milliseconds from the beginning to the last line."""
        return max((row["t"] for row in self.rows), default=0.0)

    def track(self, name: str) -> Path:
        """Return the file of a track."""
        return self.path.with_name(f"{self.path.name.removesuffix(LINES)}.{name}")


def read(path: Path) -> Recording:
    """Read a recording.

    Args:
        path: The file of its lines.

    Raises:
        BadRecording: It cannot be read, or is none.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise BadRecording(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        place = error.object[: error.start].count(b"\n") + 1
        told = _("is no text; name the recording's {ending} file").format(ending=LINES)
        raise _bad(path, place, told) from None
    lines = text.split("\n")
    whole = not lines.pop()
    header = _header(path, lines, text)
    rows: list[Row] = []
    ends: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2):
        row = _row(path, number, line)
        _follow(path, number, row, ends)
        if "end" in row:
            if number != len(lines):
                raise _bad(path, number + 1, _("stands behind the end of the recording"))
            return Recording(path, header, rows, row["end"], row.get("stopped"), ended_ms=row["t"])
        rows.append(row)
    return Recording(path, header, rows, None, None, len(lines) + (not whole))


def _header(path: Path, lines: list[str], text: str) -> Row:
    if not lines:
        told = _("is no whole line, with which a recording begins") if text else _("is empty")
        raise _bad(path, 1, told)
    header = _object(path, 1, lines[0])
    version = header.get("recording")
    if not isinstance(version, int) or not isinstance(header.get("session"), str):
        raise _bad(path, 1, _("does not begin a recording of a session"))
    if version != VERSION:
        raise _bad(
            path,
            1,
            _("is of version {found} of the format, and this program reads {known}").format(
                found=version, known=VERSION
            ),
        )
    return header


def _row(path: Path, number: int, line: str) -> Row:
    row = _object(path, number, line)
    if not is_time(row.get("t")):
        raise _bad(path, number, _("does not say when it was ('t')"))
    if "end" in row:
        return row
    sender = row.get("from")
    event = row.get("event")
    known = {
        # A client's may be without a type, which was refused.
        "client": "raw" in row or _is_list_of_appends(row) or isinstance(event, dict),
        "server": _is_event(event),
        "server-stage": isinstance(row.get("turn"), dict) or row.get("silenced") is True,
    }
    if not isinstance(sender, str) or not known.get(sender, False):
        why = _("is nothing that a recording has: {line}").format(line=line[:60])
        raise _bad(path, number, why)
    odd = next(misshapen(row), None)
    if odd is not None:
        raise _bad(path, number, _("no event has such a {name}").format(name=f"'{odd}'"))
    return row


def _follow(path: Path, number: int, row: Row, ends: dict[str, int]) -> None:
    """Check that audio begins where that of its track before it ends."""
    place = row.get("audio")
    if not isinstance(place, dict) or not isinstance(place.get("track"), str):
        return
    track, at = place["track"], place["at"]
    if at != ends.get(track, 0):
        raise _bad(path, number, _("its audio is not behind the one before it"))
    ends[track] = at + place["samples"]


def _is_event(event: object) -> bool:
    return isinstance(event, dict) and isinstance(event.get("type"), str)


def _is_list_of_appends(row: Row) -> bool:
    appends = row.get("appends")
    return isinstance(appends, list) and bool(appends) and isinstance(row.get("audio"), dict)


def _object(path: Path, number: int, line: str) -> Row:
    try:
        # Half a character, as clients write that cut an emoji, could not be printed.
        read = with_whole_characters(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise _bad(path, number, _("is no JSON: {error}").format(error=error)) from None
    if not isinstance(read, dict):
        raise _bad(path, number, _("is no JSON object"))
    return read


def _bad(path: Path, line: int, why: str) -> BadRecording:
    return BadRecording(_("{path}, line {line}: {why}").format(path=path, line=line, why=why))
