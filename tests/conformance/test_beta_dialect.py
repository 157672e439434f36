"""The beta dialect: events both ways, whole turns, errors in the client's own names (§B.16)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocol import SERVER_EVENTS, ProtocolError
from session.ports import Capabilities
from tests.conformance.beta_wire import ASSISTANT, NAMED, TOOL, USER, BetaDriver
from tests.support.session_driver import Driver, types
from wire.beta_writing import BetaDialect
from wire.client_events import CreateResponse, UpdateSession
from wire.dialect import GADialect, wants_beta
from wire.response_fields import BetaResponseOptions

PCM = {"type": "audio/pcm"}


def read(type_: str, **fields: Any) -> Any:
    return BetaDialect().parse(json.dumps({"type": type_, **fields}))


def refused(type_: str, **fields: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as raised:
        read(type_, **fields)
    return raised.value


class TestWhoSpeaksBeta:
    @pytest.mark.parametrize(
        ("headers", "subprotocols", "beta"),
        [
            ({}, [], False),
            ({"openai-beta": "realtime=v1"}, [], True),
            ({"openai-beta": "assistants=v2, realtime=v1"}, [], True),
            ({"openai-beta": "assistants=v2"}, [], False),
            ({"openai-beta": "realtime=v10"}, [], False),
            ({}, ["realtime", "openai-beta.realtime-v1"], True),
            ({}, ["realtime", "openai-insecure-api-key.x"], False),
        ],
    )
    def test_header_or_subprotocol(
        self, headers: dict[str, str], subprotocols: list[str], beta: bool
    ):
        assert wants_beta(headers, subprotocols) is beta


SESSION_FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"modalities": ["text", "audio"]}, {"output_modalities": ["audio"]}),
    ({"modalities": ["audio", "text"]}, {"output_modalities": ["audio"]}),
    ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
    ({"instructions": "Be brief."}, {"instructions": "Be brief."}),
    ({"voice": "ash"}, {"audio": {"output": {"voice": "ash"}}}),
    ({"speed": 1.2}, {"audio": {"output": {"speed": 1.2}}}),
    ({"input_audio_format": "pcm16"}, {"audio": {"input": {"format": PCM}}}),
    (
        {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_alaw"},
        {
            "audio": {
                "input": {"format": {"type": "audio/pcmu"}},
                "output": {"format": {"type": "audio/pcma"}},
            }
        },
    ),
    ({"input_audio_format": None}, {"audio": {"input": {"format": None}}}),
    (
        {"input_audio_transcription": {"model": "whisper-1", "language": "de"}},
        {"audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}}},
    ),
    ({"input_audio_transcription": None}, {"audio": {"input": {"transcription": None}}}),
    (
        {"input_audio_noise_reduction": {"type": "near_field"}},
        {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
    ),
    ({"turn_detection": None}, {"audio": {"input": {"turn_detection": None}}}),
    ({"turn_detection": {"type": "none"}}, {"audio": {"input": {"turn_detection": None}}}),
    (
        {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}},
    ),
    ({"tools": [TOOL]}, {"tools": [TOOL]}),
    ({"tool_choice": "required"}, {"tool_choice": "required"}),
    ({"temperature": 0.6}, {"temperature": 0.6}),
    ({"temperature": 1}, {"temperature": 1.0}),
    ({"max_response_output_tokens": 99}, {"max_output_tokens": 99}),
    ({"max_response_output_tokens": "inf"}, {"max_output_tokens": "inf"}),
    ({"tracing": "auto"}, {"tracing": "auto"}),
    ({"include": None, "model": "gpt-realtime"}, {"include": None, "model": "gpt-realtime"}),
]

RESPONSE_FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"modalities": ["text"]}, {"output_modalities": ["text"]}),
    (
        {"voice": "sage", "output_audio_format": "g711_ulaw"},
        {"audio": {"output": {"voice": "sage", "format": {"type": "audio/pcmu"}}}},
    ),
    ({"temperature": 1.2}, {"temperature": 1.2}),
    ({"max_output_tokens": 5}, {"max_output_tokens": 5}),
    ({"max_response_output_tokens": 6}, {"max_output_tokens": 6}),
    (
        {"conversation": "none", "metadata": {"a": "b"}, "instructions": "x"},
        {"conversation": "none", "metadata": {"a": "b"}, "instructions": "x"},
    ),
    ({"tools": [TOOL], "tool_choice": "none"}, {"tools": [TOOL], "tool_choice": "none"}),
    ({"commit": True, "cancel_previous": True, "instructions": "x"}, {"instructions": "x"}),
    ({"commit": None, "cancel_previous": None}, {}),
    (
        {"input": [ASSISTANT, {"type": "item_reference", "id": "item_1"}]},
        {
            "input": [
                {**ASSISTANT, "content": [{"type": "output_text", "text": "hey"}]},
                {"type": "item_reference", "id": "item_1"},
            ]
        },
    ),
]


class TestClientEvents:
    @pytest.mark.parametrize(("beta", "ga"), SESSION_FIELDS)
    def test_a_flat_session_becomes_a_nested_one(self, beta: dict[str, Any], ga: dict[str, Any]):
        event = read("session.update", event_id="e1", session=beta)
        assert (type(event), event.event_id) == (UpdateSession, "e1")
        assert event.session.model_dump(exclude_unset=True) == {"type": "realtime", **ga}

    @pytest.mark.parametrize(("beta", "ga"), RESPONSE_FIELDS)
    def test_a_flat_response_becomes_a_nested_one(self, beta: dict[str, Any], ga: dict[str, Any]):
        event = read("response.create", event_id="e1", response=beta)
        assert (type(event), event.event_id) == (CreateResponse, "e1")
        assert event.response.model_dump(exclude_unset=True) == ga

    @pytest.mark.parametrize("fields", [{}, {"response": None}])
    def test_a_response_without_options(self, fields: dict[str, Any]):
        assert read("response.create", **fields).response is None

    def test_an_assistant_message_has_text(self):
        item = read("conversation.item.create", item=ASSISTANT).item
        assert item.model_dump()["content"] == [{"type": "output_text", "text": "hey"}]

    @pytest.mark.parametrize(
        ("type_", "fields"),
        [
            ("input_audio_buffer.append", {"audio": "AAAA"}),
            ("input_audio_buffer.commit", {}),
            ("input_audio_buffer.clear", {}),
            ("conversation.item.create", {"item": USER, "previous_item_id": "root"}),
            ("conversation.item.retrieve", {"item_id": "item_1"}),
            ("conversation.item.delete", {"item_id": "item_1"}),
            (
                "conversation.item.truncate",
                {"item_id": "item_1", "content_index": 0, "audio_end_ms": 10},
            ),
            ("response.cancel", {"response_id": "resp_1"}),
        ],
    )
    def test_the_rest_is_the_same_in_both(self, type_: str, fields: dict[str, Any]):
        frame = json.dumps({"type": type_, "event_id": "e1", **fields})
        assert BetaDialect().parse(frame) == GADialect().parse(frame)


ERRORS: list[tuple[str, dict[str, Any], str, str, str]] = [
    (
        "session.update",
        {"modalities": ["audio"]},
        "invalid_value",
        "session.modalities",
        "Invalid modalities: ['audio']. Supported combinations are: ['text'] and "
        "['audio', 'text'].",
    ),
    (
        "session.update",
        {"modalities": "audio"},
        "invalid_type",
        "session.modalities",
        "Invalid type for 'session.modalities': expected an array, but got a string instead.",
    ),
    (
        "session.update",
        {"output_modalities": ["audio"]},
        "unknown_parameter",
        "session.output_modalities",
        "Unknown parameter: 'session.output_modalities'.",
    ),
    (
        "session.update",
        {"type": "realtime"},
        "unknown_parameter",
        "session.type",
        "Unknown parameter: 'session.type'.",
    ),
    (
        "session.update",
        {"input_audio_format": "pcm"},
        "invalid_value",
        "session.input_audio_format",
        "Invalid value: 'pcm'. Supported values are: 'pcm16', 'g711_ulaw', and 'g711_alaw'.",
    ),
    (
        "session.update",
        {"output_audio_format": {"type": "audio/pcm"}},
        "invalid_type",
        "session.output_audio_format",
        "Invalid type for 'session.output_audio_format': expected a string, but got an object "
        "instead.",
    ),
    (
        "session.update",
        {"temperature": 0.5},
        "decimal_below_min_value",
        "session.temperature",
        "Invalid 'session.temperature': decimal below minimum value. Expected a value >= 0.6, but "
        "got 0.5 instead.",
    ),
    (
        "session.update",
        {"temperature": 1.3},
        "decimal_above_max_value",
        "session.temperature",
        "Invalid 'session.temperature': decimal above maximum value. Expected a value <= 1.2, but "
        "got 1.3 instead.",
    ),
    (
        "session.update",
        {"speed": 2.0},
        "decimal_above_max_value",
        "session.speed",
        "Invalid 'session.speed': decimal above maximum value. Expected a value <= 1.5, but got "
        "2.0 instead.",
    ),
    (
        "session.update",
        {"turn_detection": {"type": "server_vad", "treshold": 0.4}},
        "unknown_parameter",
        "session.turn_detection.treshold",
        "Unknown parameter: 'session.turn_detection.treshold'.",
    ),
    (
        "session.update",
        {"input_audio_transcription": {"model": 5}},
        "invalid_type",
        "session.input_audio_transcription.model",
        "Invalid type for 'session.input_audio_transcription.model': expected a string, but got "
        "an integer instead.",
    ),
    (
        "session.update",
        {"max_response_output_tokens": 0},
        "integer_below_min_value",
        "session.max_response_output_tokens",
        "Invalid 'session.max_response_output_tokens': integer below minimum value. Expected a "
        "value >= 1, but got 0 instead.",
    ),
    (
        "session.update",
        {"tools": [{"type": "mcp", "server_label": "x"}]},
        "invalid_value",
        "session.tools[0].type",
        "Invalid value: 'mcp'. Supported values are: 'function'.",
    ),
    (
        "response.create",
        {"max_response_output_tokens": 5000},
        "integer_above_max_value",
        "response.max_response_output_tokens",
        "Invalid 'response.max_response_output_tokens': integer above maximum value. Expected a "
        "value <= 4096, but got 5000 instead.",
    ),
    (
        "response.create",
        {"max_output_tokens": 5000},
        "integer_above_max_value",
        "response.max_output_tokens",
        "Invalid 'response.max_output_tokens': integer above maximum value. Expected a value "
        "<= 4096, but got 5000 instead.",
    ),
    (
        "response.create",
        {"commit": False},
        "invalid_value",
        "response.commit",
        "Invalid value: 'false'. Supported values are: 'true'.",
    ),
    (
        "response.create",
        {"cancel_previous": "yes"},
        "invalid_type",
        "response.cancel_previous",
        "Invalid type for 'response.cancel_previous': expected a boolean, but got a string "
        "instead.",
    ),
    (
        "response.create",
        {"voice": 1},
        "invalid_type",
        "response.voice",
        "Invalid type for 'response.voice': expected a string, but got an integer instead.",
    ),
    (
        "response.create",
        {"audio": {"output": {"voice": "ash"}}},
        "unknown_parameter",
        "response.audio",
        "Unknown parameter: 'response.audio'.",
    ),
    (
        "response.create",
        {"input": [{**ASSISTANT, "content": [{"type": "output_text", "text": "x"}]}]},
        "invalid_value",
        "response.input[0].content[0].type",
        "Invalid value: 'output_text'. Supported values are: 'text' and 'audio'.",
    ),
    (
        "conversation.item.create",
        {**ASSISTANT, "content": [{"type": "audio", "audio": "AAAA"}]},
        "missing_required_parameter",
        "item.content[0].text",
        "Missing required parameter: 'item.content[0].text'.",
    ),
    (
        "conversation.item.create",
        {**USER, "content": [{"type": "input_image", "image_url": "x"}]},
        "invalid_value",
        "item.content[0].type",
        "Invalid value: 'input_image'. Supported values are: 'input_text' and 'input_audio'.",
    ),
    (
        "conversation.item.create",
        {"type": "mcp_approval_response", "approval_request_id": "x", "approve": True},
        "invalid_value",
        "item.type",
        "Invalid value: 'mcp_approval_response'. Supported values are: 'message', "
        "'function_call', and 'function_call_output'.",
    ),
    (
        "conversation.item.create",
        {"type": "item_reference", "id": "item_1"},
        "invalid_value",
        "item.type",
        "Invalid value: 'item_reference'. Supported values are: 'message', 'function_call', and "
        "'function_call_output'.",
    ),
    (
        "transcription_session.update",
        {"input_audio_format": "pcm16"},
        "invalid_value",
        "type",
        "Passing a transcription session update event to a realtime session is not allowed.",
    ),
]


GA_ONLY = {"session.type", "session.output_modalities", "response.audio"}


class TestErrors:
    @pytest.mark.parametrize(("type_", "given", "code", "param", "message"), ERRORS)
    def test_paths_and_names_are_the_clients(
        self, type_: str, given: dict[str, Any], code: str, param: str, message: str
    ):
        block = {"response.create": "response", "conversation.item.create": "item"}
        error = refused(type_, event_id="e1", **{block.get(type_, "session"): given})
        said, hint, _ = error.message.partition(" This connection speaks the beta dialect")
        assert (error.code, error.param, said) == (code, param, message)
        assert bool(hint) == (param in GA_ONLY)
        assert error.event_id == "e1"

    def test_an_unknown_type_lists_the_types_of_beta(self):
        error = refused("session.close")
        assert error.message == (
            "Invalid value: 'session.close'. Supported values are: 'session.update', "
            "'transcription_session.update', 'input_audio_buffer.append', "
            "'input_audio_buffer.commit', 'input_audio_buffer.clear', "
            "'conversation.item.create', 'conversation.item.truncate', "
            "'conversation.item.delete', 'conversation.item.retrieve', 'response.create', and "
            "'response.cancel'."
        )

    @pytest.mark.parametrize(
        ("frame", "code", "param"),
        [
            ("{", "invalid_json", None),
            ("{}", "missing_required_parameter", "type"),
            ('{"type":"session.update"}', "missing_required_parameter", "session"),
            ('{"type":"session.update","session":[]}', "invalid_type", "session"),
            ('{"type":"response.create","response":1}', "invalid_type", "response"),
            ('{"type":"conversation.item.create"}', "missing_required_parameter", "item"),
            ('{"type":"conversation.item.create","item":1}', "invalid_type", "item"),
            ('{"type":"response.cancel","x":1}', "unknown_parameter", "x"),
        ],
    )
    def test_broken_frames(self, frame: str, code: str, param: str | None):
        with pytest.raises(ProtocolError) as raised:
            BetaDialect().parse(frame)
        assert (raised.value.code, raised.value.param) == (code, param)

    def test_what_the_session_refuses_has_beta_paths_too(self):
        can = Capabilities(
            voices=frozenset({"alloy", "ash"}), languages=frozenset({"en"}), stt_name="Sphinx"
        )
        driver = BetaDriver(capabilities=can)
        transcription = {"model": "whisper-1", "language": "de"}
        for events, param in [
            (driver.update(voice="bob"), "session.voice"),
            (driver.respond(voice="bob"), "response.voice"),
            (
                driver.update(input_audio_transcription=transcription),
                "session.input_audio_transcription.language",
            ),
        ]:
            assert types(events) == ["error"]
            assert events[0]["error"]["param"] == param

    def test_an_unknown_field_keeps_the_name_that_the_client_wrote(self):
        # It may be GA's name of a field that beta has, too.
        error = BetaDriver().update(max_output_tokens=5)[0]["error"]
        assert error["param"] == "session.max_output_tokens"
        assert error["message"] == "Unknown parameter: 'session.max_output_tokens'."

    def test_nothing_of_a_refused_update_is_applied(self):
        driver = BetaDriver()
        before = driver.state()
        driver.update(instructions="new", temperature=0.7, modalities=["audio"])
        assert driver.state() == before

    def test_ga_clients_have_no_temperature(self):
        driver = Driver()
        for events, param in [
            (driver.update(temperature=0.8), "session.temperature"),
            (driver.respond(temperature=0.8), "response.temperature"),
        ]:
            error = events[0]["error"]
            assert (error["code"], error["param"]) == ("unknown_parameter", param)


PART = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
CALL = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "call_id": "call_1"}
GA_ITEM = {
    "id": "item_1",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_audio", "transcript": "hi"}, {"type": "output_text", "text": "x"}],
}
BETA_ITEM = {
    "id": "item_1",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "audio", "transcript": "hi"}, {"type": "text", "text": "x"}],
}

TRANSCRIPT = {
    "item_id": "item_1",
    "content_index": 0,
    "transcript": "a",
    "usage": {"type": "duration", "seconds": 1.5},
}

RENDERED: list[tuple[str, dict[str, Any], list[tuple[str, dict[str, Any]]]]] = [
    (
        "response.output_text.delta",
        {**PART, "delta": "a"},
        [("response.text.delta", {**PART, "delta": "a"})],
    ),
    (
        "response.output_text.done",
        {**PART, "text": "a"},
        [("response.text.done", {**PART, "text": "a"})],
    ),
    (
        "response.output_audio.delta",
        {**PART, "delta": "AA"},
        [("response.audio.delta", {**PART, "delta": "AA"})],
    ),
    ("response.output_audio.done", PART, [("response.audio.done", PART)]),
    (
        "response.output_audio_transcript.delta",
        {**PART, "delta": "a"},
        [("response.audio_transcript.delta", {**PART, "delta": "a"})],
    ),
    (
        "response.output_audio_transcript.done",
        {**PART, "transcript": "a"},
        [("response.audio_transcript.done", {**PART, "transcript": "a"})],
    ),
    (
        "response.function_call_arguments.delta",
        {**CALL, "delta": "{"},
        [("response.function_call_arguments.delta", {**CALL, "delta": "{"})],
    ),
    (
        "response.function_call_arguments.done",
        {**CALL, "name": "f", "arguments": "{}"},
        [("response.function_call_arguments.done", {**CALL, "name": "f", "arguments": "{}"})],
    ),
    (
        "response.content_part.added",
        {**PART, "part": {"type": "audio", "transcript": ""}},
        [("response.content_part.added", {**PART, "part": {"type": "audio", "transcript": ""}})],
    ),
    (
        "conversation.item.added",
        {"previous_item_id": None, "item": GA_ITEM},
        [("conversation.item.created", {"previous_item_id": None, "item": BETA_ITEM})],
    ),
    ("conversation.item.done", {"previous_item_id": None, "item": GA_ITEM}, []),
    (
        "conversation.item.retrieved",
        {"item": GA_ITEM},
        [("conversation.item.retrieved", {"item": BETA_ITEM})],
    ),
    (
        "response.output_item.done",
        {"response_id": "resp_1", "output_index": 0, "item": GA_ITEM},
        [
            (
                "response.output_item.done",
                {"response_id": "resp_1", "output_index": 0, "item": BETA_ITEM},
            )
        ],
    ),
    ("rate_limits.updated", {"rate_limits": []}, []),
    (
        f"{NAMED}.completed",
        TRANSCRIPT,
        [(f"{NAMED}.completed", TRANSCRIPT)],
    ),
    ("input_audio_buffer.cleared", {}, [("input_audio_buffer.cleared", {})]),
]


class TestServerEvents:
    @pytest.mark.parametrize(("type_", "fields", "expected"), RENDERED)
    def test_events(
        self, type_: str, fields: dict[str, Any], expected: list[tuple[str, dict[str, Any]]]
    ):
        given = SERVER_EVENTS[type_](**fields)
        before = json.dumps(given.wire())
        written = BetaDialect().render(given)
        assert [
            (e["type"], {k: v for k, v in e.items() if k not in ("type", "event_id")})
            for e in written
        ] == expected
        assert [list(event)[:2] for event in written] == [["type", "event_id"]] * len(written)
        assert json.dumps(given.wire()) == before, "the session's own event was changed"


def test_only_beta_options_carry_a_temperature():
    assert isinstance(read("response.create", response={}).response, BetaResponseOptions)
    frame = json.dumps({"type": "response.create", "response": {}})
    assert not isinstance(GADialect().parse(frame).response, BetaResponseOptions)  # type: ignore[attr-defined]
