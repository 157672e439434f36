"""The items of a conversation, as the server's events tell of them."""

from __future__ import annotations

from typing import Any

from wire.event_record import ServerEvent
from wire.session_events import (
    InputTranscriptionCompleted,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemTruncated,
)


class Items:
    """The items that are in the conversation now, in its order."""

    def __init__(self) -> None:
        """Start with none."""
        self._items: list[dict[str, Any]] = []

    def follow(self, event: ServerEvent) -> None:
        """Take what an event says of items."""
        match event:
            case ItemAdded() | ItemDone():
                self._put(event.previous_item_id, _copied(event.item))
            case ItemDeleted(item_id):
                self._items = [item for item in self._items if item["id"] != item_id]
            case ItemTruncated(item_id=item_id, audio_end_ms=end_ms):
                for item in self._items:
                    if item["id"] == item_id:
                        item["truncated_at_ms"] = end_ms
            case InputTranscriptionCompleted(item_id=item_id, content_index=at, transcript=text):
                for item in self._items:
                    if item["id"] == item_id and at < len(item.get("content", [])):
                        item["content"][at]["transcript"] = text

    def told(self) -> list[dict[str, Any]]:
        """Return the items, in the form that `conversation.item.done` has."""
        return list(self._items)

    def conversation(self) -> str:
        """Return who said what, a line for each: a difference of two such texts can be read."""
        return "\n".join(map(_line, self._items))

    def _put(self, previous: str | None, item: dict[str, Any]) -> None:
        for at, known in enumerate(self._items):
            if known["id"] == item["id"]:
                self._items[at] = _with_transcripts(item, known)
                return
        ids = [known["id"] for known in self._items]
        # An item whose predecessor is unknown to the events was put first.
        self._items.insert(ids.index(previous) + 1 if previous in ids else 0, item)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(part) for part in value]
    return {"bytes": len(value)} if isinstance(value, bytes | bytearray) else value


def _with_transcripts(item: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return an item with the transcripts that were known before it was done."""
    for part, before in zip(item.get("content", []), known.get("content", []), strict=False):
        if part.get("transcript", "") is None:
            part["transcript"] = before.get("transcript")
    return item


def _line(item: dict[str, Any]) -> str:
    match item.get("type"):
        case "function_call":
            return f"call: {item['name']}({item['arguments']})"
        case "function_call_output":
            return f"result: {item['output']}"
        case "message":
            return f"{item['role']}: {_text(item)}"
        case other:
            return f"{other}: {item.get('name', '')}".rstrip(": ")


def _text(item: dict[str, Any]) -> str:
    parts = [part.get("text") or part.get("transcript") or "" for part in item.get("content", [])]
    return " ".join(filter(None, parts)) or "(audio)"
