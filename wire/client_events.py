"""The client events of the protocol (§A), one record each; every list of them derives from these.

A record is a model that refuses unknown fields. The SDK's own types describe the same events, but
accept any extra field and any value; a server has to refuse both by name. Fields that this server
does not support are listed as well, so that they are refused with a reason.

The records stand in the order in which the service lists them in its error for an unknown type. To
add an event, add its class here, and the method of the session that handles it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, PrivateAttr

from wire.item_fields import ItemInput
from wire.media import Media
from wire.response_fields import ResponseOptions
from wire.session_fields import (
    SessionKind,
    SessionPatch,
    TranscriptionPatch,
    beta_shape,
)
from wire.strict_models import Variant


class ClientEvent(Variant):
    """The base of all client events.

    A subclass whose `type` is a literal is the record of an event; its fields are the event's.
    """

    section: ClassVar[str]
    """The section of `docs/wire.md` with its rules."""
    beta: ClassVar[str | None]
    """Its name in the beta dialect, by default the same; None: beta has no such event (§B.16)."""
    kinds: ClassVar[tuple[SessionKind, ...]] = get_args(SessionKind)
    """The kinds of session in which this record is valid."""
    media: ClassVar[tuple[Media, ...]] = tuple(Media)
    """The media with which the event exists."""
    named_with: ClassVar[tuple[str, ...]] = ()
    """Types that the service's error lists after this one, though no such session accepts them."""

    type: str
    event_id: Annotated[str, Field(max_length=512)] | None = None

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        names_an_event = get_args(cls.model_fields["type"].annotation)
        if names_an_event and not hasattr(cls, "beta"):
            cls.beta = cls.type_name()

    @classmethod
    def type_name(cls) -> str:
        """Return the event's name."""
        name: str
        (name,) = get_args(cls.model_fields["type"].annotation)
        return name


class SessionEvent(ClientEvent):
    """A client event that `RealtimeSession.take` takes: all but appends, which become bytes."""

    handler: ClassVar[str]
    """The method of `RealtimeSession` that handles it."""
    _raw: str | None = PrivateAttr(None)

    @property
    def raw(self) -> str | None:
        """The text frame that it was read from; None: a client in this process made it."""
        return self._raw

    def read_from(self, raw: str) -> None:
        """Note the text frame that it was read from."""
        self._raw = raw


class UpdateSession(SessionEvent):
    """The client changes a realtime session."""

    section = "A.1"
    handler = "update_session"
    kinds = ("realtime",)

    type: Literal["session.update"]
    session: SessionPatch


class UpdateTranscription(SessionEvent):
    """The client changes a transcription session."""

    section = "A.1"
    beta = "transcription_session.update"
    handler = "update_session"
    kinds = ("transcription",)

    type: Literal["session.update"]
    session: Annotated[TranscriptionPatch, BeforeValidator(beta_shape)]


class CloseSession(SessionEvent):
    """The client ends the session."""

    section = "A.0"
    beta = None
    handler = "close_session"

    type: Literal["session.close"]


class AppendAudio(ClientEvent):
    """The client sends audio: base64, in the session's input format."""

    section = "A.2"
    # An event of translation sessions (§A.12).
    named_with = ("session.input_audio_buffer.append",)

    type: Literal["input_audio_buffer.append"]
    audio: str


class CommitAudio(SessionEvent):
    """The client commits the audio in the buffer: the turn ends."""

    section = "A.3"
    handler = "commit_audio"

    type: Literal["input_audio_buffer.commit"]


class ClearAudio(SessionEvent):
    """The client drops the audio in the buffer."""

    section = "A.4"
    handler = "clear_audio"

    type: Literal["input_audio_buffer.clear"]


class ClearOutput(SessionEvent):
    """The client stops the playback of what the server plays to it."""

    section = "A.11"
    handler = "clear_output"
    media = (Media.TRACKS,)

    type: Literal["output_audio_buffer.clear"]


class CreateItem(SessionEvent):
    """The client adds an item to the conversation."""

    section = "A.5"
    handler = "create_item"

    type: Literal["conversation.item.create"]
    previous_item_id: str | None = None
    item: ItemInput


class TruncateItem(SessionEvent):
    """The client cuts an assistant message's audio to the first `audio_end_ms` milliseconds."""

    section = "A.8"
    handler = "truncate_item"

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: Annotated[int, Field(ge=0)]


class DeleteItem(SessionEvent):
    """The client deletes an item from the conversation."""

    section = "A.7"
    handler = "delete_item"

    type: Literal["conversation.item.delete"]
    item_id: str


class RetrieveItem(SessionEvent):
    """The client asks for an item, with its audio."""

    section = "A.6"
    handler = "retrieve_item"

    type: Literal["conversation.item.retrieve"]
    item_id: str


class CreateResponse(SessionEvent):
    """The client asks for a response."""

    section = "A.9"
    handler = "create_response"

    type: Literal["response.create"]
    response: ResponseOptions | None = None


class CancelResponse(SessionEvent):
    """The client cancels a response."""

    section = "A.10"
    handler = "cancel_response"

    type: Literal["response.cancel"]
    response_id: str | None = None


_RECORDS: list[type[ClientEvent]] = [
    record
    for record in list(globals().values())
    if isinstance(record, type)
    and issubclass(record, ClientEvent)
    and record not in (ClientEvent, SessionEvent)
]


@cache
def client_events(
    kind: SessionKind, media: Media = Media.EVENTS
) -> Mapping[str, type[ClientEvent]]:
    """Return event type → record, for sessions of a kind with these media."""
    return {
        record.type_name(): record
        for record in _RECORDS
        if kind in record.kinds and media in record.media
    }


@cache
def announced(media: Media = Media.EVENTS) -> tuple[str, ...]:
    """Return the types that the error for an unknown type lists, in the service's order (§A.0)."""
    names = (
        name
        for record in _RECORDS
        if media in record.media
        for name in (record.type_name(), *record.named_with)
    )
    return tuple(dict.fromkeys(names))


@cache
def beta_events(media: Media = Media.EVENTS) -> Mapping[str, type[ClientEvent]]:
    """Return event type in the beta dialect → record."""
    return {
        record.beta: record
        for record in _RECORDS
        if record.beta is not None and media in record.media
    }


ELSEWHERE: Mapping[str, str] = {
    "session.input_audio_buffer.append": (
        "it is for translation sessions, at …/realtime/translations; here audio is sent by "
        "'input_audio_buffer.append'"
    ),
}
"""Types that are listed though no such session accepts them → where they belong (§A.12)."""

CLIENT_EVENTS = client_events("realtime")
"""Event type → record, for realtime sessions on a WebSocket."""

TRANSCRIPTION_EVENTS = client_events("transcription")
"""Event type → record, for transcription sessions on a WebSocket."""

ANNOUNCED = announced()
"""The types that the error for an unknown type lists on a WebSocket."""
