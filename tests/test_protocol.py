"""The wire vocabulary: ids, envelopes, frames and audio (protocol §A.0, A.2, B)."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import ProtocolError
from tests.conformance.frames import MINIMAL, parse
from tests.support.strict_reader import check_event
from wire.client_events import AppendAudio
from wire.envelope import encode_audio, error_event, serialize
from wire.ids import new_id
from wire.reading import decode_audio, parse_client_event
from wire.session_events import BufferSpeechStarted

BASE62 = set(string.ascii_letters + string.digits)


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
    event = BufferSpeechStarted(audio_start_ms=320, item_id="item_1")
    assert list(event.wire().items()) == [
        ("type", "input_audio_buffer.speech_started"),
        ("event_id", event.event_id),
        ("audio_start_ms", 320),
        ("item_id", "item_1"),
    ]
    assert event.event_id.startswith("event_")
    assert BufferSpeechStarted(320, "item_1").event_id != event.event_id


def test_frames_are_compact_json_and_keep_letters_as_they_are() -> None:
    assert serialize({"type": "a", "text": "Grüße 你好"}) == '{"type":"a","text":"Grüße 你好"}'


def test_append_keeps_its_audio_as_it_is() -> None:
    event = parse({"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "mine"})
    assert isinstance(event, AppendAudio)
    assert (event.audio, event.event_id) == ("AAAA", "mine")


@pytest.mark.parametrize("audio", [b"\0", b"\1\2\3", bytes(range(256)) * 100])
def test_audio_survives_base64(audio: bytes) -> None:
    assert decode_audio(encode_audio(audio)) == audio
    assert base64.b64decode(encode_audio(audio)) == audio


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
        check_event(error_event(error).wire())
