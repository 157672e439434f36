"""Nulls of typed clients, which write every field of a union; held against the SDK's unions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from openai.types.beta.realtime import ConversationItem as BetaItem
from openai.types.beta.realtime import ConversationItemContent as BetaPart
from openai.types.beta.realtime import SessionUpdateEvent as BetaUpdate
from openai.types.beta.realtime import TranscriptionSessionUpdate as BetaTranscriptionUpdate
from openai.types.realtime import (
    ConversationItem,
    RealtimeAudioFormats,
    RealtimeAudioInputTurnDetection,
    RealtimeClientEvent,
    RealtimeConversationItemAssistantMessage,
    RealtimeConversationItemSystemMessage,
    RealtimeConversationItemUserMessage,
    RealtimeSessionCreateRequest,
    RealtimeToolChoiceConfig,
    RealtimeToolsConfigUnion,
    RealtimeTranscriptionSessionCreateRequest,
)
from pydantic import BaseModel

from wire.beta_writing import BetaDialect
from wire.client_events import ClientEvent
from wire.dialect import Dialect, GADialect
from wire.errors import ProtocolError

Record = dict[str, Any]
TEXT = {"type": "input_text", "text": "x"}


def models(type_: Any) -> Iterator[type[BaseModel]]:
    """The models in a union of the SDK's."""
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        yield type_
    for inner in get_args(type_):
        yield from models(inner)


def fields(*types: Any) -> set[str]:
    return {name for type_ in types for model in models(type_) for name in model.model_fields}


def type_of(model: type[BaseModel], field: str) -> Any:
    return model.model_fields[field].annotation


def user(*parts: Record) -> Record:
    return {"type": "message", "role": "user", "content": list(parts)}


def create(item: Record) -> Record:
    return {"type": "conversation.item.create", "item": item}


def respond(item: Record) -> Record:
    return {"type": "response.create", "response": {"input": [item]}}


def update(**session: Any) -> Record:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def beta_update(**session: Any) -> Record:
    return {"type": "session.update", "session": session}


@dataclass(frozen=True)
class Place:
    """Where a union is read: its records, and how an event carries one."""

    name: str
    event: Callable[[Record], Record]
    records: list[Record]
    published: set[str]
    dialect: Callable[[], Dialect] = GADialect


ITEMS = [
    user(TEXT),
    {"type": "message", "role": "system", "content": [TEXT]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
    {"type": "function_call", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": ""},
]
REFERENCE = {"type": "item_reference", "id": "item_1"}
BETA_ITEMS = [
    *(item for item in ITEMS if item.get("role") != "assistant"),
    {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]},
]
ITEM_FIELDS = fields(ConversationItem, BetaItem)
PART_FIELDS = fields(
    type_of(RealtimeConversationItemAssistantMessage, "content"),
    type_of(RealtimeConversationItemSystemMessage, "content"),
    type_of(RealtimeConversationItemUserMessage, "content"),
)
VADS = [{"type": "server_vad"}, {"type": "semantic_vad"}, {"type": "none"}]
TOOL = {"type": "function", "name": "f"}
EVENTS = [
    update(),
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    create(user(TEXT)),
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 0},
    {"type": "response.create"},
    {"type": "response.cancel"},
]
SESSIONS = fields(RealtimeSessionCreateRequest, RealtimeTranscriptionSessionCreateRequest)
BETA_SESSIONS = fields(type_of(BetaUpdate, "session"), type_of(BetaTranscriptionUpdate, "session"))


def transcription() -> GADialect:
    return GADialect("transcription")


PLACES = [
    Place("events", lambda event: event, EVENTS, fields(RealtimeClientEvent)),
    Place("items", create, ITEMS, ITEM_FIELDS),
    Place("items of a response", respond, [*ITEMS, REFERENCE], ITEM_FIELDS),
    Place(
        "parts of the user",
        lambda part: create(user(part)),
        [TEXT, {"type": "input_audio", "audio": "A"}, {"type": "input_image", "image_url": "x"}],
        PART_FIELDS,
    ),
    Place(
        "parts of the system",
        lambda part: create({"type": "message", "role": "system", "content": [part]}),
        [TEXT],
        PART_FIELDS,
    ),
    Place(
        "parts of the assistant",
        lambda part: create({"type": "message", "role": "assistant", "content": [part]}),
        [{"type": "output_text", "text": "x"}, {"type": "output_audio", "text": "x"}],
        PART_FIELDS,
    ),
    Place(
        "turn detection",
        lambda vad: update(audio={"input": {"turn_detection": vad}}),
        VADS,
        fields(RealtimeAudioInputTurnDetection),
    ),
    Place(
        "formats",
        lambda format_: update(audio={"output": {"format": format_}}),
        [{"type": "audio/pcm"}, {"type": "audio/pcmu"}],
        fields(RealtimeAudioFormats),
    ),
    Place("tools", lambda tool: update(tools=[tool]), [TOOL], fields(RealtimeToolsConfigUnion)),
    Place(
        "tool choice",
        lambda choice: update(tool_choice=choice),
        [TOOL],
        fields(RealtimeToolChoiceConfig),
    ),
    Place("sessions", lambda session: update(**session), [{"type": "realtime"}], SESSIONS),
    Place(
        "transcription sessions",
        lambda session: {"type": "session.update", "session": session},
        [{"type": "transcription"}],
        SESSIONS,
        transcription,
    ),
    Place(
        "audio of transcription sessions",
        lambda audio: {
            "type": "session.update",
            "session": {"type": "transcription", "audio": audio},
        },
        [{"input": {}}],
        {"input", "output"},
        transcription,
    ),
    Place("beta items", create, BETA_ITEMS, ITEM_FIELDS, BetaDialect),
    Place("beta items of a response", respond, [*BETA_ITEMS, REFERENCE], ITEM_FIELDS, BetaDialect),
    Place(
        "beta parts",
        lambda part: create(user(part)),
        [TEXT, {"type": "input_audio", "audio": "A"}],
        fields(BetaPart),
        BetaDialect,
    ),
    Place(
        "beta turn detection",
        lambda vad: beta_update(turn_detection=vad),
        VADS,
        fields(RealtimeAudioInputTurnDetection),
        BetaDialect,
    ),
    Place("beta tools", lambda tool: beta_update(tools=[tool]), [TOOL], {*TOOL}, BetaDialect),
    Place(
        "beta sessions",
        lambda session: beta_update(**session),
        [{"input_audio_format": "pcm16", "voice": "alloy"}],
        BETA_SESSIONS,
        BetaDialect,
    ),
    Place(
        "beta transcription sessions",
        lambda session: {"type": "transcription_session.update", "session": session},
        [{"input_audio_format": "pcm16"}],
        BETA_SESSIONS,
        lambda: BetaDialect("transcription"),
    ),
]
CASES = [pytest.param(place, record, id=place.name) for place in PLACES for record in place.records]


def parsed(place: Place, record: Record) -> ClientEvent:
    return place.dialect().parse(json.dumps(place.event(record)))


def refused(place: Place, record: Record, name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parsed(place, record)
    assert caught.value.code == "unknown_parameter"
    assert (caught.value.param or "").rpartition(".")[2] == name


@pytest.mark.parametrize(("place", "record"), CASES)
def test_every_published_field_may_be_null_where_it_has_no_place(
    place: Place, record: Record
) -> None:
    assert place.published >= {name for name in record if name != "type"} - {"id"}
    nulls = dict.fromkeys(place.published - record.keys())
    assert parsed(place, {**record, **nulls}).model_dump() == parsed(place, record).model_dump()


@pytest.mark.parametrize(("place", "record"), CASES)
def test_a_null_in_a_field_that_no_record_has_is_refused(place: Place, record: Record) -> None:
    refused(place, {**record, "bogus": None}, "bogus")


FOREIGN = [
    (PLACES[0], EVENTS[-1], "item_id", "item_1"),
    (PLACES[1], ITEMS[0], "call_id", "c"),
    (PLACES[1], ITEMS[3], "approve", True),
    (PLACES[3], TEXT, "transcript", "x"),
    (PLACES[4], TEXT, "image_url", "x"),
    (PLACES[5], {"type": "output_text", "text": "x"}, "audio", "AAAA"),
    (PLACES[6], VADS[0], "eagerness", "low"),
    (PLACES[6], VADS[1], "threshold", 0.5),
    (PLACES[6], VADS[2], "threshold", 0.5),
    (PLACES[8], TOOL, "server_url", "x"),
    (PLACES[9], TOOL, "server_label", "x"),
    (PLACES[11], {"type": "transcription"}, "instructions", "x"),
]


@pytest.mark.parametrize(
    ("place", "record", "name", "value"), FOREIGN, ids=[f"{f[0].name}: {f[2]}" for f in FOREIGN]
)
def test_a_value_in_a_field_of_another_record_is_refused(
    place: Place, record: Record, name: str, value: Any
) -> None:
    refused(place, {**record, name: value}, name)


@pytest.mark.parametrize(("record", "name"), [(TEXT, "text")])
def test_a_null_in_a_field_that_needs_a_value_is_none(record: Record, name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parsed(PLACES[3], {**record, name: None})
    assert (caught.value.code, caught.value.param) == ("invalid_type", f"item.content[0].{name}")


def test_a_null_that_clears_a_field_still_does() -> None:
    event = parsed(PLACES[6], {"type": "server_vad", "idle_timeout_ms": None})
    patch = event.session.audio.input.turn_detection  # type: ignore[attr-defined]
    assert patch.model_fields_set == {"type", "idle_timeout_ms"}
