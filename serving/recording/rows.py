"""The lines of a recording: one JSON object each, in the order in which things happened.

The first line says what was recorded, the last how it ended; times are milliseconds since the
beginning. `recordings/reading.py` reads them, `docs/recordings.md` describes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

VERSION = 1
"""Of the format; it changes when a reader of this one would misread another."""


def header(about: dict[str, Any]) -> bytes:
    """Return the first line.

    Args:
        about: What is recorded: session, time, server, dialect and so on.
    """
    return to_json({"recording": VERSION, **about}) + b"\n"


def event(ms: float, sender: str, written: bytes, audio: dict[str, Any] | None = None) -> bytes:
    """Return the line of an event.

    Args:
        ms: When it passed.
        sender: `client` or `server`.
        written: The event as JSON.
        audio: Where its audio is, as `place` writes it; None: it has none, or it is not kept.
    """
    placed = b"" if audio is None else b',"audio":' + to_json(audio)
    return b'{"t":%.1f,"from":"%b","event":%b%b}\n' % (
        _tenths(ms),
        sender.encode(),
        written,
        placed,
    )


def unread(ms: float, raw: str | dict[str, Any] | None) -> bytes:
    """Return the line of a client's message that is no JSON object.

    Args:
        ms: When it came.
        raw: Its text, or what stands for it; None: it was no text.
    """
    return to_json({"t": _tenths(ms), "from": "client", "raw": raw}) + b"\n"


def appended(pieces: Iterable[tuple[float, int, str | None]], audio: dict[str, Any]) -> bytes:
    """Return the line of appends that came one after the other.

    Args:
        pieces: When each came, its bytes on the wire, and its `event_id` if it had one.
        audio: Where their audio is.
    """
    told = [
        [_tenths(ms), size] if event_id is None else [_tenths(ms), size, event_id]
        for ms, size, event_id in pieces
    ]
    return to_json({"t": told[0][0], "from": "client", "appends": told, "audio": audio}) + b"\n"


def place(track: str | None, at: int, samples: int) -> dict[str, Any]:
    """Return where audio is.

    Args:
        track: The track's file, without what all files of the recording begin with; None: it is
            not kept.
        at: Its first sample there.
        samples: How many.
    """
    return {"track": track, "at": at, "samples": samples}


def stages(ms: float, turn: dict[str, Any]) -> bytes:
    """Return the line of a turn or a response that is over."""
    return to_json({"t": _tenths(ms), "from": "server-stage", "turn": turn}) + b"\n"


def silenced(ms: float) -> bytes:
    """Return the line that says that a call dropped what it had not played."""
    return b'{"t":%.1f,"from":"server-stage","silenced":true}\n' % _tenths(ms)


def end(ms: float, reason: str | None, stopped: str | None = None) -> bytes:
    """Return the last line.

    Args:
        ms: When it ended.
        reason: Why the session ended; None: it went on without being recorded.
        stopped: Why it was not recorded any further.
    """
    told = {"t": _tenths(ms), "end": reason} | ({} if stopped is None else {"stopped": stopped})
    return to_json(told) + b"\n"


def _tenths(ms: float) -> float:
    """Return a time as all lines have it; a later one is never less."""
    # Fifty a second: `round` would take as long as all the rest.
    return int(10 * ms) / 10
