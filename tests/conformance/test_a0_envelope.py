"""§A.0: the frame, `type` and `event_id` of client events, and the general kinds of refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session.effects import Send
from tests.conformance.beta_wire import BetaDriver
from tests.conformance.frames import MINIMAL, UNKNOWN_TYPE, parse, refusal
from tests.conformance.misuse import (
    ITEM,
    lived_in,
    other,
    refusals,
    respond,
    too_long,
    update,
    vad,
)
from tests.support.running_server import running
from tests.support.session_driver import Driver, of, sent
from tests.support.strict_reader import check_event
from tests.support.wire_client import client
from wire.envelope import error_event, serialize
from wire.reading import parse_client_event


def test_the_first_finding_names_the_type_before_what_follows_from_it() -> None:
    driver = Driver()
    (event,) = driver.update(tools=[{"type": "web_search"}], bogus=1)
    assert event["error"]["param"] == "session.tools[0].type"
    (event,) = driver.update(tools=[{"type": "function"}], instructions=5, bogus=1)
    assert event["error"]["param"] == "session.tools[0].name"
    (event,) = driver.update(instructions=5, bogus=1)
    assert event["error"]["param"] == "session.instructions"


def test_an_error_is_the_only_effect_of_a_refused_event() -> None:
    driver = lived_in(())
    before = len(driver.effects)
    driver.raw('{"type":"response.cancel"}')
    effects = driver.effects[before:]
    assert [type(effect) for effect in effects] == [Send]
    assert of(sent(effects), "error")


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "nope",
        '{"type":"response.create"} x',
        '{"type":"response.create","response":{"max_output_tokens":NaN}}',
        '{"type":"response.create","response":{"max_output_tokens":Infinity}}',
        '{"type":"response.create","response":{"max_output_tokens":1e999}}',
        '{"type":"response.create","response":{"max_output_tokens":' + "9" * 5000 + "}}",
        "[" * 5_000,
        "[" * 100_000,
    ],
)
def test_a_frame_that_is_not_json_is_invalid_json(frame: str) -> None:
    error = refusal(frame)
    assert error.code == "invalid_json"
    assert error.param is None
    assert error.message.startswith("Invalid event: failed to parse JSON value.")
    event = error_event(error).wire()
    check_event(event)
    serialize(event).encode()


def test_escaped_characters_outside_the_basic_plane_are_text() -> None:
    parsed = parse_client_event('{"type":"response.create","event_id":"\\ud83d\\ude00"}')
    assert parsed.event_id == "😀"


HALF = "\\ud83d"
"""Half an emoji, as a client writes it in JSON that cut a text in its middle."""


@pytest.mark.parametrize("dialect", [Driver, BetaDriver])
@pytest.mark.parametrize("length", [1, 20_000])
def test_half_a_character_is_replaced_and_the_event_is_taken(
    dialect: type[Driver], length: int
) -> None:
    driver = dialect()
    part = f'{{"type":"input_text","text":"{"A" * length}{HALF}"}}'
    item = f'{{"type":"message","role":"user","content":[{part}]}}'
    events = driver.raw(f'{{"type":"conversation.item.create","item":{item}}}')
    words = "A" * length + "\ufffd"
    assert [event["item"]["content"][0]["text"] for event in events] == [words] * len(events)
    driver.respond()
    assert driver.requests[0].messages == [{"role": "user", "content": words}]


@pytest.mark.parametrize("field", [f'"item_id":"{HALF}"', f'"item_id":"x","{HALF}":1'])
def test_an_error_about_half_a_character_keeps_the_event_id(field: str) -> None:
    (event,) = Driver().raw(
        f'{{"type":"conversation.item.delete","event_id":"mine{HALF}",{field}}}'
    )
    assert event["error"]["event_id"] == "mine\ufffd"
    serialize(event).encode()


def test_half_a_character_in_a_service_s_words_is_no_end_of_a_session() -> None:
    """As a recogniser may have it in a transcript, or a failure in what it quotes."""
    event = {"type": "error", "error": {"message": "\ud83d é 😀", "\udfff": None}}
    shown = '{"type":"error","error":{"message":"\ufffd é 😀","\ufffd":null}}'
    assert serialize(event) == shown


async def test_half_a_character_harms_no_session_on_a_socket() -> None:
    async with running() as server, client(server.url) as wire:
        await wire.update(instructions="Hi \ud83d")
        await wire.send(
            "session.update",
            session={
                "type": "realtime",
                "tools": [{"type": "function", "name": "f", "parameters": {"\udfff": "\ud83d"}}],
            },
        )
        updated = await wire.until("session.updated")
        assert updated["session"]["instructions"] == "Hi \ufffd"
        assert updated["session"]["tools"][0]["parameters"] == {"\ufffd": "\ufffd"}
        await wire.send("input_audio_buffer.append", audio="AAAA\ud83d", event_id="mine")
        error = (await wire.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == (
            "invalid_value",
            "audio",
            "mine",
        )
        await wire.say("Hi \ud83d")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.parametrize("frame", ["[]", "null", "5", '"response.create"', "true"])
def test_json_that_is_no_object_is_refused(frame: str) -> None:
    assert refusal(frame).code == "invalid_event"


def test_a_missing_type_is_named() -> None:
    error = refusal('{"event_id":"mine"}')
    assert (error.code, error.param) == ("missing_required_parameter", "type")
    assert error.message == "Missing required parameter: 'type'."
    assert error.event_id == "mine"


def test_an_unknown_type_lists_the_known_ones_in_the_service_s_words() -> None:
    error = refusal('{"type":"nope","event_id":"mine"}')
    assert (error.code, error.param, error.event_id) == ("invalid_value", "type", "mine")
    assert error.message == UNKNOWN_TYPE


def test_a_type_that_is_no_string_is_of_the_wrong_type() -> None:
    error = refusal('{"type":5}')
    assert (error.code, error.param) == ("invalid_type", "type")


@pytest.mark.parametrize("event", MINIMAL, ids=lambda event: str(event["type"]))
def test_every_client_event_parses_in_its_shortest_form(event: dict[str, Any]) -> None:
    assert parse(event).type == event["type"]
    assert parse(event).event_id is None


@pytest.mark.parametrize("event", MINIMAL, ids=lambda event: str(event["type"]))
def test_event_id_is_optional_may_be_null_and_has_at_most_512_characters(
    event: dict[str, Any],
) -> None:
    assert parse({**event, "event_id": None}).event_id is None
    assert parse({**event, "event_id": "e" * 512}).event_id == "e" * 512
    error = refusal(json.dumps({**event, "event_id": "e" * 513}))
    assert (error.code, error.param) == ("string_above_max_length", "event_id")
    assert error.message == (
        "Invalid 'event_id': string too long. Expected a string with maximum length 512, "
        "but got a string with length 513 instead."
    )


@pytest.mark.parametrize("event", MINIMAL, ids=lambda event: str(event["type"]))
def test_an_event_id_that_is_no_string_is_refused_and_not_echoed(event: dict[str, Any]) -> None:
    error = refusal(json.dumps({**event, "event_id": 5}))
    assert (error.code, error.param, error.event_id) == ("invalid_type", "event_id", None)
    assert error.message == (
        "Invalid type for 'event_id': expected a string, but got an integer instead."
    )


@pytest.mark.parametrize("event", MINIMAL, ids=lambda event: str(event["type"]))
def test_every_client_event_refuses_a_field_it_does_not_know(event: dict[str, Any]) -> None:
    error = refusal(json.dumps({**event, "event_id": "mine", "bogus": 1}))
    assert (error.code, error.param, error.event_id) == ("unknown_parameter", "bogus", "mine")
    assert error.message == "Unknown parameter: 'bogus'."


def nested(levels: int) -> str:
    parameters = '{"a":' * levels + "1" + "}" * levels
    return (
        '{"type":"session.update","event_id":"mine","session":{"type":"realtime","tools":['
        f'{{"type":"function","name":"f","parameters":{parameters}}}]}}}}'
    )


def test_a_schema_may_be_nested_deeply() -> None:
    assert parse_client_event(nested(50)).type == "session.update"


@pytest.mark.parametrize("levels", [120, 300, 900])
def test_nesting_beyond_reason_is_refused_as_an_event(levels: int) -> None:
    error = refusal(nested(levels))
    assert (error.code, error.event_id) == ("invalid_event", "mine")


def test_many_brackets_side_by_side_are_not_nesting() -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"a": []}} for _ in range(200)]
    event = {"type": "session.update", "session": {"type": "realtime", "tools": tools}}
    assert parse(event).type == "session.update"


ROWS = [
    other("unknown type", "nope", "invalid_value", "type", UNKNOWN_TYPE),
    update("unknown field", "unknown_parameter", "session.bogus_field",
           "Unknown parameter: 'session.bogus_field'.", bogus_field=1),
    other("missing field", "session.update", "missing_required_parameter", "session.type",
          "Missing required parameter: 'session.type'.", session={}),
    other("another JSON type", "conversation.item.truncate", "invalid_type", "audio_end_ms",
          "Invalid type for 'audio_end_ms': expected an integer, but got a decimal number instead.",
          item_id=ITEM, content_index=0, audio_end_ms=10.5),
    respond("not in the enumeration", "invalid_value", "response.conversation",
            "Invalid value: 'x'. Supported values are: 'auto' and 'none'.", conversation="x"),
    vad("integer below its minimum", "integer_below_min_value", "idle_timeout_ms",
        "Invalid 'session.audio.input.turn_detection.idle_timeout_ms': integer below minimum "
        "value. Expected a value >= 5000, but got 1 instead.", idle_timeout_ms=1),
    vad("integer above its maximum", "integer_above_max_value", "idle_timeout_ms",
        "Invalid 'session.audio.input.turn_detection.idle_timeout_ms': integer above maximum "
        "value. Expected a value <= 30000, but got 40000 instead.", idle_timeout_ms=40000),
    vad("decimal below its minimum", "decimal_below_min_value", "threshold",
        "Invalid 'session.audio.input.turn_detection.threshold': decimal below minimum value. "
        "Expected a value >= 0.0, but got -0.5 instead.", threshold=-0.5),
    vad("decimal above its maximum", "decimal_above_max_value", "threshold",
        "Invalid 'session.audio.input.turn_detection.threshold': decimal above maximum value. "
        "Expected a value <= 1.0, but got 1.5 instead.", threshold=1.5),
    respond("string too long", "string_above_max_length", "response.tools[0].description",
            too_long("response.tools[0].description", 1024, 2473),
            tools=[{"type": "function", "name": "f", "description": "d" * 2473}]),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_event", None),
        ("{}", "missing_required_parameter", "type"),
    ],
)
def test_a_frame_that_is_no_event_is_answered_by_one_error(
    frame: str, code: str, param: str | None
) -> None:
    (event,) = Driver().raw(frame)
    assert event["error"]["type"] == "invalid_request_error"
    assert (event["error"]["code"], event["error"]["param"]) == (code, param)
    assert event["error"]["event_id"] is None


async def test_a_binary_frame_is_refused_and_the_session_goes_on() -> None:
    async with running() as server, client(server.url) as wire:
        await wire.socket.send(b"\0\1")
        assert (await wire.receive())["error"] == {
            "type": "invalid_request_error",
            "code": "invalid_event",
            "message": "Expected a text WebSocket message; binary frames are not supported.",
            "param": None,
            "event_id": None,
        }
        updated = await wire.update(instructions="Go on.")
        assert updated["session"]["instructions"] == "Go on."
