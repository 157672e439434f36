"""What one side says otherwise than it did in the recording: missing, further, other, elsewhere.

Ids and dates do not count, nor how a text or audio is cut into pieces. What is compared beyond that
is a matter of `ignore`: the words of a model differ each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from recordings.ids import Ids
from recordings.order import moved
from recordings.pairing import TRANSCRIBED, Joined, Pairing, item_of, response_of
from recordings.reading import Row
from recordings.timeline import Message

Kind = Literal["missing", "further", "other", "order"]
_DATES = ("expires_at", "created_at", "event_id")
_WORDS = (
    *("text", "transcript", "arguments", "delta", "output", "instructions", "name"),
    *("logprobs",),
)
_MESSAGES = ("message",)
_TIMES = ("audio_start_ms", "audio_end_ms", "seconds")
_USAGE = ("usage", "rate_limits")
_SETTINGS = ("session",)
_ENDS = ("response.done", f"{TRANSCRIBED}completed", f"{TRANSCRIBED}failed")
AUDIO_MS = 1.0
"""What audio may differ by: a part of a sample is cut somewhere."""
_THING = re.compile(r"(?:^|\.)(?:item|part|(?:output|content)\[\d+\])$")
"""Matches paths of items and of their parts, which have fields by their type."""
_TRUNCATED = "conversation.item.truncated"
ASKED_MODEL = "the model that is asked for"
"""Stands in `ignore` for the model of a session, where another one is asked for."""
TRANSLATION = ""
"""Stands for all that is said in a translation."""
ABSENT = "…absent"
"""Stands for a field that is not there."""


@dataclass(frozen=True)
class Difference:
    """One difference."""

    kind: Kind
    type: str
    """Of the event."""
    recorded: Message | None
    """None: there was none."""
    met: Message | None
    """None: there is none."""
    field: str = ""
    """Its path; empty: it is about the event."""
    was: Any = None
    now: Any = None
    """Both values, or the event behind which it came."""
    times: int = 1
    """How often the same is so."""


def differences(
    recorded: Sequence[Message],
    met: Sequence[Message],
    *,
    ignore: Collection[str] = (),
    ids: Ids | None = None,
) -> list[Difference]:
    """Compare what one side said.

    Args:
        recorded: Its messages in the recording, in order.
        met: Those of now, in order.
        ignore: What is not compared (`recordings.ignored`).
        ids: What is known already of which id is which.
    """
    counted = [one for one in recorded if one.type not in ignore]
    pairing = Pairing(counted, Ids() if ids is None else ids)
    for one in met:
        if one.type not in ignore:
            pairing.take(one)
    found = [
        *(Difference("missing", one.type, one, None) for one in pairing.missing),
        *(Difference("further", one.type, None, one) for one in pairing.further),
    ]
    cancelled = {
        response_of(was.event or {})
        for was, now in pairing.pairs
        if _is_cancelled(was) and _is_cancelled(now)
    }
    cut = next((one.line for one in recorded if one.type == _TRUNCATED or _is_cancelled(one)), None)
    for was, now in pairing.pairs:
        # How much of an answer had come when it was interrupted is a matter of milliseconds, and so
        # is what the model is told of it behind that.
        more = ("usage",) if cut is not None and was.line >= cut else ()
        found += _fields(was, now, pairing.ids, {*ignore, *more})
    found += _pieces(pairing, ignore, cancelled, unfinished(recorded))
    if "order" not in ignore:
        places = {one: at for at, one in enumerate(counted)}
        found += (
            Difference("order", one.was.type, one.was, one.now, "", one.place, one.other)
            for one in moved(pairing.pairs, places)
        )
    return sorted(_once(found), key=_place)


def unfinished(messages: Sequence[Message]) -> set[str]:
    """Return what has begun and is not over: responses, and items that are being transcribed.

    A translation, which has neither, is `TRANSLATION`.
    """
    begun: set[str] = set()
    for message in messages:
        of = subject(message.event or {})
        if message.type in ("response.created", "input_audio_buffer.committed"):
            begun.add(of)
        elif message.type in _ENDS:
            begun.discard(of)
        elif message.type.startswith("session.output_"):
            begun.add(TRANSLATION)
        elif message.type == "session.closed":
            begun.discard(TRANSLATION)
    return begun


def subject(event: Row) -> str:
    """Return what of `unfinished` an event belongs to."""
    return response_of(event) or item_of(event) or TRANSLATION


def _place(one: Difference) -> float:
    """Return where a difference stands among the others: by its line, or behind all."""
    return float("inf") if one.recorded is None else one.recorded.line


def _is_cancelled(message: Message) -> bool:
    response = (message.event or {}).get("response")
    return isinstance(response, dict) and response.get("status") == "cancelled"


def _fields(was: Message, now: Message, ids: Ids, ignore: Collection[str]) -> Iterator[Difference]:
    if was.event is None or now.event is None:
        if was.raw != now.raw:
            yield Difference("other", was.type, was, now, "", was.raw, now.raw)
        return
    for path, one, other in _compared(was.event, ids.recorded(now.event), "", ignore):
        if path in was.hidden:
            # Nobody knows what it was.
            continue
        yield Difference("other", was.type, was, now, path, one, other)


def _compared(
    was: Any, now: Any, path: str, ignore: Collection[str]
) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(was, dict) and isinstance(now, dict):
        if "left_out" in was:
            return
        if _THING.search(path) and was.get("type") != now.get("type"):
            # What one kind of thing has, another need not have.
            yield f"{path}.type", was.get("type", ABSENT), now.get("type", ABSENT)
            return
        for name in {**was, **now}:
            if not _ignored(name, path, ignore):
                inner = f"{path}.{name}" if path else name
                yield from _compared(was.get(name, ABSENT), now.get(name, ABSENT), inner, ignore)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for at, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _compared(one, other, f"{path}[{at}]", ignore)
    elif isinstance(was, dict) and "left_out" in was:
        # A recording has images and audio of items where they came from.
        return
    elif was != now:
        yield path, was, now


def _ignored(name: str, path: str, ignore: Collection[str]) -> bool:
    if name in _DATES and not (name == "event_id" and path):
        return True
    if ASKED_MODEL in ignore and (path, name) == ("session", "model"):
        return True
    groups = {
        "words": _WORDS,
        "times": _TIMES,
        "usage": _USAGE,
        "settings": _SETTINGS,
        "messages": _MESSAGES,
    }
    for group, names in groups.items():
        if group in ignore and name in names:
            # `response.output` is a list of items, and `output` of a call's result is a text.
            return not (name == "output" and path in ("response", "session.audio", "audio"))
    return False


def _pieces(
    pairing: Pairing,
    ignore: Collection[str],
    cancelled: Collection[str],
    unfinished: Collection[str],
) -> Iterator[Difference]:
    for part in {**pairing.recorded_lanes, **pairing.met_lanes}:
        was = pairing.recorded_lanes.get(part, Joined())
        now = pairing.met_lanes.get(part, Joined())
        one = was.pieces[0] if was.pieces else None
        other = now.pieces[0] if now.pieces else None
        if one is None or other is None:
            yield Difference("missing" if other is None else "further", part[0], one, other)
            continue
        of = subject(one.event or {})
        if one.carries_audio:
            counts = "audio" not in ignore and of not in {*cancelled, *unfinished}
            if counts and abs(was.audio_ms - now.audio_ms) > AUDIO_MS:
                yield Difference(
                    "other", part[0], one, other, "audio", _ms(was.audio_ms), _ms(now.audio_ms)
                )
        elif "words" not in ignore:
            # Of what the recording does not have to its end, the beginning counts.
            length = min(len(was.text), len(now.text)) if of in unfinished else None
            if was.text[:length] != now.text[:length]:
                yield Difference("other", part[0], one, other, "delta", was.text, now.text)


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms"


def _once(found: Sequence[Difference]) -> list[Difference]:
    """Return each difference of values once: a text that differs does so in six events."""
    seen: dict[str, int] = {}
    kept: list[Difference] = []
    for one in found:
        if one.kind != "other":
            kept.append(one)
            continue
        key = json.dumps([one.was, one.now, one.field.rpartition(".")[2]], sort_keys=True)
        if key in seen:
            first = kept[seen[key]]
            kept[seen[key]] = Difference(**{**vars(first), "times": first.times + 1})
        else:
            seen[key] = len(kept)
            kept.append(one)
    return kept
