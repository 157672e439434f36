"""The strict reader fails on invalid events: otherwise the tests that use it prove nothing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.support.session_driver import Driver
from tests.support.strict_reader import PUBLISHED, Event, check_event, normalise


def conversation() -> list[Event]:
    """One event of nearly every type that the core can send."""
    driver = Driver()
    driver.update(
        audio={"input": {"transcription": {"model": "whisper-1"}}},
        tools=[{"type": "function", "name": "get_weather"}],
    )
    driver.speak()
    item_id = driver.items()[0]
    driver.heard(item_id, "hello")
    item_id = driver.answer()
    driver.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    driver.send("conversation.item.retrieve", item_id=item_id)
    driver.send("conversation.item.delete", item_id=item_id)
    driver.send("input_audio_buffer.clear")
    driver.respond(output_modalities=["text"])
    driver.text("Let me see.")
    driver.call('{"city": "Rome"}')
    driver.finish("tool_calls")
    driver.send("nonsense")
    return driver.events


EVENTS = {event["type"]: event for event in reversed(conversation())}


def test_the_sample_holds_every_event_of_a_conversation() -> None:
    assert len(EVENTS) == 29
    assert set(EVENTS) <= set(PUBLISHED)


@pytest.mark.parametrize("type_", EVENTS)
def test_an_event_as_it_is_passes(type_: str) -> None:
    check_event(EVENTS[type_])


@pytest.mark.parametrize("type_", EVENTS)
def test_a_missing_required_field_fails(type_: str) -> None:
    required = [
        name for name, field in PUBLISHED[type_].model_fields.items() if field.is_required()
    ]
    for name in required:
        event = deepcopy(EVENTS[type_])
        del event[name]
        with pytest.raises((ValueError, AssertionError, KeyError)):
            check_event(event)


@pytest.mark.parametrize("type_", EVENTS)
def test_a_field_that_the_sdk_does_not_know_fails(type_: str) -> None:
    with pytest.raises(AssertionError, match="extra_field"):
        check_event({**EVENTS[type_], "extra_field": 1})


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("response.done", ("response", "usage", "input_token_details", "text_tokens")),
        ("response.created", ("response", "status")),
        ("response.content_part.added", ("output_index",)),
        ("conversation.item.added", ("item", "content", 0, "type")),
        ("conversation.item.input_audio_transcription.completed", ("usage", "seconds")),
        ("session.created", ("session", "audio", "input", "turn_detection", "threshold")),
        ("session.created", ("session", "type")),
        ("rate_limits.updated", ("rate_limits", 0, "limit")),
    ],
)
def test_a_value_of_another_type_fails_however_deep(type_: str, path: tuple[Any, ...]) -> None:
    event = deepcopy(EVENTS[type_])
    inner = event
    for step in path[:-1]:
        inner = inner[step]
    assert path[-1] in inner
    inner[path[-1]] = "5" if path[-1] != "type" else "nonsense"
    with pytest.raises(ValueError, match="validation error"):
        check_event(event)


def test_a_number_as_text_is_not_taken_for_a_number() -> None:
    event = {**EVENTS["input_audio_buffer.speech_started"], "audio_start_ms": "12"}
    with pytest.raises(ValueError, match="audio_start_ms"):
        check_event(event)


def test_an_unpublished_type_fails() -> None:
    with pytest.raises(AssertionError, match="no published"):
        check_event({"type": "response.cancelled", "event_id": "event_1"})


def test_null_in_an_item_fails() -> None:
    event = deepcopy(EVENTS["conversation.item.added"])
    event["item"]["status"] = None
    with pytest.raises(AssertionError, match="null"):
        check_event(event)


def test_names_are_stable_and_apart_by_kind() -> None:
    events: list[Event] = [
        {"type": "a", "event_id": "event_x", "item_id": "item_" + "b" * 21, "note": "item_short"},
        {"type": "b", "event_id": "event_y", "ids": ["resp_" + "c" * 21, "item_" + "d" * 21]},
        {"type": "c", "event_id": "event_z", "item": {"id": "item_" + "b" * 21}},
    ]
    assert normalise(events) == [
        {"type": "a", "item_id": "item_1", "note": "item_short"},
        {"type": "b", "ids": ["resp_1", "item_2"]},
        {"type": "c", "item": {"id": "item_1"}},
    ]
