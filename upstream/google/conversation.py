"""What a connection to Gemini Live has been told, against what a response is to read.

The service keeps the conversation and can neither truncate nor delete in it. So a response goes
over a connection whose conversation is the beginning of what it is to read, or over a new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from audio.clip import Clip

UNWRITTEN = "(The user said something that nobody wrote down.)"
"""What the model reads of an earlier turn without a transcript: history is text alone."""


@dataclass(slots=True)
class Spoken:
    """A turn of the user, as far as its words are known."""

    item_id: str
    words: str | None = None
    """Its transcript as it was told to the session; None: there is none."""

    @property
    def gist(self) -> str | None:
        """What is known of its words."""
        return self.words


@dataclass(frozen=True, slots=True)
class Said:
    """Words."""

    role: Literal["user", "model"]
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn of the user that the model hears, or has heard."""

    turn: Spoken
    clip: Clip | None = None
    """The sound, where it is still to be heard."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An image, as a data URI."""

    url: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a function, with the arguments as a JSON object."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The result of a call."""

    call_id: str
    name: str
    output: str


Entry = Said | Heard | Seen | Called | Returned


def entries(messages: Sequence[dict[str, Any]]) -> list[Entry]:
    """Read the messages of a `ResponseRequest`."""
    read: list[Entry] = []
    names: dict[str, str] = {}
    for message in messages:
        match message:
            case {"role": "tool", "tool_call_id": call_id, "content": output}:
                read.append(Returned(call_id, names.get(call_id, "a function"), output))
            case {"role": "assistant", "tool_calls": calls}:
                for call in calls:
                    made = Called(call["id"], **call["function"])
                    names[made.call_id] = made.name
                    read.append(made)
            case {"role": "user", "content": list(parts)}:
                read += map(_part, parts)
            case {"role": "system", "content": text}:
                read.append(Said("user", f"[System message: {text}]"))
            case {"role": role, "content": text}:
                read.append(Said("model" if role == "assistant" else "user", text))
    return read


def beyond(known: Sequence[Entry], wanted: Sequence[Entry]) -> list[Entry] | None:
    """Return what of `wanted` is new to who knows `known`; None: it knows something else.

    Args:
        known: The conversation of a connection. Calls without a result wait for it.
        wanted: What a response is to read; each call is followed by its result.
    """
    settled, left = list(known), deque(wanted)
    waiting: set[str] = set()
    while settled and isinstance(last := settled[-1], Called):
        waiting.add(last.call_id)
        settled.pop()
    for one in settled:
        if left and _same(one, left[0]):
            left.popleft()
        # A turn without words is left out of what a model reads (§B.3).
        elif not (isinstance(one, Heard) and one.turn.words == ""):
            return None
    if not waiting:
        return list(left)
    # The model goes on as soon as it has all results: nothing can be said beside them.
    made = {one.call_id: one for one in known if isinstance(one, Called)}
    results = [one for one in left if isinstance(one, Returned)]
    exchanges: list[Entry] = []
    for one in results:
        exchanges += [made[one.call_id], one] if one.call_id in waiting else [one]
    return list(results) if exchanges == list(left) and len(results) == len(waiting) else None


def parted(wanted: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the history, and what the user does that is to be answered."""
    place = len(wanted)
    while place and not by_model(wanted[place - 1]):
        place -= 1
    return list(wanted[:place]), list(wanted[place:])


def as_text(entry: Called | Returned) -> str:
    """Write a call or a result in words: the service refuses a history with calls in it."""
    if isinstance(entry, Called):
        return f"[Called function {entry.name} with {entry.arguments}]"
    return f"[Function {entry.name} returned: {entry.output}]"


def by_model(entry: Entry) -> bool:
    """Return whether it is the model's."""
    return isinstance(entry, Called) or (isinstance(entry, Said) and entry.role == "model")


def _part(part: dict[str, Any]) -> Entry:
    match part:
        case {"type": "input_audio", "item_id": item_id, "clip": clip}:
            return Heard(Spoken(item_id), clip)
        case {"type": "image_url", "image_url": {"url": url}}:
            return Seen(url)
    return Said("user", part["text"])


def _same(known: Entry, wanted: Entry) -> bool:
    match known, wanted:
        case Heard(turn=one), Heard(turn=other):
            return one.item_id == other.item_id
        case Heard(turn=turn), Said(role="user", text=text):
            return turn.words is not None and _plain(turn.words) == _plain(text)
        case Said(role=role, text=one), Said(role=wanted_role, text=other):
            return role == wanted_role and _plain(one) == _plain(other)
    return known == wanted


def _plain(text: str) -> str:
    return " ".join(text.split())
