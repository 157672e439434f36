"""The records of client events, held against what the SDK publishes."""

from __future__ import annotations

from typing import Literal, get_args

import pytest
from openai.types.realtime import RealtimeClientEvent

from protocol import CLIENT_EVENTS, TRANSCRIPTION_EVENTS, ClientEvent
from wire.client_events import (
    AppendAudio,
    SessionEvent,
    UpdateSession,
    UpdateTranscription,
    beta_events,
)

PUBLISHED = {
    get_args(model.model_fields["type"].annotation)[0]: model
    for model in get_args(get_args(RealtimeClientEvent)[0])
}
"""Event → the SDK's model of it."""


@pytest.mark.parametrize(("type_", "record"), CLIENT_EVENTS.items())
def test_a_record_has_the_fields_that_the_sdk_sends(type_: str, record: type[ClientEvent]) -> None:
    if type_ == "session.close":
        assert type_ not in PUBLISHED
        return
    assert set(record.model_fields) == set(PUBLISHED[type_].model_fields)


def test_what_an_update_means_depends_on_the_session() -> None:
    assert CLIENT_EVENTS["session.update"] is UpdateSession
    assert TRANSCRIPTION_EVENTS["session.update"] is UpdateTranscription
    others = [type_ for type_ in CLIENT_EVENTS if type_ != "session.update"]
    assert all(TRANSCRIPTION_EVENTS[type_] is CLIENT_EVENTS[type_] for type_ in others)


def test_beta_names_the_update_of_a_transcription_session_and_has_no_close() -> None:
    by_name = {record: name for name, record in beta_events().items()}
    others = {
        record: name for record, name in by_name.items() if CLIENT_EVENTS.get(name) is not record
    }
    assert others == {UpdateTranscription: "transcription_session.update"}
    assert CLIENT_EVENTS.keys() - beta_events().keys() == {"session.close"}


def test_all_but_audio_have_a_handler_in_the_session() -> None:
    records = {*CLIENT_EVENTS.values(), *TRANSCRIPTION_EVENTS.values()}
    others = [record for record in records if not issubclass(record, SessionEvent)]
    assert others == [AppendAudio]


def test_a_class_that_names_an_event_is_its_record_and_the_name_is_beta_s_as_well() -> None:
    class Ping(ClientEvent):
        type: Literal["ping"]

    class Pong(ClientEvent):
        beta = "pong.beta"
        type: Literal["pong"]

    assert (Ping.type_name(), Ping.beta) == ("ping", "ping")
    assert (Pong.type_name(), Pong.beta) == ("pong", "pong.beta")
