"""The events of translation sessions, held against the types of the `openai` package (§B.14)."""

from __future__ import annotations

from typing import get_args

import pytest
from openai.types.realtime.realtime_translation_client_event import (
    RealtimeTranslationClientEvent,
)

from flow.steps import at_once
from tests.support.strict_reader import TRANSLATION, check_event
from wire.errors import ProtocolError
from wire.incoming import AppendedAudio, EventReader
from wire.media import Media
from wire.translation_events import (
    TRANSLATION_CLIENT_EVENTS,
    TRANSLATION_SERVER_EVENTS,
    SourceTranscriptDelta,
    TranslatedAudioDelta,
    TranslatedTextDelta,
    TranslationClosed,
    TranslationDialect,
)

APPEND = '{"type":"session.input_audio_buffer.append","audio":"AAAA"}'


def test_client_events_are_those_of_the_sdk() -> None:
    models = get_args(get_args(RealtimeTranslationClientEvent)[0])
    published = {get_args(model.model_fields["type"].annotation)[0]: model for model in models}
    assert set(TRANSLATION_CLIENT_EVENTS) == set(published)
    for type_, record in TRANSLATION_CLIENT_EVENTS.items():
        assert set(record.model_fields) == set(published[type_].model_fields)


def test_server_events_are_those_of_the_sdk() -> None:
    common = {"session.created", "session.updated", "error"}
    assert set(TRANSLATION_SERVER_EVENTS) | common == set(TRANSLATION)


@pytest.mark.parametrize(
    "event",
    [
        TranslationClosed(),
        SourceTranscriptDelta("hello", 200),
        TranslatedTextDelta("hola", 400),
        TranslatedAudioDelta("AAAA", 600),
    ],
    ids=lambda event: event.type,
)
def test_each_is_valid_for_the_sdk(event: TranslationClosed) -> None:
    (written,) = TranslationDialect().render(event)
    check_event(written)


def test_appends_become_audio_by_the_long_way_and_the_short_one() -> None:
    reader = EventReader(TranslationDialect(), 1000)
    assert reader.read_append(APPEND) is None
    assert at_once(reader.read(APPEND)) == AppendedAudio(b"\0\0\0")
    assert reader.read_append(APPEND) == AppendedAudio(b"\0\0\0")


def test_a_call_takes_no_appends() -> None:
    reader = EventReader(TranslationDialect(), 1000, Media.TRACKS)
    refused = at_once(reader.read(APPEND))
    assert isinstance(refused, ProtocolError)
    assert "'session.input_audio_buffer.append' is for WebSocket sessions" in refused.message
