"""Checks the ordering guarantees of protocol §B on the events that a client sees.

It knows nothing of the server's code: it follows the events of one session and raises at the first
that breaks the order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.strict_reader import Event, check_event

_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_NEVER_SENT = {"conversation.created", "conversation.item.created", "response.cancelled"}
_DELTAS = {
    "response.output_text.delta": "text",
    "response.output_audio_transcript.delta": "transcript",
    "response.function_call_arguments.delta": "arguments",
}
# Which event may follow which for one output item. A state is the last event seen.
_AUDIO_DELTAS = {"response.output_audio.delta", "response.output_audio_transcript.delta"}
_MESSAGE_STEPS = {
    "response.content_part.added": {"response.output_text.delta", *_AUDIO_DELTAS},
    "response.output_text.delta": {"response.output_text.delta", "response.output_text.done"},
    "response.output_text.done": {"response.content_part.done"},
    "response.output_audio.delta": {*_AUDIO_DELTAS, "response.output_audio.done"},
    "response.output_audio_transcript.delta": {*_AUDIO_DELTAS, "response.output_audio.done"},
    "response.output_audio.done": {"response.output_audio_transcript.done"},
    "response.output_audio_transcript.done": {"response.content_part.done"},
}
_CALL_STEPS = {
    "response.function_call_arguments.delta": {
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    },
}


@dataclass
class _Item:
    """The state of an output item in progress."""

    id: str
    kind: str
    index: int
    previous: str | None = None
    last: str = "response.output_item.added"
    said: dict[str, str] = field(default_factory=dict)
    final: Event | None = None


@dataclass
class _Response:
    id: str
    in_conversation: bool
    modality: str
    open: _Item | None = None
    finished: list[Event] = field(default_factory=list)


class Observer:
    """Follows one session."""

    def __init__(self) -> None:
        self.order: list[str] = []
        """Item ids of the conversation, as the events report them."""
        self.active: dict[str, _Response] = {}
        self._over: set[str] = set()
        self._seen_ids: set[str] = set()
        self._items_ever: set[str] = set()
        self._last: Event | None = None
        self._turn: str | None = None
        self._start_ms = -1
        self._end_ms = -1
        self._added: dict[str, tuple[Any, Event]] = {}
        self._pending_done: str | None = None
        self._committed: dict[str, str] = {}
        self._transcribed: set[str] = set()

    def see(self, event: Event) -> None:
        """Check the next event."""
        check_event(event)
        kind = event["type"]
        assert kind not in _NEVER_SENT
        assert len(event["event_id"]) <= 32
        assert event["event_id"] not in self._seen_ids, "an event_id twice"
        self._seen_ids.add(event["event_id"])
        assert (self._last is None) == (kind == "session.created"), "session.created comes first"
        if self._pending_done is not None:
            assert kind == "conversation.item.done", f"{kind} between added and done of an item"
        if self._last is not None and self._last["type"] == "input_audio_buffer.speech_stopped":
            assert kind == "input_audio_buffer.committed"
        if self._last is not None and self._last["type"] == "input_audio_buffer.committed":
            assert kind == "conversation.item.added"
            assert event["item"]["id"] == self._last["item_id"]
        if kind == "rate_limits.updated":
            assert self._last is not None
            assert self._last["type"] == "response.done", "limits follow a response's end"
        elif kind == "response.created":
            self._created(event["response"])
        elif kind == "response.done":
            self._done(event["response"])
        elif kind.startswith("response."):
            self._of_response(event)
        elif kind.startswith(_TRANSCRIPTION):
            self._transcription(event, kind.removeprefix(_TRANSCRIPTION))
        elif kind == "conversation.item.added":
            self._item_added(event)
        elif kind == "conversation.item.done":
            self._item_done(event)
        elif kind == "conversation.item.deleted":
            self.order.remove(event["item_id"])
        elif kind.startswith("input_audio_buffer."):
            self._input(event)
        self._last = event

    def end(self) -> None:
        """The session has ended: fail if a response or item is still in progress."""
        assert not self.active, "a response without response.done"
        assert self._pending_done is None

    # --- responses ---

    def _created(self, response: Event) -> None:
        assert response["id"] not in self.active
        assert response["id"] not in self._over
        assert len(response["id"]) <= 32
        assert response["status"] == "in_progress"
        assert (response["output"], response["usage"]) == ([], None)
        in_conversation = response["conversation_id"] is not None
        if in_conversation:
            assert not [r for r in self.active.values() if r.in_conversation], "two at a time"
        (modality,) = response["output_modalities"]
        self.active[response["id"]] = _Response(response["id"], in_conversation, modality)

    def _done(self, response: Event) -> None:
        assert response["id"] in self.active, "done of a response that is not active"
        ended = self.active.pop(response["id"])
        self._over.add(ended.id)
        assert ended.open is None, "response.done with an item still open"
        assert response["output"] == ended.finished
        assert response["status"] in {"completed", "cancelled", "incomplete", "failed"}
        details = response["status_details"]
        if response["status"] == "completed":
            assert details is None
        else:
            assert details["type"] == response["status"]
        statuses = [item["status"] for item in ended.finished]
        assert "incomplete" not in statuses[:-1]
        if response["status"] == "completed":
            assert "incomplete" not in statuses
        assert response["usage"]["total_tokens"] >= 0

    def _of_response(self, event: Event) -> None:
        kind = event["type"]
        response = self.active.get(event["response_id"])
        assert response is not None, f"{kind} outside of its response"
        if kind == "response.output_item.added":
            item = event["item"]
            assert response.open is None, "two items at a time"
            assert event["output_index"] == len(response.finished)
            assert item["status"] == "in_progress"
            assert item["id"] not in self._items_ever
            self._items_ever.add(item["id"])
            if item["type"] == "message":
                assert item["content"] == []
            else:
                assert item["arguments"] == ""
            response.open = _Item(item["id"], item["type"], event["output_index"])
            return
        item = response.open
        assert item is not None, f"{kind} outside of an item"
        assert event["output_index"] == item.index
        assert event.get("item_id", item.id) == item.id
        assert kind in self._next_steps(response, item), f"{kind} after {item.last}"
        item.last = kind
        self._content(event, item, response)
        if kind == "response.output_item.done":
            if item.final is not None:
                assert event["item"] == item.final
            self._check_final(event["item"], item)
            response.finished.append(event["item"])
            response.open = None

    def _next_steps(self, response: _Response, item: _Item) -> set[str]:
        # The conversation says no more of an item that the client has deleted.
        stands = response.in_conversation and item.id in self.order
        after_parts = {"conversation.item.done"} if stands else {"response.output_item.done"}
        if item.kind == "message":
            opening = {"response.content_part.added"}
            closing = {"response.content_part.done": after_parts}
            steps = _MESSAGE_STEPS
        else:
            opening = set(_CALL_STEPS["response.function_call_arguments.delta"])
            closing = {"response.function_call_arguments.done": after_parts}
            steps = _CALL_STEPS
        first = {"conversation.item.added"} if response.in_conversation else opening
        return {
            **steps,
            **closing,
            "response.output_item.added": first,
            "conversation.item.added": opening,
            "conversation.item.done": {"response.output_item.done"},
        }[item.last]

    @staticmethod
    def _content(event: Event, item: _Item, response: _Response) -> None:
        kind = event["type"]
        part_type = response.modality
        text_key = "transcript" if part_type == "audio" else "text"
        if kind == "response.content_part.added":
            assert event["part"] == {"type": part_type, text_key: ""}
        elif kind == "response.content_part.done":
            assert event["part"] == {"type": part_type, text_key: item.said.get(text_key, "")}
        elif kind in _DELTAS:
            key = _DELTAS[kind]
            assert event["delta"] != ""
            item.said[key] = item.said.get(key, "") + event["delta"]
        for key in ("text", "transcript", "arguments"):
            if kind.endswith(".done") and key in event:
                assert event[key] == item.said.get(key, ""), "done differs from its deltas"

    @staticmethod
    def _check_final(final: Event, item: _Item) -> None:
        assert final["id"] == item.id
        assert final["status"] in {"completed", "incomplete"}
        if final["type"] == "function_call":
            assert final["arguments"] == item.said.get("arguments", "")
        else:
            (part,) = final["content"]
            key = "text" if part["type"] == "output_text" else "transcript"
            # A truncated item has lost its transcript.
            assert part[key] in (item.said.get(key, ""), None)

    # --- the conversation ---

    def _making(self, item_id: str) -> tuple[_Response, _Item] | None:
        for response in self.active.values():
            if response.open is not None and response.open.id == item_id:
                return response, response.open
        return None

    def _item_added(self, event: Event) -> None:
        item_id, previous = event["item"]["id"], event["previous_item_id"]
        assert item_id not in self.order, "an item twice"
        assert previous is None or previous in self.order
        making = self._making(item_id)
        assert self._last is not None
        if making is not None:
            response, item = making
            assert response.in_conversation, "an out-of-band item in the conversation"
            assert item.last == "response.output_item.added"
            item.last = "conversation.item.added"
            item.previous = previous
        else:
            self._items_ever.add(item_id)
            self._pending_done = item_id
            self._added[item_id] = (previous, event["item"])
        if making is not None or self._last["type"] == "input_audio_buffer.committed":
            assert previous == (self.order[-1] if self.order else None), "not at the tail"
        if self._last["type"] == "input_audio_buffer.committed":
            assert previous == self._last["previous_item_id"]
        self.order.insert(self.order.index(previous) + 1 if previous else 0, item_id)

    def _item_done(self, event: Event) -> None:
        item_id, previous = event["item"]["id"], event["previous_item_id"]
        making = self._making(item_id)
        if making is None:
            assert self._pending_done == item_id
            self._pending_done = None
            assert self._added.pop(item_id) == (previous, event["item"])
            return
        response, item = making
        assert "conversation.item.done" in self._next_steps(response, item)
        item.last = "conversation.item.done"
        item.final = event["item"]
        assert previous == item.previous

    def _transcription(self, event: Event, kind: str) -> None:
        item_id = event["item_id"]
        assert item_id in self._committed, "a transcript of what was not committed"
        assert item_id not in self._transcribed, "a transcript after the last one"
        if kind == "delta":
            self._committed[item_id] += event["delta"]
            return
        self._transcribed.add(item_id)
        if kind == "completed":
            assert event["transcript"] == self._committed[item_id]

    # --- the input ---

    def _input(self, event: Event) -> None:
        kind = event["type"].removeprefix("input_audio_buffer.")
        if kind == "speech_started":
            assert self._turn is None
            assert event["audio_start_ms"] >= max(self._start_ms, 0)
            assert event["item_id"] not in self._items_ever
            self._turn, self._start_ms = event["item_id"], event["audio_start_ms"]
        elif kind == "speech_stopped":
            assert event["item_id"] == self._turn
            assert event["audio_end_ms"] >= max(self._end_ms, self._start_ms)
            assert event["audio_end_ms"] % 32 == 0
            self._end_ms = event["audio_end_ms"]
        elif kind == "committed":
            assert event["item_id"] == (self._turn or event["item_id"])
            assert event["item_id"] not in self._committed
            assert event["previous_item_id"] == (self.order[-1] if self.order else None)
            self._committed[event["item_id"]] = ""
            self._turn = None
        elif kind == "cleared":
            self._turn = None
