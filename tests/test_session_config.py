"""The session object: its shape, the merge of updates, what is locked (protocol §A.1, C.1–C.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client_events import UpdateSession
from config import LLMConfig, TTSConfig, VADConfig
from generation import Capabilities
from protocol import parse_client_event
from session_config import SessionConfig
from tests.session_driver import Driver, of, session_config, types
from validation import ProtocolError

PCM = {"type": "audio/pcm", "rate": 24000}
SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def config(capabilities: Capabilities | None = None, **groups: Any) -> SessionConfig:
    return session_config(
        capabilities,
        **{
            "vad": VADConfig(silence_duration_ms=200),
            "llm": LLMConfig(default_instructions="Be kind."),
            **groups,
        },
    )


def apply(target: SessionConfig, *, locked: bool = False, **session: Any) -> dict[str, Any]:
    """Update, through the parser as on the wire; return the whole session."""
    event = {"type": "session.update", "session": {"type": "realtime", **session}}
    parsed = parse_client_event(json.dumps(event))
    assert isinstance(parsed, UpdateSession)
    target.apply(parsed.session, voice_locked=locked)
    return target.wire()


def audio_input(wire: dict[str, Any]) -> dict[str, Any]:
    inner: dict[str, Any] = wire["audio"]["input"]
    return inner


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


def test_the_defaults_are_those_of_the_server_s_configuration() -> None:
    wire = config(
        vad=VADConfig(threshold=0.7, prefix_padding_ms=100, silence_duration_ms=700),
        tts=TTSConfig(voice_id="slt"),
    ).wire()
    detection = audio_input(wire)["turn_detection"]
    assert detection == {
        **SERVER_VAD,
        "threshold": 0.7,
        "prefix_padding_ms": 100,
        "silence_duration_ms": 700,
    }
    assert wire["audio"]["output"]["voice"] == "slt"


def test_a_server_without_turn_detection_starts_in_manual_mode() -> None:
    manual = config(vad=VADConfig(type="none", silence_duration_ms=200))
    assert audio_input(manual.wire())["turn_detection"] is None
    # A client may still ask for it, and gets the configured values.
    wire = apply(manual, audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert audio_input(wire)["turn_detection"] == SERVER_VAD


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


def test_turn_detection_keeps_the_values_it_is_not_given() -> None:
    target = config()
    apply(target, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
    wire = apply(
        target,
        audio={
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "create_response": False,
                    "silence_duration_ms": None,
                }
            }
        },
    )
    assert audio_input(wire)["turn_detection"] == {
        **SERVER_VAD,
        "threshold": 0.9,
        "create_response": False,
    }


def test_turn_detection_may_be_switched_off_and_comes_back_with_the_defaults() -> None:
    target = config()
    apply(target, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
    off = apply(target, audio={"input": {"turn_detection": None}})
    assert audio_input(off)["turn_detection"] is None
    assert target.turn_detection is None
    on = apply(target, audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert audio_input(on)["turn_detection"] == SERVER_VAD


def test_turn_detection_of_type_none_means_null() -> None:
    wire = apply(config(), audio={"input": {"turn_detection": {"type": "none"}}})
    assert audio_input(wire)["turn_detection"] is None


def test_transcription_is_echoed_in_full_merges_and_is_cleared_by_null() -> None:
    target = config()
    wire = apply(target, audio={"input": {"transcription": {"model": "m", "language": "en"}}})
    assert json.dumps(audio_input(wire)["transcription"]) == (
        '{"model": "m", "language": "en", "prompt": null}'
    )
    wire = apply(target, audio={"input": {"transcription": {"prompt": "names"}}})
    assert audio_input(wire)["transcription"] == {
        "model": "m",
        "language": "en",
        "prompt": "names",
    }
    assert target.transcription_settings.language == "en"
    assert target.transcription_settings.prompt == "names"
    wire = apply(target, audio={"input": {"transcription": None}})
    assert audio_input(wire)["transcription"] is None
    assert target.transcription_settings.language is None


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


def test_the_voice_may_change_until_it_is_locked_and_be_repeated_after() -> None:
    target = config()
    assert apply(target, audio={"output": {"voice": "cedar"}})["audio"]["output"]["voice"] == (
        "cedar"
    )
    apply(target, locked=True, audio={"output": {"voice": "cedar"}}, instructions="New.")
    assert target.instructions == "New."
    with pytest.raises(ProtocolError) as caught:
        apply(target, locked=True, audio={"output": {"voice": "ash"}}, instructions="Newer.")
    assert (caught.value.code, caught.value.param) == ("cannot_update_voice", None)
    assert caught.value.message == (
        "Cannot update a conversation's voice if assistant audio is present."
    )
    assert (target.voice, target.instructions) == ("cedar", "New.")


def test_a_voice_that_the_provider_lacks_is_refused_by_name() -> None:
    target = config(Capabilities(voices=frozenset({"alloy", "slt"})))
    assert apply(target, audio={"output": {"voice": "slt"}})["audio"]["output"]["voice"] == "slt"
    with pytest.raises(ProtocolError) as caught:
        apply(target, audio={"output": {"voice": "cedar"}}, instructions="not applied")
    assert (caught.value.code, caught.value.param) == (
        "invalid_value",
        "session.audio.output.voice",
    )
    assert "'alloy' and 'slt'" in caught.value.message
    assert target.instructions == "Be kind."


@pytest.mark.parametrize(
    ("transcription", "param"),
    [
        ({"language": "fr"}, "language"),
        ({"language": "FR_ca"}, "language"),
        ({"prompt": "x"}, "prompt"),
    ],
)
def test_what_the_recogniser_cannot_do_is_refused_by_name(
    transcription: dict[str, str], param: str
) -> None:
    target = config(
        Capabilities(languages=frozenset({"en"}), transcription_prompt=False, stt_name="sphinx")
    )
    before = target.wire()
    with pytest.raises(ProtocolError, match="sphinx") as caught:
        apply(target, audio={"input": {"transcription": transcription}})
    assert caught.value.code == "invalid_value"
    assert caught.value.param == f"session.audio.input.transcription.{param}"
    assert target.wire() == before


@pytest.mark.parametrize("language", ["en", "en-US", "EN_gb", "", None])
def test_a_language_is_known_by_its_first_part(language: str | None) -> None:
    target = config(Capabilities(languages=frozenset({"en"}), transcription_prompt=False))
    wire = apply(target, audio={"input": {"transcription": {"language": language, "prompt": ""}}})
    assert audio_input(wire)["transcription"]["language"] == language


def test_the_echo_is_a_copy() -> None:
    target = config()
    target.wire()["audio"]["output"]["voice"] = "mine"
    target.wire()["tools"].append({})
    assert (target.voice, target.tools) == ("alloy", [])


def test_two_sessions_share_nothing() -> None:
    one, other = config(), config()
    before = other.wire()
    apply(one, tools=[{"type": "function", "name": "f"}], audio={"output": {"voice": "ash"}})
    apply(one, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.1}}})
    assert other.wire() == before


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
