"""A recording as text: the conversation, and beside each answer where its time went."""

from __future__ import annotations

import json
from collections.abc import Iterator

from recordings.conversation import Bar, Said, conversation
from recordings.reading import Recording, Row
from settings.columns import columns, wrapped
from settings.localisation import _

WIDTH = 100
"""Columns of the longest line."""
CHART = 40
"""Columns of a waterfall."""
_INDENT = 22
_EIGHTHS = " ▏▎▍▌▋▊▉"


def told(recording: Recording) -> Iterator[str]:
    """Yield the lines of a recording's conversation."""
    header = recording.header
    facts = [
        header["session"],
        str(header.get("began", "")),
        str(header.get("model", "")),
        _("stack {name}").format(name=header.get("stack", "")),
        str(header.get("dialect", "")),
        _("{seconds} s").format(seconds=f"{recording.length_ms / 1000:.1f}"),
    ]
    yield " · ".join(fact for fact in facts if fact)
    stages = header.get("stages")
    if isinstance(stages, dict):
        yield from (f"  {name}  {label}" for name, label in stages.items())
    said = conversation(recording.rows)
    longest = max((bar.to_ms for one in said for bar in one.bars), default=0.0)
    for one in said:
        yield ""
        yield from _said(one, longest)
    yield ""
    if recording.ended is not None:
        yield _("{time}  the session ended: {reason}").format(
            time=clock(recording.length_ms), reason=recording.ended
        )
    if recording.stopped is not None:
        yield _("{time}  the recording ended before the session: {reason}").format(
            time=clock(recording.length_ms), reason=recording.stopped
        )


def events(recording: Recording) -> Iterator[str]:
    """Yield a line for every event, both ways, and every report of a stage."""
    for row in recording.rows:
        arrow = {"client": "→", "server": "←"}.get(row["from"], "·")
        yield f"{clock(row['t'])} {arrow} {_row(row)}"


def clock(ms: float) -> str:
    """Return a time since the beginning: `1:02.345`."""
    minutes, rest = divmod(max(ms, 0.0), 60_000)
    return f"{int(minutes)}:{rest / 1000:06.3f}"


def _row(row: Row) -> str:
    if "appends" in row:
        bytes_ = sum(piece[1] for piece in row["appends"])
        return f"append ×{len(row['appends'])}, {bytes_} B"
    if "turn" in row:
        return json.dumps(row["turn"], ensure_ascii=False)
    if "event" not in row:
        return json.dumps(row.get("raw", "silenced"), ensure_ascii=False)
    event = row["event"]
    rest = {name: value for name, value in event.items() if name not in ("type", "event_id")}
    text = json.dumps(rest, ensure_ascii=False)
    audio = f" + {row['audio']['samples']} samples" if isinstance(row.get("audio"), dict) else ""
    return (
        f"{event.get('type', _('no type'))}{audio} {text if len(text) <= 300 else text[:300] + '…'}"
    )


def _said(one: Said, longest: float) -> Iterator[str]:
    names = {
        "user": _("user"),
        "assistant": _("assistant"),
        "tool": _("tool"),
        "system": _("system"),
        "error": _("error"),
    }
    head = f"{clock(one.ms):>10}  {names[one.who]}"
    text = one.text.strip() + (f"  ({'; '.join(one.notes)})" if one.notes else "")
    for number, line in enumerate(wrapped(text.strip(), WIDTH - _INDENT)):
        start = head if number == 0 else ""
        yield f"{start}{' ' * max(1, _INDENT - columns(start))}{line}".rstrip()
    for bar in one.bars:
        drawn = _drawn(bar, longest)
        yield f"{' ' * _INDENT}{bar.stage.replace('_', ' '):<12}│{drawn}│ {bar.to_ms:.0f} ms"


def _drawn(bar: Bar, longest: float) -> str:
    """Draw a stage to an eighth of a column."""
    scale = CHART / longest if longest > 0 else 0.0
    start = int(bar.from_ms * scale)
    eighths = max(round(8 * bar.to_ms * scale) - 8 * start, 1)
    full, rest = divmod(eighths, 8)
    line = " " * start + "█" * full + (_EIGHTHS[rest] if rest else "")
    return f"{line[:CHART]:<{CHART}}"
