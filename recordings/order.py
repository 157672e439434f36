"""Which events come at another place than in the recording, where their place means something.

When the client is answered is a matter of when it has spoken, which is never the same. A turn's
transcript is made beside its answer: the protocol lets either come first (`docs/wire.md` §B.3). So
are responses beside the conversation (§B.8).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from recordings.pairing import AT_WILL, TRANSCRIBED, item_of, response_of
from recordings.timeline import Message

_ANSWERS = (
    *("session.updated", "transcription_session.updated", "input_audio_buffer.cleared"),
    *("conversation.item.truncated", "conversation.item.deleted", "conversation.item.retrieved"),
)
_OF_ITEMS = ("conversation.item.added", "conversation.item.done", "conversation.item.created")
Pair = tuple[Message, Message]
"""A recorded event, and the one that corresponds to it now."""


@dataclass(frozen=True)
class Moved:
    """An event that is not where it was."""

    was: Message
    now: Message
    place: Literal["before", "behind"]
    """Where it was: before or behind the other."""
    other: str
    """The type of the event that it has changed places with."""


def moved(pairs: Sequence[Pair], places: Mapping[Message, int]) -> Iterator[Moved]:
    """Yield what has moved: all but the most that are in the order of the recording.

    Args:
        pairs: The events of one side, in the order in which they come now.
        places: A recorded event → its place in the recording.
    """
    ordered = [pair for pair in pairs if pair[0].type not in AT_WILL]
    answers = [pair for pair in ordered if _answers_client(pair[0])]
    others = [pair for pair in ordered if not _answers_client(pair[0])]
    yield from _moved(answers, places)
    told = [pair for pair in others if not _is_transcript(pair[0])]
    of = _responses([was for was, _now in told])
    beside = _beside_others(of, places)
    yield from _moved([pair for pair in told if of[pair[0]] not in beside], places)
    for response_id in sorted(beside):
        # Two answers at once are made each in its own time.
        yield from _moved([pair for pair in told if of[pair[0]] == response_id], places)
    turns = {_item(was) for was, _now in others if _is_transcript(was)}
    for one in _moved([pair for pair in others if _item(pair[0]) in turns], places):
        if _is_transcript(one.was) or one.other.startswith(TRANSCRIBED):
            yield one


def _responses(recorded: Sequence[Message]) -> dict[Message, str]:
    """Return the response that each event is about; empty: none."""
    of: dict[Message, str] = {}
    of_items: dict[str, str] = {}
    for message in recorded:
        of[message] = response_of(message.event or {})
        if of[message]:
            of_items.setdefault(_item(message), of[message])
    return {one: of[one] or of_items.get(_item(one) or "-", "") for one in recorded}


def _beside_others(of: Mapping[Message, str], places: Mapping[Message, int]) -> set[str]:
    """Return the responses that were made while another one was."""
    spans: dict[str, tuple[int, int]] = {}
    for message, response_id in of.items():
        if response_id:
            first, last = spans.get(response_id, (places[message], places[message]))
            spans[response_id] = min(first, places[message]), max(last, places[message])
    return {
        one
        for one, (first, last) in spans.items()
        if any(
            begin < last and first < end for other, (begin, end) in spans.items() if other != one
        )
    }


def _is_transcript(message: Message) -> bool:
    return message.type.startswith(TRANSCRIBED)


def _item(message: Message) -> str:
    return item_of(message.event or {})


def _answers_client(message: Message) -> bool:
    """Return whether an event tells no more than that a message of the client has come."""
    item = (message.event or {}).get("item")
    if message.type in _OF_ITEMS and isinstance(item, dict):
        content = item.get("content")
        parts = content if isinstance(content, list) else []
        spoken = any(isinstance(one, dict) and one.get("type") == "input_audio" for one in parts)
        said = item.get("role") in ("user", "system") and not spoken
        return said or item.get("type") == "function_call_output"
    return message.type in _ANSWERS


def _moved(pairs: Sequence[Pair], places: Mapping[Message, int]) -> Iterator[Moved]:
    order = [places[was] for was, _now in pairs]
    stay = _longest_rise(order)
    for at, (was, now) in enumerate(pairs):
        if at in stay:
            continue
        earlier = [one for one, _met in pairs[:at] if places[one] > places[was]]
        later = [one for one, _met in pairs[at + 1 :] if places[one] < places[was]]
        if earlier:
            last = max(earlier, key=lambda one: places[one])
            yield Moved(was, now, "before", last.type)
        elif later:
            first = min(later, key=lambda one: places[one])
            yield Moved(was, now, "behind", first.type)


def _longest_rise(order: Sequence[int]) -> set[int]:
    """Return the places of a longest rising part of a sequence."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, value in enumerate(order):
        place = bisect_left(tails, value)
        if place == len(tails):
            tails.append(value)
            ends.append(at)
        else:
            tails[place], ends[place] = value, at
        before.append(ends[place - 1] if place else -1)
    stay: set[int] = set()
    at = ends[-1] if ends else -1
    while at >= 0:
        stay.add(at)
        at = before[at]
    return stay
