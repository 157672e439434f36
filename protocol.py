"""The wire vocabulary: ids, server events, error objects and the parsing of client events.

Nothing here knows of Pipecat, FastAPI or audio devices. The shapes of client events are in
`wire/client_events.py`; the rules quoted by section are those of OpenAI's Realtime protocol (GA).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import pybase64
from openai.types.realtime import RealtimeSessionCreateRequest
from pydantic import ValidationError
from pydantic_core import to_json

from wire.client_events import CLIENT_EVENTS, ClientEvent
from wire.errors import ProtocolError, explain, invalid_value, wrong_type
from wire.long_strings import decode_base64
from wire.strict_json import read_json

__all__ = [
    "REALTIME_MODELS",
    "SERVER_EVENTS",
    "ProtocolError",
    "ServerEvent",
    "decode_audio",
    "encode_audio",
    "error_event",
    "new_id",
    "parse_client_event",
    "serialize",
    "server_event",
    "validate_event",
]

ServerEvent = dict[str, Any]
"""A server event as it goes on the wire."""

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""Decoded audio of one `input_audio_buffer.append` (§D.8)."""
MAX_DEPTH = 100
"""Arrays and objects inside each other: far more than any tool's schema, far less than Python."""

MAX_QUOTED = 2000
"""Characters of an error's message."""

_LETTERS = str.maketrans("+/=", "xyz")
"""What base64 has beyond letters and digits."""
_ID_LENGTH = {"call": 16}
# The list that the service prints for an unknown type, in its order (§A.0).
_ANNOUNCED_TYPES = (
    "session.update",
    "session.close",
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)


_PART = ("response_id", "item_id", "output_index", "content_index")
_CALL = ("response_id", "item_id", "output_index", "call_id")
_TRANSCRIPTION = ("item_id", "content_index")
SERVER_EVENTS: dict[str, tuple[str, ...]] = {
    "error": ("error",),
    "session.created": ("session",),
    "session.updated": ("session",),
    "conversation.item.added": ("previous_item_id", "item"),
    "conversation.item.done": ("previous_item_id", "item"),
    "conversation.item.retrieved": ("item",),
    "conversation.item.truncated": ("item_id", "content_index", "audio_end_ms"),
    "conversation.item.deleted": ("item_id",),
    "conversation.item.input_audio_transcription.delta": (*_TRANSCRIPTION, "delta"),
    "conversation.item.input_audio_transcription.completed": (
        *_TRANSCRIPTION,
        "transcript",
        "usage",
    ),
    "conversation.item.input_audio_transcription.failed": (*_TRANSCRIPTION, "error"),
    "input_audio_buffer.committed": ("previous_item_id", "item_id"),
    "input_audio_buffer.cleared": (),
    "input_audio_buffer.speech_started": ("audio_start_ms", "item_id"),
    "input_audio_buffer.speech_stopped": ("audio_end_ms", "item_id"),
    "input_audio_buffer.timeout_triggered": ("audio_start_ms", "audio_end_ms", "item_id"),
    "response.created": ("response",),
    "response.done": ("response",),
    "response.output_item.added": ("response_id", "output_index", "item"),
    "response.output_item.done": ("response_id", "output_index", "item"),
    "response.content_part.added": (*_PART, "part"),
    "response.content_part.done": (*_PART, "part"),
    "response.output_text.delta": (*_PART, "delta"),
    "response.output_text.done": (*_PART, "text"),
    "response.output_audio_transcript.delta": (*_PART, "delta"),
    "response.output_audio_transcript.done": (*_PART, "transcript"),
    "response.output_audio.delta": (*_PART, "delta"),
    "response.output_audio.done": _PART,
    "response.function_call_arguments.delta": (*_CALL, "delta"),
    "response.function_call_arguments.done": (*_CALL, "name", "arguments"),
    "rate_limits.updated": ("rate_limits",),
}
"""Event that a session may send → its fields, in order, behind `type` and `event_id` (§B)."""


def _published_models() -> tuple[str, ...]:
    annotation = RealtimeSessionCreateRequest.model_fields["model"].annotation
    return tuple(
        name for option in get_args(annotation) for name in get_args(option) if name is not None
    )


REALTIME_MODELS: tuple[str, ...] = _published_models()
"""Model names that existing clients ask for, as the installed SDK lists them."""


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


def parse_client_event(
    raw: str, validate: Callable[[dict[str, Any]], ClientEvent] | None = None
) -> ClientEvent:
    """Parse and validate one text frame.

    Args:
        raw: The frame.
        validate: How to read the message in it; None: `validate_event`.

    Raises:
        ProtocolError: The event is not valid; nothing of it may be applied (§A.0).
    """
    message = _parse_json(raw)
    event_id = message.get("event_id")
    if event_id is not None and not isinstance(event_id, str):
        raise wrong_type(event_id, "a string", "event_id")
    try:
        if raw.count("{") + raw.count("[") > MAX_DEPTH and _deeper_than(message, MAX_DEPTH):
            raise ProtocolError(
                "invalid_event",
                f"Invalid event: more than {MAX_DEPTH} levels of arrays and objects.",
            )
        return (validate or validate_event)(message)
    except ProtocolError as error:
        raise error.answering(event_id) from None


def decode_audio(encoded: str, param: str = "audio") -> bytes:
    """Decode base64 audio, strictly.

    Args:
        encoded: Base64 text.
        param: The field to name in the error.

    Raises:
        ProtocolError: Not base64, empty, or more than 15 MiB (§A.2).
    """
    try:
        audio = decode_base64(encoded)
    except ValueError:
        raise _not_audio(param, "an invalid value") from None
    if not audio:
        raise _not_audio(param, "empty bytes")
    if len(audio) > MAX_AUDIO_BYTES:
        raise ProtocolError(
            "invalid_value", f"Invalid '{param}': more than 15 MiB of audio in one event.", param
        )
    return audio


def _not_audio(param: str, found: str) -> ProtocolError:
    return ProtocolError(
        "invalid_value",
        f"Invalid '{param}'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        f"but got {found}.",
        param,
    )


def encode_audio(audio: bytes) -> str:
    """Encode audio bytes as base64 text."""
    return pybase64.b64encode_as_string(audio)


def _parse_json(raw: str) -> dict[str, Any]:
    try:
        message = read_json(raw)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            "invalid_json", f"Invalid event: failed to parse JSON value. {error}"
        ) from None
    if not isinstance(message, dict):
        raise ProtocolError("invalid_event", "Invalid event: expected a JSON object with a 'type'.")
    return message


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def validate_event(
    message: dict[str, Any],
    models: Mapping[str, type[ClientEvent]] = CLIENT_EVENTS,
    announced: Sequence[str] = _ANNOUNCED_TYPES,
) -> ClientEvent:
    """Validate a message.

    Args:
        message: The JSON object of a frame.
        models: Event type → its model.
        announced: The types to list when it is none of these.

    Raises:
        ProtocolError: The event is not valid.
    """
    type_ = message.get("type")
    if type_ is None:
        raise ProtocolError(
            "missing_required_parameter", "Missing required parameter: 'type'.", "type"
        )
    if not isinstance(type_, str):
        raise wrong_type(type_, "a string", "type")
    model = models.get(type_)
    if model is None:
        raise invalid_value(type_, announced, "type")
    try:
        return model.model_validate(message)
    except ValidationError as error:
        raise explain(error, message) from None
