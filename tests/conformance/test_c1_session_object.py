"""§C.1: the session object, key by key."""

from __future__ import annotations

import json

from tests.conformance.sequences import PCM
from tests.conformance.sessions import SERVER_VAD, apply, config


def test_the_greeting_is_the_object_of_the_service_key_by_key() -> None:
    wire = config().wire()
    expected = {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "instructions": "Be kind.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 1_700_003_600,
        "audio": {
            "input": {
                "format": PCM,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": SERVER_VAD,
            },
            "output": {"format": PCM, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }
    # Order included: nulls are written out, and keys stand where the service puts them.
    assert json.dumps(wire) == json.dumps(expected)


def test_function_tools_are_echoed_with_every_key() -> None:
    wire = apply(config(), tools=[{"type": "function", "name": "f"}])
    assert json.dumps(wire["tools"]) == json.dumps(
        [{"type": "function", "name": "f", "description": None, "parameters": {}}]
    )


def test_a_tool_s_schema_is_echoed_as_it_is() -> None:
    tool = {
        "type": "function",
        "name": "f",
        "description": "d",
        "parameters": {"$schema": "x", "type": "object", "properties": {"a": {"enum": [1, None]}}},
    }
    assert apply(config(), tools=[tool])["tools"] == [tool]
