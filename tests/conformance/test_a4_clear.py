"""§A.4: `input_audio_buffer.clear`."""

from __future__ import annotations

from session.decisions import SpeechStarted, SpeechStopped
from session.effects import ForgetTurn, ResetTurnDetection
from tests.conformance.sequences import driver
from tests.support.session_driver import types


def test_clear_drops_the_turn_in_progress() -> None:
    d = driver()
    d.manual()
    d.append(500)
    assert types(d.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert [type(effect) for effect in d.effects[-2:]] == [ForgetTurn, ResetTurnDetection]
    (error,) = d.send("input_audio_buffer.commit")
    assert error["error"]["code"] == "input_audio_buffer_commit_empty"


def test_clear_in_the_middle_of_speech_abandons_the_announced_item() -> None:
    d = driver()
    d.append(500)
    d.decided(SpeechStarted(320))
    announced = d.events[-1]["item_id"]
    d.send("input_audio_buffer.clear")
    assert d.kind(ForgetTurn) == [ForgetTurn(announced)]
    assert d.session.heard(SpeechStopped(480)) == []
    d.append(1000)
    (started,) = d.decided(SpeechStarted(1056))
    assert started["item_id"] != announced
    assert started["audio_start_ms"] == 756


def test_clear_is_always_acknowledged() -> None:
    assert types(driver().send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


def test_clear_does_not_rewind_the_offsets() -> None:
    d = driver(prefix_padding_ms=0)
    d.append(1000)
    d.send("input_audio_buffer.clear")
    d.append(500)
    (event,) = d.decided(SpeechStarted(1312))
    assert event["audio_start_ms"] == 1312
