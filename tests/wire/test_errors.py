"""Refusals as the service words them: which finding counts, where it is, what it says (§A.0)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol import ProtocolError
from tests.conformance.frames import parse, refusal
from tests.support.strict_reader import check_event
from wire.envelope import error_event
from wire.errors import listed


def found(**session: Any) -> tuple[str | None, str | None]:
    """Code and param of what is wrong with an update of a session."""
    event = {"type": "session.update", "session": {"type": "realtime", **session}}
    error = refusal(json.dumps(event))
    return error.code, error.param


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "'a'"
    assert listed(["a", "b"]) == "'a' and 'b'"
    assert listed(["a", "b", "c"]) == "'a', 'b', and 'c'"


def test_of_several_findings_a_type_counts_first_and_an_unknown_field_last() -> None:
    tool: dict[str, Any] = {"type": "nope", "name": 5, "bogus": 1}
    assert found(tools=[tool]) == ("invalid_value", "session.tools[0].type")
    tool["type"] = "function"
    assert found(tools=[tool]) == ("invalid_type", "session.tools[0].name")
    tool["name"] = "f"
    assert found(tools=[tool]) == ("unknown_parameter", "session.tools[0].bogus")
    del tool["name"]
    assert found(tools=[tool]) == ("missing_required_parameter", "session.tools[0].name")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "a boolean"),
        (5, "an integer"),
        (5.5, "a decimal number"),
        ([], "an array"),
        ({}, "an object"),
        (None, "null"),
    ],
)
def test_a_wrong_type_is_called_by_its_name_in_json(value: object, kind: str) -> None:
    event = {"type": "conversation.item.delete", "item_id": value}
    assert refusal(json.dumps(event)).message == (
        f"Invalid type for 'item_id': expected a string, but got {kind} instead."
    )


def test_a_path_leaves_out_what_only_tells_models_apart() -> None:
    detection = {"type": "server_vad", "server_vad": 1}
    assert found(audio={"input": {"turn_detection": detection}}) == (
        "unknown_parameter",
        "session.audio.input.turn_detection.server_vad",
    )


def test_an_error_event_always_has_all_five_inner_keys() -> None:
    event = error_event(ProtocolError(None, "No.")).wire()
    check_event(event)
    assert event["error"] == {
        "type": "invalid_request_error",
        "code": None,
        "message": "No.",
        "param": None,
        "event_id": None,
    }


def test_an_error_names_code_param_and_the_event_it_answers() -> None:
    error = ProtocolError("invalid_value", "No.", "item.id", type_="server_error")
    assert error_event(error.answering("mine")).error == {
        "type": "server_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "item.id",
        "event_id": "mine",
    }


def test_an_error_quotes_what_was_sent_but_not_megabytes_of_it() -> None:
    with pytest.raises(ProtocolError) as refused:
        parse({"type": "response.cancel", "x" * 1_000_000: 1})
    error = error_event(refused.value).error
    assert error["message"].startswith("Unknown parameter: 'xxx")
    assert error["message"].endswith("xxx'.")
    assert max(len(error["message"]), len(error["param"] or "")) < 3000
