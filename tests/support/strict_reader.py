"""Validates every server event strictly against the SDK's own type for it.

The SDK itself constructs events without validating, so a missing field would only break a client
later, somewhere else. Here it fails at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_translation_server_event import (
    RealtimeTranslationServerEvent,
)
from pydantic import BaseModel

from audio.pcm import Rate

Event = dict[str, Any]


def _published(union: Any) -> dict[str, type[BaseModel]]:
    models = get_args(get_args(union)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


PUBLISHED = _published(RealtimeServerEvent)
"""Event type → the SDK's model of it."""
TRANSLATION = _published(RealtimeTranslationServerEvent)
"""The same for translation sessions (§B.14)."""

EXTENSIONS = {"interruptions", "backchannels", "queued", "rejoin_ms"}

# The SDK types the session of `session.created` as a request to create one (protocol §C.1), which
# lacks what only the server knows.
_SERVER_SET = {
    "RealtimeSessionCreateRequest": {"object", "id", "expires_at"},
    "RealtimeTranscriptionSessionCreateRequest": {"object", "id", "expires_at"},
    # Only the types of the Responses API have it yet.
    "RealtimeConversationItemAssistantMessage": {"phase"},
    # This server's own: why a list failed (§B.13).
    "RealtimeMcpListTools": {"error"},
    # This server's own, shown once a client has set them (§C.4).
    "ServerVad": EXTENSIONS,
    "SemanticVad": EXTENSIONS,
}
_NULLABLE_IN_ITEMS = {"output", "approval_request_id", "approve", "reason", "error"}
_ID = re.compile(r"(item|resp|conv|sess|call)_[0-9A-Za-z]{16,}")


def check_event(event: Event) -> None:
    """Raise unless `event` is valid for the official SDK.

    Checked are the published type, required fields and JSON types (strictly, no coercion), that
    there is no field the SDK does not know, and that items leave out what does not apply (§F.7).
    """
    translates = event.get("session", {}).get("type") == "translation"
    published_models = TRANSLATION if translates else {**TRANSLATION, **PUBLISHED}
    model = published_models.get(event["type"])
    assert model is not None, f"{event['type']} is no published event type"
    assert list(event)[:2] == ["type", "event_id"], f"{event['type']} starts with {list(event)[:2]}"
    published = _with_published_rates(event)
    parsed = model.model_validate_json(json.dumps(published, allow_nan=False), strict=True)
    no_unknown_fields(parsed, event["type"], _SERVER_SET)
    items = [event["item"]] if "item" in event else event.get("response", {}).get("output", [])
    for item in items:
        nulls = [key for key, value in item.items() if value is None]
        assert not set(nulls) - _NULLABLE_IN_ITEMS, f"{event['type']}: an item with null {nulls}"
        assert len(item["id"]) <= 32, f"{event['type']}: an item id of {len(item['id'])} characters"


def _with_published_rates(value: Any) -> Any:
    """Return a copy of an event with 24 kHz, the one rate that the SDK knows, for PCM's others."""
    if isinstance(value, list):
        return [_with_published_rates(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "audio/pcm" and value.get("rate") in get_args(Rate):
        return {**value, "rate": 24000}
    return {key: _with_published_rates(inner) for key, inner in value.items()}


def no_unknown_fields(value: object, path: str, known: Mapping[str, Set[str]]) -> None:
    """Fail at a field that the SDK's models lack.

    Args:
        value: The event, or a part of it, as the SDK parsed it.
        path: Path of the value within the event, for the message.
        known: Name of a model → fields that it lacks and servers send.
    """
    if isinstance(value, list):
        for index, inner in enumerate(value):
            no_unknown_fields(inner, f"{path}[{index}]", known)
    elif isinstance(value, BaseModel):
        unknown = set(value.model_extra or {}) - known.get(type(value).__name__, set())
        assert not unknown, f"{path}: the SDK knows no {sorted(unknown)}"
        for name in type(value).model_fields:
            no_unknown_fields(getattr(value, name), f"{path}.{name}", known)


class Names:
    """Stable names for minted ids: the first item is `item_1`, the second `item_2`, and so on."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, value: Any) -> Any:
        """Return `value` with every minted id in it replaced."""
        if isinstance(value, dict):
            return {key: self.of(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, str) and (match := _ID.fullmatch(value)):
            if value not in self._names:
                number = sum(name.startswith(match[1]) for name in self._names.values()) + 1
                self._names[value] = f"{match[1]}_{number}"
            return self._names[value]
        return value


def normalise(events: list[Event], names: Names | None = None) -> list[Event]:
    """Return the events without their `event_id` and with stable names for all minted ids.

    Args:
        events: Server events in order.
        names: Names given so far; None starts anew.
    """
    names = names or Names()
    return [names.of({k: v for k, v in event.items() if k != "event_id"}) for event in events]
