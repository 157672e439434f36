"""§A.1: `session.update`: merged as a whole or refused as a whole, and always echoed in full."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session.decisions import SpeechHesitated, SpeechStarted, SpeechStopped
from session.effects import ForgetTurn, ResumeTurn, Send, SetTurnDetection, Transcribe
from tests.conformance.misuse import (
    LOCKED,
    audio_in,
    missing,
    only,
    other,
    refusals,
    too_long,
    unknown,
    update,
    vad,
)
from tests.conformance.sequences import driver
from tests.conformance.sessions import apply, audio_input, config
from tests.support.session_driver import Driver, of, pcm, types
from wire.errors import ProtocolError

ROWS = [
    other("no session", "session.update", "missing_required_parameter", "session",
          missing("session")),
    other("session is no object", "session.update", "invalid_type", "session", session=5),
    other("no session.type", "session.update", "missing_required_parameter", "session.type",
          missing("session.type"), session={"instructions": "x"}),
    other("type transcription", "session.update", "invalid_value", "session.type",
          "Passing a transcription session update event to a realtime session is not allowed.",
          session={"type": "transcription"}),
    other("type transcription, in full", "session.update", "invalid_value", "session.type",
          "Passing a transcription session update event to a realtime session is not allowed.",
          session={"type": "transcription", "include": [], "audio": {"input": {
              "transcription": {"model": "whisper-1"}, "turn_detection": {}}}}),
    other("another type", "session.update", "invalid_value", "session.type", session={"type": "x"}),
    update("unknown field", "unknown_parameter", "session.bogus_field",
           unknown("session.bogus_field"), bogus_field=1, instructions="not applied"),
    update("unknown field inside", "unknown_parameter", "session.audio.output.bogus",
           unknown("session.audio.output.bogus"), audio={"output": {"bogus": 1}}),
    update("both modalities", "invalid_value", "session.output_modalities",
           "Invalid modalities: ['audio', 'text']. "
           "Supported combinations are: ['text'] and ['audio'].",
           output_modalities=["audio", "text"]),
    update("no modality", "invalid_value", "session.output_modalities", output_modalities=[]),
    update("an unknown modality", "invalid_value", "session.output_modalities",
           output_modalities=["video"]),
    update("modalities are no array", "invalid_type", "session.output_modalities",
           output_modalities="audio"),
    *[update(f"beta's {name}", "unknown_parameter", f"session.{name}", unknown(f"session.{name}"),
             **only(name, value))
      for name, value in [("modalities", ["text"]), ("voice", "alloy"), ("temperature", 0.8),
                          ("input_audio_format", "pcm16"), ("output_audio_format", "pcm16"),
                          ("input_audio_transcription", None), ("turn_detection", None),
                          ("max_response_output_tokens", "inf")]],
    *[update(f"read-only {name}", "unknown_parameter", f"session.{name}", **only(name, value))
      for name, value in [("id", "sess_2"), ("object", "realtime.session"), ("expires_at", 1)]],
    update("the voice, once locked", "cannot_update_voice", None, LOCKED,
           audio={"output": {"voice": "cedar"}}, instructions="not applied"),
    update("instructions are no text", "invalid_type", "session.instructions", instructions=5),
    update("max_output_tokens 0", "integer_below_min_value", "session.max_output_tokens",
           max_output_tokens=0),
    update("max_output_tokens 4097", "integer_above_max_value", "session.max_output_tokens",
           max_output_tokens=4097),
    update("max_output_tokens a decimal", "invalid_type", "session.max_output_tokens",
           "Invalid type for 'session.max_output_tokens': expected an integer, but got a decimal "
           "number instead.", max_output_tokens=1.5),
    update("max_output_tokens a word", "invalid_type", "session.max_output_tokens",
           max_output_tokens="lots"),
    update("tool_choice unknown", "invalid_value", "session.tool_choice",
           "Invalid value: 'x'. Supported values are: 'auto', 'none', and 'required'.",
           tool_choice="x"),
    update("tool_choice a number", "invalid_type", "session.tool_choice", tool_choice=5),
    update("tool_choice without a name", "missing_required_parameter", "session.tool_choice.name",
           missing("session.tool_choice.name"), tool_choice={"type": "function"}),
    update("a tool without a name", "missing_required_parameter", "session.tools[1].name",
           missing("session.tools[1].name"),
           tools=[{"type": "function", "name": "a"}, {"type": "function"}]),
    update("a tool as chat completions write it", "unknown_parameter",
           "session.tools[0].function", tools=[{"type": "function", "name": "a", "function": {}}]),
    update("an MCP server, where none can be reached", "invalid_value",
           "session.tools[0].server_url",
           tools=[{"type": "mcp", "server_label": "docs", "server_url": "https://x"}]),
    update("a tool's description of 2473 characters", "string_above_max_length",
           "session.tools[3].description", too_long("session.tools[3].description", 1024, 2473),
           tools=[*({"type": "function", "name": str(n)} for n in range(3)),
                  {"type": "function", "name": "f", "description": "d" * 2473}]),
    update("tools are no array", "invalid_type", "session.tools", tools={}),
    update("tracing of an unknown kind", "unknown_parameter", "session.tracing.bogus",
           tracing={"bogus": 1}),
    update("tracing changed after it was enabled", "invalid_value", "session.tracing",
           given=("tracing",), tracing={"workflow_name": "another"}),
    update("an unknown effort", "invalid_value", "session.reasoning.effort",
           reasoning={"effort": "maximum"}),
    update("parallel_tool_calls a word", "invalid_type", "session.parallel_tool_calls",
           parallel_tool_calls="yes"),
    update("a prompt template", "invalid_value", "session.prompt", prompt={"id": "pmpt_1"}),
    update("an unknown inclusion", "invalid_value", "session.include[0]", include=["x"]),
    update("retention above 1", "decimal_above_max_value", "session.truncation.retention_ratio",
           truncation={"type": "retention_ratio", "retention_ratio": 1.5}),
    update("unknown truncation", "invalid_value", "session.truncation", truncation="never"),
    *[audio_in(f"PCM at {rate} Hz", "invalid_value", "format.rate",
               f"Invalid value: '{rate}'. "
               "Supported values are: '8000', '16000', '24000', and '48000'.",
               format={"type": "audio/pcm", "rate": rate},
               transcription={"model": "whisper-1"})
      for rate in (0, -16000, 11025, 22050, 44100, 96000)],
    *[audio_in(f"a rate that is {found}", "invalid_type", "format.rate",
               "Invalid type for 'session.audio.input.format.rate': expected an integer, "
               f"but got {found} instead.", format={"type": "audio/pcm", "rate": rate})
      for found, rate in [("a string", "16000"), ("a boolean", True), ("an array", [16000]),
                          ("a decimal number", 16000.5), ("an object", {})]],
    *[audio_in(f"{law} with another rate", "invalid_value", "format.rate",
               "Invalid value: '16000'. Supported values are: '8000'.",
               format={"type": law, "rate": 16000})
      for law in ("audio/pcmu", "audio/pcma")],
    update("output PCM at 44100 Hz", "invalid_value", "session.audio.output.format.rate",
           audio={"output": {"format": {"type": "audio/pcm", "rate": 44100}}}),
    *[audio_in(f"format {name}", "invalid_value", "format.type", format={"type": name})
      for name in ("audio/opus", "audio/wav")],
    update("output format Opus", "invalid_value", "session.audio.output.format.type",
           audio={"output": {"format": {"type": "audio/opus"}}}),
    audio_in("noise reduction of an unknown kind", "invalid_value", "noise_reduction.type",
             noise_reduction={"type": "everywhere"}),
    audio_in("noise reduction above 1", "decimal_above_max_value", "noise_reduction.strength",
             noise_reduction={"type": "near_field", "strength": 1.5}),
    audio_in("languages in one word", "invalid_type", "transcription.languages",
             transcription={"model": "gpt-transcribe", "languages": "de"}),
    audio_in("a keyword that is a number", "invalid_type", "transcription.keywords[0]",
             transcription={"keywords": [1]}),
    audio_in("an unknown delay", "invalid_value", "transcription.delay",
             transcription={"delay": "none"}),
    audio_in("an unknown VAD", "invalid_value", "turn_detection.type",
             turn_detection={"type": "azure_semantic_vad"}),
    audio_in("an unknown eagerness", "invalid_value", "turn_detection.eagerness",
             turn_detection={"type": "semantic_vad", "eagerness": "very"}),
    audio_in("a threshold under semantic VAD", "unknown_parameter", "turn_detection.threshold",
             turn_detection={"type": "semantic_vad", "threshold": 0.5}),
    vad("threshold above 1", "decimal_above_max_value", "threshold", threshold=1.01),
    vad("threshold below 0", "decimal_below_min_value", "threshold", threshold=-0.01),
    vad("threshold a word", "invalid_type", "threshold", threshold="high"),
    vad("negative padding", "integer_below_min_value", "prefix_padding_ms", prefix_padding_ms=-1),
    vad("padding above 10 s", "integer_above_max_value", "prefix_padding_ms",
        prefix_padding_ms=10001),
    vad("negative silence", "integer_below_min_value", "silence_duration_ms",
        silence_duration_ms=-1),
    vad("silence a decimal", "invalid_type", "silence_duration_ms", silence_duration_ms=0.5),
    vad("idle timeout below 5 s", "integer_below_min_value", "idle_timeout_ms",
        idle_timeout_ms=4999),
    vad("idle timeout above 30 s", "integer_above_max_value", "idle_timeout_ms",
        idle_timeout_ms=30001),
    vad("eagerness", "unknown_parameter", "eagerness", eagerness="low"),
    vad("create_response a word", "invalid_type", "create_response", create_response="yes"),
    update("speed 0.2", "decimal_below_min_value", "session.audio.output.speed",
           audio={"output": {"speed": 0.2}}),
    update("speed 9.0", "decimal_above_max_value", "session.audio.output.speed",
           audio={"output": {"speed": 9.0}}),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


@pytest.mark.parametrize(
    "session",
    [
        {"model": "another-model"},
        {"instructions": None},
        {"tools": None, "tool_choice": None, "max_output_tokens": None, "truncation": None},
        {"tracing": None},
        {"tracing": "auto"},
        {"tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}}},
        {"prompt": None, "include": None},
        {"max_output_tokens": "inf"},
        {"max_output_tokens": 4096},
        {"truncation": "disabled"},
        {"tool_choice": {"type": "function", "name": "f"}},
        {"tools": [{"type": "function", "name": "f", "description": None, "parameters": None}]},
        {
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "parameters": {"$schema": "x", "additionalProperties": False},
                }
            ]
        },
        {"audio": None},
        {"audio": {"input": None, "output": None}},
        {"audio": {"input": {"noise_reduction": None, "transcription": None}}},
        {"audio": {"input": {"turn_detection": {"type": "none"}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": None}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1}}}},
        {"audio": {"input": {"format": {"type": "audio/pcm"}}}},
        {"audio": {"output": {"speed": 1}}},
        {"audio": {"output": {"speed": 1.0, "voice": "marin"}}},
        {"audio": {"output": {"speed": None, "voice": None, "format": None}}},
        *[
            {"audio": {"input": {"transcription": {"model": name}}}}
            for name in (
                "whisper-1",
                "gpt-4o-mini-transcribe",
                "gpt-realtime-whisper",
                "gpt-live-transcribe",
            )
        ],
    ],
    ids=str,
)
def test_what_stock_clients_send_in_an_update_is_tolerated(session: dict[str, Any]) -> None:
    assert types(Driver().update(**session)) == ["session.updated"]


def test_an_update_in_the_middle_of_speech_does_not_disturb_the_turn() -> None:
    d = driver()
    d.append(500)
    (started,) = d.decided(SpeechStarted(96))
    before = len(d.kind(SetTurnDetection))
    d.update(instructions="New.", audio={"output": {"voice": "ash"}})
    d.turn_detection()
    assert len(d.kind(SetTurnDetection)) == before
    (stopped, *_) = d.decided(SpeechStopped(480))
    assert stopped["item_id"] == started["item_id"]


def test_other_detection_settings_reach_the_detector_after_the_echo() -> None:
    d = driver()
    d.turn_detection(threshold=0.9)
    assert isinstance(d.effects[-2], Send)
    assert d.effects[-2].event.type == "session.updated"
    assert d.effects[-1] == SetTurnDetection(d.inside.config.turn_detection)
    d.manual()
    assert d.effects[-1] == SetTurnDetection(None)


def test_a_turn_whose_detection_is_switched_off_is_the_client_s_to_commit() -> None:
    d = driver()
    d.append(500)
    (started,) = d.decided(SpeechStarted(96))
    d.manual()
    assert d.append(500) == []
    assert d.decided(SpeechStopped(960)) == []
    (committed, *_) = d.send("input_audio_buffer.commit")
    assert committed["item_id"] == started["item_id"]
    assert d.kind(Transcribe)[0].clip.audio == pcm(1000)
    assert d.kind(ForgetTurn) == []


def test_other_detection_settings_drop_what_was_guessed_at_a_pause() -> None:
    """Nothing would take the guess back if the user spoke on."""
    d = driver()
    d.append(500)
    (started,) = d.decided(SpeechStarted(96))
    d.decided(SpeechHesitated(480))
    d.turn_detection(threshold=0.9)
    (resumed,) = d.kind(ResumeTurn)
    assert (resumed.item_id, resumed.clip.audio) == (started["item_id"], pcm(500))


def test_an_empty_update_changes_nothing() -> None:
    target = config()
    before = target.wire()
    assert apply(target) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("instructions", "Speak French."),
        ("instructions", ""),
        ("output_modalities", ["text"]),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "name": "f"}),
        ("max_output_tokens", 1),
        ("max_output_tokens", 4096),
        ("truncation", "disabled"),
        ("tracing", "auto"),
        ("tracing", {"workflow_name": "w", "metadata": {"a": [1]}}),
    ],
)
def test_an_update_changes_the_field_it_names_and_no_other(key: str, value: Any) -> None:
    target = config()
    expected = {**target.wire(), key: value}
    assert json.dumps(apply(target, **{key: value})) == json.dumps(expected)
    assert json.dumps(apply(target)) == json.dumps(expected)


def test_objects_merge_key_by_key() -> None:
    target = config()
    expected = target.wire()
    apply(target, audio={"input": {"transcription": {"model": "whisper-1"}}})
    apply(target, audio={"output": {"voice": "cedar"}})
    audio_input(expected)["transcription"] = {
        "model": "whisper-1",
        "language": None,
        "prompt": None,
    }
    expected["audio"]["output"]["voice"] = "cedar"
    assert target.wire() == expected


def test_arrays_and_unions_are_replaced_whole() -> None:
    target = config()
    first: dict[str, Any] = {
        "type": "function",
        "name": "a",
        "description": None,
        "parameters": {},
    }
    apply(target, tools=[first, {**first, "name": "b"}], tool_choice="required")
    wire = apply(target, tools=[{**first, "name": "c"}])
    assert [tool["name"] for tool in wire["tools"]] == ["c"]
    choice = {"type": "function", "name": "c"}
    assert apply(target, tool_choice=choice)["tool_choice"] == choice
    assert apply(target, tool_choice="none")["tool_choice"] == "none"
    assert apply(target, tools=[])["tools"] == []


def test_null_leaves_a_field_that_cannot_be_null_as_it_is() -> None:
    target = config()
    before = target.wire()
    after = apply(
        target,
        instructions=None,
        output_modalities=None,
        tools=None,
        tool_choice=None,
        max_output_tokens=None,
        truncation=None,
        audio={"input": {"format": None}, "output": {"voice": None, "format": None, "speed": None}},
    )
    assert after == before


def test_null_clears_what_can_be_null() -> None:
    target = config()
    apply(target, tracing="auto")
    wire = apply(target, tracing=None, prompt=None, audio={"input": {"noise_reduction": None}})
    assert wire["tracing"] is None


def test_another_model_is_ignored_in_silence() -> None:
    assert apply(config(), model="gpt-4o")["model"] == "gpt-realtime"


def test_tracing_stays_as_it_was_enabled() -> None:
    target = config()
    apply(target, tracing="auto")
    assert apply(target, tracing="auto")["tracing"] == "auto"
    with pytest.raises(ProtocolError):
        apply(target, tracing={"workflow_name": "w"}, instructions="not applied")
    assert target.wire()["tracing"] == "auto"
    assert target.instructions == "Be kind."


def test_every_update_is_answered_in_order_by_the_whole_session() -> None:
    driver = Driver(config())
    for number in range(3):
        (updated,) = driver.update(instructions=str(number))
        assert updated["type"] == "session.updated"
        assert updated["session"] == {**config().wire(), "instructions": str(number)}
    assert types(driver.events) == ["session.created", *["session.updated"] * 3]


def test_an_update_does_not_alter_a_response_that_was_created() -> None:
    driver = Driver(config())
    tool: dict[str, Any] = {
        "type": "function",
        "name": "f",
        "description": None,
        "parameters": {},
    }
    driver.update(tools=[tool], instructions="Old.", max_output_tokens=7)
    (created,) = driver.respond()
    driver.update(
        tools=[],
        instructions="New.",
        max_output_tokens="inf",
        output_modalities=["text"],
        tool_choice="none",
        audio={"output": {"voice": "ash"}},
    )
    request = driver.requests[0]
    assert (request.tools, request.instructions, request.voice) == ([tool], "Old.", "alloy")
    driver.text("Hello.")
    (done,) = of(driver.finish(), "response.done")
    same = ("output_modalities", "max_output_tokens", "audio")
    assert {key: done["response"][key] for key in same} == {
        key: created["response"][key] for key in same
    }


def test_another_speed_is_for_the_responses_after_the_running_one() -> None:
    d = driver()
    d.respond()
    assert types(d.update(audio={"output": {"speed": 1.5}})) == ["session.updated"]
    d.answer()
    d.respond()
    assert [request.speed for request in d.requests] == [1.0, 1.5]
