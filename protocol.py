"""The wire vocabulary: ids, server events, error objects and the parsing of client events.

Nothing here knows of Pipecat, FastAPI or audio devices. The shapes of client events are in
`wire/client_events.py`; section numbers (§A.0) are those of `docs/wire.md`.
"""

from __future__ import annotations

from typing import get_args

from openai.types.realtime import RealtimeSessionCreateRequest

from wire.envelope import ServerEvent, encode_audio, error_event, new_id, serialize, server_event
from wire.errors import ProtocolError
from wire.reading import decode_audio, parse_client_event, validate_event

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
