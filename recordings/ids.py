"""Ids of a recorded session, and what they are called in the session that plays it again.

A server gives its items, responses and calls ids of its own each time, and a client may do so too.
Two events that correspond tell which of them are the same; what is sent then names them rightly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from recordings.reading import Row

_OWN = "event_id"
"""Of the event itself: it names nothing that another event would speak of but an error."""

_WORD = re.compile(r"[\w-]+")


class Ids:
    """Recorded id ↔ id met now."""

    def __init__(self) -> None:
        """Know none."""
        self._now: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def learn(self, recorded: Row, met: Row) -> None:
        """Learn from two events that correspond. What is known stays as it is."""
        for one, other in pairs(recorded, met):
            if one not in self._now and other not in self._recorded:
                self._now[one], self._recorded[other] = other, one

    def agree(self, recorded: Row, met: Row) -> bool:
        """Return whether two events may correspond: they name nothing that is known otherwise."""
        return all(
            self._now.get(one, other) == other and self._recorded.get(other, one) == one
            for one, other in pairs(recorded, met)
        )

    def common(self, recorded: Row, met: Row) -> int:
        """Return how many ids two events have in common that are known."""
        return sum(self._now.get(one) == other for one, other in pairs(recorded, met))

    def now(self, value: Any) -> Any:
        """Return a recorded JSON value as it is said now."""
        return _renamed(value, self._now)

    def recorded(self, value: Any) -> Any:
        """Return a JSON value of now with the ids of the recording."""
        return _renamed(value, self._recorded)


def pairs(one: Any, other: Any, *, top: bool = True) -> Iterator[tuple[str, str]]:
    """Yield the ids that stand at the same places of two JSON values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key, inner in one.items():
            beside = other.get(key)
            if is_id(key) and isinstance(inner, str) and isinstance(beside, str):
                if inner and beside and not (top and key == _OWN):
                    yield inner, beside
            else:
                yield from pairs(inner, beside, top=False)
    elif isinstance(one, list) and isinstance(other, list):
        for inner, beside in zip(one, other, strict=False):
            yield from pairs(inner, beside, top=False)


def is_id(name: str) -> bool:
    """Return whether a field of this name holds an id."""
    return name == "id" or name.endswith("_id")


def _renamed(value: Any, names: dict[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _renamed(inner, names, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names, key) for inner in value]
    if isinstance(value, str) and is_id(key):
        return names.get(value, value)
    if isinstance(value, str) and key == "message":
        # Of an error, which names what it is about.
        return _WORD.sub(lambda word: names.get(word[0], word[0]), value)
    return value
