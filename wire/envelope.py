"""What all server events share: ids, the event object, errors, and how they become text."""

from __future__ import annotations

import os
from typing import Any

import pybase64
from pydantic_core import to_json

from wire.errors import ProtocolError

ServerEvent = dict[str, Any]
"""A server event as it goes on the wire."""


MAX_QUOTED = 2000
"""Characters of an error's message."""


_LETTERS = str.maketrans("+/=", "xyz")
"""What base64 has beyond letters and digits."""


_ID_LENGTH = {"call": 16}


def new_id(prefix: str) -> str:
    """Mint an id such as `item_` + 21 base62 characters; at most 32 in all (§B, §F.5.13)."""
    letters = pybase64.b64encode_as_string(os.urandom(18)).translate(_LETTERS)
    return f"{prefix}_{letters[: _ID_LENGTH.get(prefix, 21)]}"


def server_event(type_: str, **fields: Any) -> ServerEvent:
    """Build a server event: `type` first, then a fresh `event_id`, then `fields` in order (§B)."""
    return {"type": type_, "event_id": new_id("event"), **fields}


def error_event(error: ProtocolError) -> ServerEvent:
    """Build the `error` event: all five inner keys are always there (§A.0).

    Messages and params quote what the client sent, but not megabytes of it.
    """
    return server_event(
        "error",
        error={
            "type": error.type,
            "code": error.code,
            "message": _shortened(error.message),
            "param": error.param and _shortened(error.param),
            "event_id": error.event_id,
        },
    )


def _shortened(text: str) -> str:
    half = MAX_QUOTED // 2
    return text if len(text) <= MAX_QUOTED else f"{text[:half]} … {text[-half:]}"


def serialize(event: ServerEvent) -> str:
    """Render an event as one compact JSON text frame."""
    return to_json(event).decode()


def encode_audio(audio: bytes) -> str:
    """Encode audio bytes as base64 text."""
    return pybase64.b64encode_as_string(audio)
