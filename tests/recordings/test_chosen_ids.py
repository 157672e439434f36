"""Ids that a client under test chooses stand for those that the recorded one chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recordings.chosen_ids import ChosenIds
from tests.support.recorded_side import laid, written


def event(side: str, **fields: Any) -> dict[str, Any]:
    return {"t": 1.0, "from": side, "event": fields}


def create(role: str = "user", **item: Any) -> dict[str, Any]:
    made = {"type": "message", "role": role, **item}
    return {"type": "conversation.item.create", "item": made}


def test_an_item_that_the_server_named_is_named_by_a_client_that_does(tmp_path: Path) -> None:
    rows = [
        event("client", **create()),
        event("client", **create(role="system")),
        # Of the two that have no name yet, the role tells which one this is.
        event("server", type="conversation.item.added", item=create("system", id="item_2")["item"]),
        event("server", type="conversation.item.added", item=create(id="item_1")["item"]),
    ]
    ids = ChosenIds(written(tmp_path / "a.jsonl", rows).messages)
    named = create(id="my_own")
    ids.learn(named)
    ids.learn(create(role="system"))
    told = ids.to_client({"type": "x", "item_id": "item_1", "previous_item_id": "item_2"})
    assert told == {"type": "x", "item_id": "my_own", "previous_item_id": "item_2"}
    # That it has named it at all is no difference.
    assert ids.from_client(named) == create()
    assert ids.from_client({"type": "y", "item_id": "my_own"}) == {"type": "y", "item_id": "item_1"}


def test_what_the_server_has_named_is_nothing_that_a_client_chooses() -> None:
    recording = laid()
    ids = ChosenIds(recording.messages)
    for message in recording.of("client"):
        told = dict(message.event or {})
        if message.type == "conversation.item.delete":
            told["item_id"] = "item_of_somebody_else"
        ids.learn(told)
    for message in recording.of("server"):
        assert ids.to_client(message.event or {}) == message.event


def test_texts_are_no_ids(tmp_path: Path) -> None:
    rows = [event("client", type="response.create", response={"metadata": {"n": "0", "x": 1}})]
    ids = ChosenIds(written(tmp_path / "a.jsonl", rows).messages)
    ids.learn({"type": "response.create", "response": {"metadata": {"n": "7", "x": 2}}})
    told = {"text": "0", "item_id": "0", "metadata": {"n": "0", "other": "5", "x": 1}}
    assert ids.to_client(told) == {**told, "metadata": {"n": "7", "other": "5", "x": 1}}


def test_more_messages_than_were_recorded_teach_nothing(tmp_path: Path) -> None:
    rows = [event("client", **create(id="a"))]
    ids = ChosenIds(written(tmp_path / "a.jsonl", rows).messages)
    ids.learn(create(id="a"))
    ids.learn(create(id="b"))
    assert ids.to_client({"item_id": "a"}) == {"item_id": "a"}
    assert ids.from_client({"item_id": "b"}) == {"item_id": "b"}
