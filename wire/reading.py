"""Parses and validates client events, with the service's errors (§A.0)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from wire.client_events import ANNOUNCED, CLIENT_EVENTS, ELSEWHERE, ClientEvent
from wire.errors import ProtocolError, explain, invalid_value, wrong_type
from wire.long_strings import decode_base64
from wire.strict_json import read_json

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""Most decoded audio in one `input_audio_buffer.append`, in bytes (§D.8)."""


MAX_DEPTH = 100
"""Most levels of nested JSON: more than any tool's schema needs, fewer than Python's limit."""


def parse_client_event(
    raw: str, validate: Callable[[dict[str, Any]], ClientEvent] | None = None
) -> ClientEvent:
    """Parse and validate one text frame.

    Args:
        raw: The frame.
        validate: Makes the event of the JSON object; None: `validate_event`.

    Raises:
        ProtocolError: The event is not valid (§A.0).
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
    announced: Sequence[str] = ANNOUNCED,
) -> ClientEvent:
    """Validate a message.

    Args:
        message: The JSON object of a frame.
        models: Event type → record.
        announced: The types that the error for an unknown type lists.

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
    if model is None and type_ in ELSEWHERE:
        told = f"Invalid value: '{type_}': {ELSEWHERE[type_]}."
        raise ProtocolError("invalid_value", told, "type")
    if model is None:
        raise invalid_value(type_, announced, "type")
    try:
        return model.model_validate(message)
    except ValidationError as error:
        raise explain(error, message) from None
