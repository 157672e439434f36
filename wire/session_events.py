"""The server events about the session, its conversation and its input audio (§B).

Each is a record (`wire/event_record.py`). `wire/server_events.py` lists them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from wire.event_record import (
    DurationUsage,
    ErrorBody,
    FailureBody,
    HeardLanguage,
    ItemBody,
    LogprobBody,
    ServerEvent,
    SessionBody,
)

# --- the session --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErrorEvent(ServerEvent):
    """A client event was refused, or the session ends."""

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
    """The session's settings after a `session.update`."""

    type = "session.updated"
    section = "A.1"

    session: SessionBody


# --- the conversation ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemAdded(ServerEvent):
    """An item was added to the conversation; one of a response is still empty."""

    type = "conversation.item.added"
    beta = "conversation.item.created"
    section = "A.5"

    previous_item_id: str | None
    item: ItemBody


@dataclass(frozen=True, slots=True)
class ItemDone(ServerEvent):
    """An item is complete."""

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
    """An assistant message was truncated to what the client played."""

    type = "conversation.item.truncated"
    section = "A.8"

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ItemDeleted(ServerEvent):
    """An item was deleted from the conversation."""

    type = "conversation.item.deleted"
    section = "A.7"

    item_id: str


@dataclass(frozen=True, slots=True)
class InputTranscriptionDelta(ServerEvent):
    """A delta of the transcript of a user's audio."""

    type = "conversation.item.input_audio_transcription.delta"
    section = "B.3"

    item_id: str
    content_index: int
    delta: str


@dataclass(frozen=True, slots=True)
class InputTranscriptionCompleted(ServerEvent):
    """The final transcript of a user's audio."""

    type = "conversation.item.input_audio_transcription.completed"
    section = "B.3"
    not_in_beta = ("languages",)
    optional = ("languages", "logprobs")

    item_id: str
    content_index: int
    transcript: str
    usage: DurationUsage
    languages: list[HeardLanguage] | None = None
    """None: the recogniser does not tell."""
    logprobs: list[LogprobBody] | None = None
    """None: the client did not ask, or the recogniser has none."""


@dataclass(frozen=True, slots=True)
class InputTranscriptionFailed(ServerEvent):
    """A user's audio could not be transcribed."""

    type = "conversation.item.input_audio_transcription.failed"
    section = "B.3"

    item_id: str
    content_index: int
    error: FailureBody


# --- the input buffer ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BufferCommitted(ServerEvent):
    """The audio in the buffer was committed as an item: the turn is over."""

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
    """The turn detector found an onset of speech; the turn will become item `item_id`."""

    type = "input_audio_buffer.speech_started"
    section = "B.3"

    audio_start_ms: int
    item_id: str


@dataclass(frozen=True, slots=True)
class BufferSpeechStopped(ServerEvent):
    """The turn detector found the end of the turn."""

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
