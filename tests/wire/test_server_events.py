"""The records of server events, held against what the SDKs publish, today's and beta's."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from protocol import SERVER_EVENTS, ServerEvent
from tests.conformance import beta_wire
from tests.support import strict_reader
from wire.session_events import BufferCleared, ItemDeleted

RECORDS = list(SERVER_EVENTS.values())
named = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.type)


@named
def test_a_record_has_the_fields_that_the_sdk_requires_and_none_that_it_does_not_know(
    record: type[ServerEvent],
) -> None:
    known = strict_reader.PUBLISHED[record.type].model_fields
    fields = ("type", "event_id", *record.fields())
    assert set(fields) <= set(known)
    assert {name for name, field in known.items() if field.is_required()} <= set(fields)


@named
def test_beta_knows_an_event_by_the_name_that_its_record_says(record: type[ServerEvent]) -> None:
    # No SDK type has it, but it only comes to clients that set `idle_timeout_ms` (§C.3).
    if record.beta in (None, beta_wire.TIMEOUT):
        return
    model = beta_wire.PUBLISHED[record.beta]
    known = set(model.model_fields) | beta_wire.CAPTURED.get(model.__name__, set())
    assert set(record.fields()) - set(record.not_in_beta) <= known
    assert not set(record.not_in_beta) & known


def test_an_event_is_written_in_the_order_of_its_fields_behind_type_and_id() -> None:
    event = ItemDeleted("item_1")
    assert list(event.wire().items()) == [
        ("type", "conversation.item.deleted"),
        ("event_id", event.event_id),
        ("item_id", "item_1"),
    ]
    assert list(BufferCleared().wire()) == ["type", "event_id"]


def test_each_event_has_an_id_of_its_own_and_keeps_it() -> None:
    event = BufferCleared()
    assert event.wire()["event_id"] == event.wire()["event_id"] == event.event_id
    assert BufferCleared().event_id != event.event_id
    with pytest.raises(FrozenInstanceError):
        event.event_id = "event_2"  # type: ignore[misc]
