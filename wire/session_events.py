"""The server events about the session, its conversation and the audio that comes in (§B).

Each is a record (`wire/event_record.py`) that says what the event is called, what it carries, how
beta clients know it, and which rules it follows. `wire/server_events.py` lists them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from wire.event_record import (
    DurationUsage,
    ErrorBody,
    FailureBody,
    ItemBody,
    ServerEvent,
    SessionBody,
)

# --- the session --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErrorEvent(ServerEvent):
    """Something that the client sent was refused, or the session ends."""

    type = "error"
    section = "A.0"

    error: ErrorBody


@dataclass(frozen=True, slots=True)
class SessionCreated(ServerEvent):
    """The first event of a session."""

    type = "session.created"
    section = "B.1"

    session: SessionBody


@dataclass(frozen=True, slots=True)
class SessionUpdated(ServerEvent):
    """The client changed the session, which is now as this says."""

    type = "session.updated"
    section = "A.1"

    session: SessionBody


# --- the conversation ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemAdded(ServerEvent):
    """An item is in the conversation; one that the model makes is still empty."""

    type = "conversation.item.added"
    beta = "conversation.item.created"
    section = "A.5"

    previous_item_id: str | None
    item: ItemBody


@dataclass(frozen=True, slots=True)
class ItemDone(ServerEvent):
    """An item is as it will be."""

    type = "conversation.item.done"
    beta = None
    section = "A.5"

    previous_item_id: str | None
    item: ItemBody


@dataclass(frozen=True, slots=True)
class ItemRetrieved(ServerEvent):
    """The item that the client asked for, with its audio."""

    type = "conversation.item.retrieved"
    section = "A.6"

    item: ItemBody


@dataclass(frozen=True, slots=True)
class ItemTruncated(ServerEvent):
    """An answer was cut to what the client played of it."""

    type = "conversation.item.truncated"
    section = "A.8"

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ItemDeleted(ServerEvent):
    """An item is out of the conversation."""

    type = "conversation.item.deleted"
    section = "A.7"

    item_id: str


@dataclass(frozen=True, slots=True)
class InputTranscriptionDelta(ServerEvent):
    """The recogniser understood more of what the user said."""

    type = "conversation.item.input_audio_transcription.delta"
    section = "B.3"

    item_id: str
    content_index: int
    delta: str


@dataclass(frozen=True, slots=True)
class InputTranscriptionCompleted(ServerEvent):
    """The recogniser understood what the user said."""

    type = "conversation.item.input_audio_transcription.completed"
    section = "B.3"

    item_id: str
    content_index: int
    transcript: str
    usage: DurationUsage


@dataclass(frozen=True, slots=True)
class InputTranscriptionFailed(ServerEvent):
    """The recogniser could not transcribe what the user said."""

    type = "conversation.item.input_audio_transcription.failed"
    section = "B.3"

    item_id: str
    content_index: int
    error: FailureBody


# --- the input buffer ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BufferCommitted(ServerEvent):
    """The audio in the buffer became an item: the turn is over."""

    type = "input_audio_buffer.committed"
    section = "A.3"

    previous_item_id: str | None
    item_id: str


@dataclass(frozen=True, slots=True)
class BufferCleared(ServerEvent):
    """The client dropped the audio in the buffer."""

    type = "input_audio_buffer.cleared"
    section = "A.4"


@dataclass(frozen=True, slots=True)
class BufferSpeechStarted(ServerEvent):
    """The turn detector heard the user begin; the turn will be item `item_id`."""

    type = "input_audio_buffer.speech_started"
    section = "B.3"

    audio_start_ms: int
    item_id: str


@dataclass(frozen=True, slots=True)
class BufferSpeechStopped(ServerEvent):
    """The turn detector heard the user end."""

    type = "input_audio_buffer.speech_stopped"
    section = "B.3"

    audio_end_ms: int
    item_id: str


@dataclass(frozen=True, slots=True)
class BufferTimeoutTriggered(ServerEvent):
    """The user was silent for `idle_timeout_ms`."""

    type = "input_audio_buffer.timeout_triggered"
    section = "B.12"

    audio_start_ms: int
    audio_end_ms: int
    item_id: str
