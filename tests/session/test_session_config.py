"""Sessions and the server's configuration; what the protocol says is in `conformance/`."""

from __future__ import annotations

import pytest

from config import TTSConfig, VADConfig
from session.turn_settings import SemanticVad, ServerVad
from tests.conformance.sessions import SERVER_VAD, apply, audio_input, config
from tests.support.session_driver import session_config
from wire.session_fields import TranscriptionPatch

PCM = {"type": "audio/pcm", "rate": 24000}


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


def test_semantic_detection_pads_turns_as_the_server_is_configured_to() -> None:
    target = config(vad=VADConfig(prefix_padding_ms=120))
    apply(target, audio={"input": {"turn_detection": {**SERVER_VAD, "prefix_padding_ms": 50}}})
    assert target.prefix_padding_ms == 50
    apply(target, audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    assert target.prefix_padding_ms == 120
    apply(target, audio={"input": {"turn_detection": None}})
    assert target.prefix_padding_ms is None


def test_a_transcription_session_answers_nothing() -> None:
    target = session_config(kind="transcription")
    assert isinstance(target.turn_detection, ServerVad)
    assert not target.turn_detection.create_response
    assert not target.turn_detection.interrupt_response
    with pytest.raises(TypeError, match="no settings of responses"):
        _ = target.voice


def test_a_transcription_session_answers_nothing_with_another_detection_either() -> None:
    detection = TranscriptionPatch.model_validate(
        {
            "type": "transcription",
            "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}},
        }
    )
    target = session_config(kind="transcription")
    target.apply(detection, voice_locked=False)
    assert isinstance(target.turn_detection, SemanticVad)
    assert not target.turn_detection.create_response
    assert not target.turn_detection.interrupt_response


def test_null_takes_an_idle_timeout_away() -> None:
    target = config()
    held = []
    changes: list[dict[str, int | None]] = [
        {"idle_timeout_ms": 6000},
        {},
        {"idle_timeout_ms": None},
    ]
    for given in changes:
        detection = {"type": "server_vad", **given}
        wire = apply(target, audio={"input": {"turn_detection": detection}})
        held.append(audio_input(wire)["turn_detection"]["idle_timeout_ms"])
    assert held == [6000, 6000, None]


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
