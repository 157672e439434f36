"""The client events of the protocol (§A): a record each, from which all that lists them derives.

A record is a model that refuses whatever it does not know. The SDK's own types describe the same
events, but accept any extra field and know no ranges; a server has to refuse both by name. What
this server knows but does not offer yet is listed here as well, so that it is refused with a
reason instead of being ignored.

The records stand in the order in which the service names them to a client that sends something
else. To add an event, add its class here, and the method of the session that handles it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from wire.item_fields import ItemInput
from wire.response_fields import ResponseOptions
from wire.session_fields import (
    SessionKind,
    SessionPatch,
    StrictModel,
    TranscriptionPatch,
    beta_shape,
)


class ClientEvent(StrictModel):
    """What all client events share.

    A subclass whose `type` is a literal is the record of an event; its fields are what the event
    carries.
    """

    section: ClassVar[str]
    """Where `docs/wire.md` has the rules for it."""
    beta: ClassVar[str | None]
    """Its name in the beta dialect, which is the same unless the record says otherwise; None: beta
    has no such event (§B.16)."""
    handler: ClassVar[str] = ""
    """The method of `RealtimeSession` that handles it; empty: audio goes another way."""
    kinds: ClassVar[tuple[SessionKind, ...]] = get_args(SessionKind)
    """In which sessions this is what its name means."""
    named_with: ClassVar[tuple[str, ...]] = ()
    """What the service names behind it, but takes in no session of these kinds."""

    type: str
    event_id: Annotated[str, Field(max_length=512)] | None = None

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        if not hasattr(cls, "beta"):
            cls.beta = cls.type_name()

    @classmethod
    def type_name(cls) -> str:
        """Return the event's name."""
        name: str
        (name,) = get_args(cls.model_fields["type"].annotation)
        return name


class UpdateSession(ClientEvent):
    """The client changes a realtime session."""

    section = "A.1"
    handler = "update_session"
    kinds = ("realtime",)

    type: Literal["session.update"]
    session: SessionPatch


class UpdateTranscription(ClientEvent):
    """The client changes a transcription session."""

    section = "A.1"
    beta = "transcription_session.update"
    handler = "update_session"
    kinds = ("transcription",)

    type: Literal["session.update"]
    session: Annotated[TranscriptionPatch, BeforeValidator(beta_shape)]


class CloseSession(ClientEvent):
    """The client is done."""

    section = "A.0"
    beta = None
    handler = "close_session"

    type: Literal["session.close"]


class AppendAudio(ClientEvent):
    """The client sends audio: base64, in the session's input format."""

    section = "A.2"
    # Translation sessions have it, which this server does not (§A.12).
    named_with = ("session.input_audio_buffer.append",)

    type: Literal["input_audio_buffer.append"]
    audio: str


class CommitAudio(ClientEvent):
    """The client ends the turn."""

    section = "A.3"
    handler = "commit_audio"

    type: Literal["input_audio_buffer.commit"]


class ClearAudio(ClientEvent):
    """The client drops what is in the buffer."""

    section = "A.4"
    handler = "clear_audio"

    type: Literal["input_audio_buffer.clear"]


class CreateItem(ClientEvent):
    """The client puts an item into the conversation."""

    section = "A.5"
    handler = "create_item"

    type: Literal["conversation.item.create"]
    previous_item_id: str | None = None
    item: ItemInput


class TruncateItem(ClientEvent):
    """The client played an answer up to `audio_end_ms` only."""

    section = "A.8"
    handler = "truncate_item"

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: Annotated[int, Field(ge=0)]


class DeleteItem(ClientEvent):
    """The client takes an item out of the conversation."""

    section = "A.7"
    handler = "delete_item"

    type: Literal["conversation.item.delete"]
    item_id: str


class RetrieveItem(ClientEvent):
    """The client asks for an item, with its audio."""

    section = "A.6"
    handler = "retrieve_item"

    type: Literal["conversation.item.retrieve"]
    item_id: str


class CreateResponse(ClientEvent):
    """The client asks for a response."""

    section = "A.9"
    handler = "create_response"

    type: Literal["response.create"]
    response: ResponseOptions | None = None


class CancelResponse(ClientEvent):
    """The client does not want the response."""

    section = "A.10"
    handler = "cancel_response"

    type: Literal["response.cancel"]
    response_id: str | None = None


_RECORDS: list[type[ClientEvent]] = [
    record
    for record in list(globals().values())
    if isinstance(record, type) and issubclass(record, ClientEvent) and record is not ClientEvent
]


def _in_sessions(kind: SessionKind) -> dict[str, type[ClientEvent]]:
    return {record.type_name(): record for record in _RECORDS if kind in record.kinds}


CLIENT_EVENTS = _in_sessions("realtime")
"""Event that a client of a realtime session may send → its record."""

TRANSCRIPTION_EVENTS = _in_sessions("transcription")
"""Event that a client of a transcription session may send → its record."""

ANNOUNCED = tuple(
    dict.fromkeys(name for record in _RECORDS for name in (record.type_name(), *record.named_with))
)
"""The names that the service prints for an unknown one, in its order (§A.0)."""

BETA_EVENTS: dict[str, type[ClientEvent]] = {
    record.beta: record for record in _RECORDS if record.beta is not None
}
"""Event that a client of the beta dialect may send, by its name there → its record."""
