"""What a client may not do: how a row of misuse is written, done and checked (§A).

Every row says the code, the parameter and (where the protocol knows it) the message. The check
proves that the client's `event_id` comes back, that nothing of the event was applied, and that the
session goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.session_driver import Driver, types
from tests.support.strict_reader import Event

MINE = "mine_1"
ITEM = "<the answer>"
"""Stands for the id of the spoken answer, which the server minted."""
TEXT = {"type": "input_text", "text": "x"}
LOCKED = "Cannot update a conversation's voice if assistant audio is present."


@dataclass(frozen=True)
class Case:
    """One misuse."""

    name: str
    event: dict[str, Any]
    code: str | None
    param: str | None
    message: str | None = None
    """None where the protocol does not know the wording."""
    given: tuple[str, ...] = field(default=())
    """What happened before: see `lived_in`."""


def update(
    name: str,
    code: str,
    param: str | None,
    message: str | None = None,
    *,
    given: tuple[str, ...] = (),
    **session: Any,
) -> Case:
    event = {"type": "session.update", "session": {"type": "realtime", **session}}
    return Case(f"session.update: {name}", event, code, param, message, given)


def audio_in(name: str, code: str, path: str, message: str | None = None, **audio: Any) -> Case:
    return update(name, code, f"session.audio.input.{path}", message, audio={"input": audio})


def vad(name: str, code: str, key: str, message: str | None = None, **settings: Any) -> Case:
    detection = {"type": "server_vad", **settings}
    return audio_in(name, code, f"turn_detection.{key}", message, turn_detection=detection)


def create_item(
    name: str,
    code: str,
    param: str | None,
    item: Any,
    message: str | None = None,
    **fields: Any,
) -> Case:
    event = {"type": "conversation.item.create", "item": item, **fields}
    return Case(f"item.create: {name}", event, code, param, message)


def only(name: str, value: Any) -> dict[str, Any]:
    """One field."""
    return {name: value}


def user(*content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content), **fields}


def respond(
    name: str,
    code: str,
    param: str | None,
    message: str | None = None,
    *,
    given: tuple[str, ...] = (),
    **options: Any,
) -> Case:
    event = {"type": "response.create", "response": options}
    return Case(f"response.create: {name}", event, code, param, message, given)


def truncate(
    name: str, code: str | None, param: str | None, message: str | None = None, **changed: Any
) -> Case:
    event = {"item_id": ITEM, "content_index": 0, "audio_end_ms": 100, **changed}
    event = {key: value for key, value in event.items() if value is not None}
    return Case(
        f"truncate: {name}",
        {"type": "conversation.item.truncate", **event},
        code,
        param,
        message,
    )


def other(
    name: str,
    type_: str,
    code: str | None,
    param: str | None,
    message: str | None = None,
    *,
    given: tuple[str, ...] = (),
    **fields: Any,
) -> Case:
    return Case(f"{type_}: {name}", {"type": type_, **fields}, code, param, message, given)


def too_long(param: str, limit: int, length: int) -> str:
    return (
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead."
    )


def missing(param: str) -> str:
    return f"Missing required parameter: '{param}'."


def unknown(param: str) -> str:
    return f"Unknown parameter: '{param}'."


def lived_in(given: tuple[str, ...]) -> Driver:
    """A session with a question, a spoken answer of 1000 ms, a written one and a call."""
    driver = Driver()
    driver.say("a question", id="the_question")
    driver.respond()
    driver.answer("An answer.", 1000)
    written = {"type": "output_text", "text": "written"}
    driver.send(
        "conversation.item.create",
        item={"id": "the_text", "type": "message", "role": "assistant", "content": [written]},
    )
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    driver.send("conversation.item.create", item={"id": "the_call", **call})
    for step in given:
        if step == "manual":
            driver.manual()
        elif step.endswith(" ms"):
            driver.append(float(step.removesuffix(" ms")))
        elif step == "tracing":
            driver.update(tracing="auto")
        else:
            driver.respond(conversation="none" if step == "out of band" else "auto")
    return driver


def commit(driver: Driver, case: Case, **fields: Any) -> list[Event]:
    """Do what must not be done."""
    frame = json.dumps({**case.event, **fields})
    return driver.raw(frame.replace(ITEM, driver.items()[1]))


def check_refused(case: Case, event_id: str | None) -> None:
    """Do it; one error must come back, and nothing else may happen."""
    driver = lived_in(case.given)
    before = driver.state()
    events = commit(driver, case, **({} if event_id is None else {"event_id": event_id}))

    assert types(events) == ["error"]
    error = events[0]["error"]
    assert set(error) == {"type", "code", "message", "param", "event_id"}
    assert error["type"] == "invalid_request_error"
    assert (error["code"], error["param"]) == (case.code, case.param)
    assert error["event_id"] == event_id
    if case.message is None:
        assert "\n" not in error["message"]
        assert error["message"]
    else:
        message = case.message.replace("<active>", driver.running)
        assert error["message"] == message.replace(ITEM, driver.items()[1])
    assert driver.state() == before
    assert types(driver.say("go on")) == ["conversation.item.added", "conversation.item.done"]


def refusals(rows: Sequence[Case]) -> Any:
    """Make the test of a table: every row, with and without an `event_id`."""

    @pytest.mark.parametrize("event_id", [MINE, None])
    @pytest.mark.parametrize("case", rows, ids=lambda case: case.name)
    def test(case: Case, event_id: str | None) -> None:
        check_refused(case, event_id)

    return test
