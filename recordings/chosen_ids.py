"""Ids that a client chooses: as the recorded one chose them → as the one under test does.

A client names its items, its events and its responses' metadata as it likes, often by chance, and
knows the server's events by them. What the server chose stays as it was recorded: the client
under test gets to know it as the recorded one did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recordings.ids import is_id
from recordings.reading import Row
from recordings.timeline import Message

_CHOSEN = {"id", "call_id", "event_id"}
_ADDED = ("conversation.item.added", "conversation.item.created")

Place = tuple[str | int, ...]


def kind_of(event: Row | None) -> str:
    """Return what sort of message of a client this is: its type and, of a new item, the item's.

    Args:
        event: The message; None: it is no JSON object.
    """
    if event is None:
        return ""
    item = event.get("item")
    sort = item.get("type") if isinstance(item, dict) else None
    return f"{event.get('type')} {sort}"


class ChosenIds:
    """Learns what the client under test calls what the recorded one called otherwise."""

    def __init__(self, messages: Iterable[Message]) -> None:
        """Read a recording."""
        self._recorded: dict[str, list[tuple[dict[Place, str], str | None]]] = defaultdict(list)
        """Kind → for each message, what the client chose in it, and the id that the server gave to
        an item without one."""
        self._nth: dict[str, int] = defaultdict(int)
        """Kind → how many have come."""
        self._given: set[str] = set()
        """Ids of items that the recorded client had left to the server."""
        self._met: dict[str, str] = {}
        self._metadata: dict[str, str] = {}
        self._back: dict[str, str] = {}
        _Reader(self._recorded).read(messages)

    def learn(self, event: Row) -> None:
        """Learn from the next message of the client under test that is no audio."""
        kind = kind_of(event)
        nth, self._nth[kind] = self._nth[kind], self._nth[kind] + 1
        recorded = self._recorded.get(kind, [])
        if nth >= len(recorded):
            return
        chosen, given = recorded[nth]
        met = dict(_names(event))
        for place, name in chosen.items():
            other = met.get(place)
            if other is not None and other != name:
                self._learn(place, name, other)
        item_id = met.get(("item", "id"))
        if given is not None and item_id is not None:
            self._learn(("item", "id"), given, item_id)
            self._given.add(given)

    def to_client(self, event: Row) -> Row:
        """Return an event of the recorded server with the ids of the client under test."""
        if not self._met and not self._metadata:
            return dict(event)
        replaced: Row = _replaced(event, self._met, self._metadata)
        return replaced

    def from_client(self, event: Row) -> Row:
        """Return an event of the client under test with the ids of the recorded one."""
        if not self._back:
            return dict(event)
        told: Row = _replaced(event, self._back, self._back)
        item = told.get("item")
        if isinstance(item, dict) and item.get("id") in self._given:
            told["item"] = {name: value for name, value in item.items() if name != "id"}
        return told

    def _learn(self, place: Place, name: str, other: str) -> None:
        names = self._metadata if "metadata" in place else self._met
        names[name] = other
        self._back[other] = name


class _Reader:
    """Finds what the recorded client chose: names that the server had not said before."""

    def __init__(self, found: dict[str, list[tuple[dict[Place, str], str | None]]]) -> None:
        self._found = found
        self._said: set[str] = set()
        self._unnamed: list[tuple[str, int, Any]] = []
        """Items without an id that the server has not named yet: kind, place and role."""

    def read(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.event is None:
                if message.side == "client":
                    self._found[kind_of(None)].append(({}, None))
            elif message.side == "server":
                self._server(message.event)
            elif not message.carries_audio:
                self._client(message.event)

    def _client(self, event: Row) -> None:
        kind = kind_of(event)
        chosen = {
            place: name
            for place, name in _names(event)
            if name not in self._said and (place[-1] in _CHOSEN or "metadata" in place)
        }
        self._found[kind].append((chosen, None))
        item: Any = event.get("item")
        makes = event.get("type") == "conversation.item.create" and isinstance(item, dict)
        if makes and item.get("id") is None:
            self._unnamed.append((kind, len(self._found[kind]) - 1, item.get("role")))

    def _server(self, event: Row) -> None:
        item = event.get("item")
        if event.get("type") in _ADDED and isinstance(item, dict):
            self._name(item)
        self._said.update(name for _place, name in _names(event))

    def _name(self, item: Mapping[str, Any]) -> None:
        """Note which id the server gave to an item that the client had made without one."""
        kind = kind_of({"type": "conversation.item.create", "item": item})
        item_id = item.get("id")
        if not isinstance(item_id, str) or item_id in self._said:
            return
        for at, (made, nth, role) in enumerate(self._unnamed):
            if made == kind and role == item.get("role"):
                del self._unnamed[at]
                self._found[kind][nth] = (self._found[kind][nth][0], item_id)
                return


def _names(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield what in an event is a name that somebody has chosen, and where."""
    if isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _names(inner, (*place, at))
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if isinstance(inner, str):
            if is_id(key) or "metadata" in place:
                yield (*place, key), inner
        else:
            yield from _names(inner, (*place, key))


def _replaced(value: Any, names: Mapping[str, str], metadata: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_replaced(inner, names, metadata) for inner in value]
    if not isinstance(value, dict):
        return value
    told: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, str) and is_id(key):
            told[key] = names.get(inner, inner)
        elif key == "metadata" and isinstance(inner, dict):
            told[key] = {
                name: metadata.get(one, one) if isinstance(one, str) else one
                for name, one in inner.items()
            }
        else:
            told[key] = _replaced(inner, names, metadata)
    return told
