"""The form of a recording's rows: what has it can be shown, drawn and played without a second look.

A file may come from anywhere, or have been edited; what is odd in it is told by the field's name.
Events of the client may have any form: a server has refused them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LONGEST_MS = 1e10
"""No session lasts as long: four months."""
_MOST_BYTES = 2**31
"""No recording has as many samples, and no message as many bytes."""
_OBJECTS = ("response", "item", "part", "status_details", "error")
"""Fields of events that hold an object, or nothing."""
_OFFSETS = ("audio_start_ms", "audio_end_ms")


def is_time(value: Any) -> bool:
    """Return whether a value is milliseconds since a beginning."""
    return _is_number(value) and value >= 0


def misshapen(row: dict[str, Any]) -> Iterator[str]:
    """Yield the fields of a row that do not have the form which they have in every recording."""
    if row.get("from") == "server" and isinstance(row.get("event"), dict):
        yield from _in_event(row["event"])
    if "appends" in row and not _are_appends(row["appends"]):
        yield "appends"
    if not _is_place(row.get("audio")):
        yield "audio"
    if isinstance(row.get("turn"), dict):
        yield from _in_turn(row["turn"])
    elif "turn" in row:
        yield "turn"


def _in_event(value: dict[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        if name.endswith("_id") or name == "id":
            fits = isinstance(inner, str | None)
        elif name in _OBJECTS:
            fits = isinstance(inner, dict | None)
        elif name in _OFFSETS:
            fits = is_time(inner)
        elif name == "content" or (name == "output" and isinstance(inner, list)):
            fits = inner is None or _is_list_of_objects(inner)
        else:
            continue
        if not fits:
            yield name
            continue
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                yield from _in_event(one)


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _are_appends(appends: object) -> bool:
    return isinstance(appends, list) and all(map(_is_append, appends))


def _is_append(piece: object) -> bool:
    match piece:
        case [ms, size] | [ms, size, str()]:
            return is_time(ms) and _is_count(size)
    return False


def _is_place(place: object) -> bool:
    match place:
        case None:
            return True
        case {"track": str() | None, "at": at, "samples": samples}:
            return _is_count(at) and _is_count(samples)
    return False


def _is_number(value: Any) -> bool:
    """Return whether a value is a number of milliseconds, which a clock may have set back."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_LONGEST_MS <= value <= _LONGEST_MS
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_BYTES


def _in_turn(turn: dict[str, Any]) -> Iterator[str]:
    for name in ("item_id", "response_id"):
        if not isinstance(turn.get(name), str | None):
            yield name
    if turn.get("began") is not None and not _is_number(turn["began"]):
        yield "began"
    stages = turn.get("stages")
    fits = stages is None or (isinstance(stages, dict) and all(map(_is_number, stages.values())))
    if not fits:
        yield "stages"
