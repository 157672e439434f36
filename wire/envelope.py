"""Makes `error` events, and writes events and audio as text."""

from __future__ import annotations

import json

import pybase64
from pydantic_core import PydanticSerializationError, to_json

from wire.errors import ProtocolError
from wire.event_record import ServerEvent, WireEvent
from wire.ids import new_id
from wire.session_events import ErrorEvent
from wire.strict_json import in_whole_characters

__all__ = [
    "ServerEvent",
    "WireEvent",
    "encode_audio",
    "error_event",
    "new_id",
    "serialize",
]

MAX_QUOTED = 2000
"""Longest message or param of an error, in characters."""


def error_event(error: ProtocolError) -> ErrorEvent:
    """Make the `error` event: all five inner keys are always there (§A.0).

    Messages and params quote what the client sent, shortened to `MAX_QUOTED`.
    """
    return ErrorEvent(
        {
            "type": error.type,
            "code": error.code,
            "message": _shortened(error.message),
            "param": error.param and _shortened(error.param),
            "event_id": error.event_id,
        }
    )


def _shortened(text: str) -> str:
    half = MAX_QUOTED // 2
    return text if len(text) <= MAX_QUOTED else f"{text[:half]} … {text[-half:]}"


def serialize(event: WireEvent) -> str:
    """Render an event as one compact JSON text frame.

    A lone surrogate, which only the text of a provider's service can have, becomes U+FFFD.
    """
    try:
        return to_json(event).decode()
    except PydanticSerializationError:
        return to_json(json.loads(in_whole_characters(json.dumps(event)))).decode()


def encode_audio(audio: bytes) -> str:
    """Encode audio bytes as base64 text."""
    return pybase64.b64encode_as_string(audio)
