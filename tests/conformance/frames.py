"""Single text frames: every client event in its shortest form, parsed or refused (§A.0)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol import ProtocolError
from wire.client_events import ClientEvent
from wire.reading import parse_client_event

UNKNOWN_TYPE = (
    "Invalid value: 'nope'. Supported values are: 'session.update', 'session.close', "
    "'input_audio_buffer.append', 'session.input_audio_buffer.append', "
    "'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', "
    "'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', "
    "'response.create', and 'response.cancel'."
)


MINIMAL: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime"}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": ""}],
        },
    },
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.delete", "item_id": "a"},
    {
        "type": "conversation.item.truncate",
        "item_id": "a",
        "content_index": 0,
        "audio_end_ms": 0,
    },
    {"type": "response.create"},
    {"type": "response.cancel"},
]


def parse(event: dict[str, Any]) -> ClientEvent:
    return parse_client_event(json.dumps(event))


def refusal(frame: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_client_event(frame)
    return caught.value
