"""The protocol in one place: its events, its errors and ids, and how client events are read.

An event is one record. What lists events is read off the records: what the parser takes and names
to a client that sends something else, what each is called in the beta dialect, and the tables of
`docs/protocol.md`. So an event is added in one place:

- What a client sends: a class in `wire/client_events.py`, with the fields that it may have and the
  method of the session that handles it; then that method.
- What the server sends: a class in `wire/session_events.py` or `wire/response_events.py`, with its
  fields in the order in which they are written. To send it, make one:
  `ItemDeleted(item_id="item_1")`.

Then run `python docs/make_protocol_table.py`. `CONTRIBUTING.md` shows all of that for one event.
Section numbers (§B.3) are those of `docs/wire.md`. Nothing here knows of Pipecat, FastAPI or audio
devices.
"""

from __future__ import annotations

from typing import get_args

from openai.types.realtime import RealtimeSessionCreateRequest

from wire.client_events import CLIENT_EVENTS, TRANSCRIPTION_EVENTS, ClientEvent
from wire.envelope import encode_audio, error_event, serialize
from wire.errors import ProtocolError
from wire.event_record import ServerEvent
from wire.ids import new_id
from wire.reading import decode_audio, parse_client_event, validate_event
from wire.server_events import SERVER_EVENTS

__all__ = [
    "CLIENT_EVENTS",
    "REALTIME_MODELS",
    "SERVER_EVENTS",
    "TRANSCRIPTION_EVENTS",
    "ClientEvent",
    "ProtocolError",
    "ServerEvent",
    "decode_audio",
    "encode_audio",
    "error_event",
    "new_id",
    "parse_client_event",
    "serialize",
    "validate_event",
]


def _published_models() -> tuple[str, ...]:
    annotation = RealtimeSessionCreateRequest.model_fields["model"].annotation
    return tuple(
        name for option in get_args(annotation) for name in get_args(option) if name is not None
    )


REALTIME_MODELS: tuple[str, ...] = _published_models()
"""Model names that existing clients ask for, as the installed SDK lists them."""
