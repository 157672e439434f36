"""A recorded event of the server as it is sent once more: with what the recording left out.

A recording keeps audio once: what an item has of it is at the deltas of the answer, or in the
client's own event. What a session says about the clock is moved to today.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from recordings.reading import Row
from recordings.timeline import Message, Timeline
from recordings.wire_audio import DELTAS
from wire.ids import new_id

_CREATE = "conversation.item.create"


class Restored:
    """Restores the events of one recording."""

    def __init__(self, timeline: Timeline, now: float) -> None:
        """Read what was said.

        Args:
            timeline: The recording.
            now: When it begins again, in Unix time.
        """
        self._later_s = now - _began(timeline, now)
        self._spoken = _spoken(timeline.messages)
        self._made = [
            part
            for message in timeline.of("client")
            if message.type == _CREATE
            for part in _parts(message.event)
        ]

    def event(self, message: Message) -> Row:
        """Return an event of the server, but for the audio of a delta."""
        event: Row = dict(message.event or {})
        if message.carries_audio:
            # It was left out where the audio was.
            event.setdefault("event_id", new_id("event"))
        session = event.get("session")
        if isinstance(session, dict) and isinstance(session.get("expires_at"), int | float):
            event["session"] = {
                **session,
                "expires_at": int(session["expires_at"] + self._later_s),
            }
        item = event.get("item")
        if isinstance(item, dict) and any(_left_out(part) for part in _parts(event)):
            content = [self._part(item.get("id"), part) for part in item["content"]]
            event["item"] = {**item, "content": content}
        return event

    def _part(self, item_id: Any, part: Any) -> Any:
        lengths = _left_out(part)
        told = {name: value for name, value in part.items() if name not in lengths}
        for name, length in lengths.items():
            if name == "audio":
                told[name] = self._audio(item_id, length)
            elif (image := self._of_client(name, length)) is not None:
                told[name] = image
        return told

    def _audio(self, item_id: Any, length: int) -> str:
        spoken = self._spoken.get(item_id)
        if spoken is not None:
            return base64.b64encode(spoken[:length]).decode()
        made = self._of_client("audio", length)
        # Of a turn that was spoken the length alone is known here.
        return made if made is not None else base64.b64encode(bytes(length)).decode()

    def _of_client(self, name: str, length: int) -> str | None:
        """Return what the client gave that is so long: as text, or behind its base64."""
        for part in self._made:
            value = part.get(name)
            if isinstance(value, str) and length in (len(value), _decoded(value)):
                return value
        return None


def _decoded(text: str) -> int:
    """Return how many bytes a base64 text stands for."""
    return len(text) * 3 // 4 - text[-2:].count("=")


def _began(timeline: Timeline, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(timeline.recording.header["began"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return otherwise


def _spoken(messages: Iterable[Message]) -> dict[str, bytes]:
    audio: dict[str, bytes] = defaultdict(bytes)
    for message in messages:
        if message.type in DELTAS and message.event is not None:
            audio[str(message.event.get("item_id"))] += message.audio
    return dict(audio)


def _parts(event: Row | None) -> list[Any]:
    item = (event or {}).get("item")
    content = item.get("content") if isinstance(item, dict) else None
    return [part for part in content if isinstance(part, dict)] if content else []


def _left_out(part: Any) -> dict[str, int]:
    """Return which fields a part is without, and how long they were."""
    return {
        name: value["left_out"]
        for name, value in part.items()
        if isinstance(value, dict) and isinstance(value.get("left_out"), int)
    }
