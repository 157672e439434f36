"""The wire vocabulary: ids, envelopes, frames and audio (protocol §A.0, A.2, B)."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client_events import AppendAudio, ClientEvent
from protocol import (
    MAX_AUDIO_BYTES,
    ProtocolError,
    decode_audio,
    encode_audio,
    error_event,
    new_id,
    parse_client_event,
    serialize,
    server_event,
)
from tests.wire import check_event

BASE62 = set(string.ascii_letters + string.digits)
UNKNOWN_TYPE = (
    "Invalid value: 'nope'. Supported values are: 'session.update', 'session.close', "
    "'input_audio_buffer.append', 'session.input_audio_buffer.append', "
    "'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', "
    "'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', "
    "'response.create', and 'response.cancel'."
)
MINIMAL: list[dict[str, Any]] = [
    {"type": "session.update", "session": {"type": "realtime"}},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": ""}],
        },
    },
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.delete", "item_id": "a"},
    {
        "type": "conversation.item.truncate",
        "item_id": "a",
        "content_index": 0,
        "audio_end_ms": 0,
    },
    {"type": "response.create"},
    {"type": "response.cancel"},
]


def parse(event: dict[str, Any]) -> ClientEvent:
    return parse_client_event(json.dumps(event))


def refusal(frame: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_client_event(frame)
    return caught.value


@pytest.mark.parametrize("prefix", ["event", "item", "resp", "sess", "conv"])
def test_an_id_is_its_prefix_and_21_base62_characters(prefix: str) -> None:
    head, tail = new_id(prefix).split("_")
    assert (head, len(tail)) == (prefix, 21)
    assert set(tail) <= BASE62


def test_a_call_id_has_16_characters() -> None:
    head, tail = new_id("call").split("_")
    assert (head, len(tail)) == ("call", 16)


def test_ids_do_not_repeat() -> None:
    assert len({new_id("item") for _ in range(10_000)}) == 10_000


def test_a_server_event_is_type_then_event_id_then_its_fields_in_order() -> None:
    event = server_event("x.y", b=1, a=2)
    assert list(event) == ["type", "event_id", "b", "a"]
    assert event["event_id"].startswith("event_")
    assert server_event("x.y")["event_id"] != event["event_id"]


def test_frames_are_compact_json_and_keep_letters_as_they_are() -> None:
    assert serialize({"type": "a", "text": "Grüße 你好"}) == '{"type":"a","text":"Grüße 你好"}'


def test_an_error_event_always_has_all_five_inner_keys() -> None:
    event = error_event(ProtocolError(None, "No."))
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
    assert error_event(error.answering("mine"))["error"] == {
        "type": "server_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "item.id",
        "event_id": "mine",
    }


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
        '{"type":"response.create","response":{"instructions":"\\ud800"}}',
        '{"type":"response.create","response":{"max_output_tokens":' + "9" * 5000 + "}}",
        "[" * 100_000,
    ],
)
def test_a_frame_that_is_not_json_is_invalid_json(frame: str) -> None:
    error = refusal(frame)
    assert error.code == "invalid_json"
    assert error.param is None
    assert error.message.startswith("Invalid event: failed to parse JSON value.")
    check_event(error_event(error))
    serialize(error_event(error)).encode()


def test_escaped_characters_outside_the_basic_plane_are_text() -> None:
    parsed = parse_client_event('{"type":"response.create","event_id":"\\ud83d\\ude00"}')
    assert parsed.event_id == "😀"


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


@pytest.mark.parametrize("type_", ["output_audio_buffer.clear", "transcription_session.update"])
def test_event_types_of_other_transports_and_dialects_are_unknown(type_: str) -> None:
    assert refusal(json.dumps({"type": type_})).code == "invalid_value"


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


def test_append_keeps_its_audio_as_it_is() -> None:
    event = parse({"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "mine"})
    assert isinstance(event, AppendAudio)
    assert (event.audio, event.event_id) == ("AAAA", "mine")


@pytest.mark.parametrize("audio", [b"\0", b"\1\2\3", bytes(range(256)) * 100])
def test_audio_survives_base64(audio: bytes) -> None:
    assert decode_audio(encode_audio(audio)) == audio
    assert base64.b64decode(encode_audio(audio)) == audio


@pytest.mark.parametrize("encoded", ["%%%%", "AAA", "AA=A", "AAAA\n", "AA AA", "ÄAAA", "A", "-_-_"])
def test_audio_that_is_not_base64_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encoded)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message == (
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        "but got an invalid value."
    )


def test_empty_audio_is_refused_as_empty() -> None:
    with pytest.raises(ProtocolError, match="but got empty bytes") as caught:
        decode_audio("")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message.startswith(
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got "
    )


def test_one_event_carries_at_most_15_mib_of_audio() -> None:
    assert len(decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES)))) == 15 * 1024 * 1024
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES + 1)))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FULL: list[dict[str, Any]] = [
    *MINIMAL,
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": "f"},
            "tracing": {"workflow_name": "w"},
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "whisper-1"},
                    "turn_detection": {"type": "server_vad", "threshold": 0.5},
                },
                "output": {"voice": "alloy", "speed": 1.0},
            },
        },
    },
    {
        "type": "response.create",
        "response": {
            "metadata": {"a": "b"},
            "max_output_tokens": 5,
            "input": [
                {"type": "item_reference", "id": "a"},
                {"type": "function_call", "name": "f", "arguments": "{}"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "x"}],
                },
            ],
        },
    },
]


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: its container and the key in it."""
    found: list[tuple[Any, Any]] = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(entries):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += spots(inner)
    return found


@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=400)
def test_whatever_is_changed_in_an_event_it_parses_or_is_refused_by_name(data: Any) -> None:
    event = json.loads(json.dumps(data.draw(st.sampled_from(FULL))))
    for _ in range(data.draw(st.integers(1, 2))):
        places = spots(event)
        if not places:
            break
        container, key = data.draw(st.sampled_from(places))
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove":
            del container[key]
        elif change == "replace" or not isinstance(container, dict):
            container[key] = data.draw(json_values)
        else:
            # Names of types and roles as keys: the words that error paths are made of as well.
            words = ["message", "user", "assistant", "function_call", "item_reference", "x"]
            container[data.draw(st.sampled_from(words))] = data.draw(json_values)
    frame = json.dumps(event)
    try:
        parse_client_event(frame)
    except ProtocolError as error:
        assert error.code
        assert error.message
        check_event(error_event(error))
