"""§C.5: `session.audio.input.transcription`."""

from __future__ import annotations

import json

import pytest

from session.ports import Capabilities
from tests.conformance.sequences import TRANSCRIPTION, driver
from tests.conformance.sessions import apply, audio_input, config
from tests.support.session_driver import Driver, session_config, types
from wire.errors import ProtocolError


def test_settings_that_are_refused_may_be_null_and_are_not_echoed() -> None:
    nothing = {"languages": None, "keywords": None, "delay": None}
    wire = apply(config(), audio={"input": {"transcription": {"model": "m", **nothing}}})
    assert audio_input(wire)["transcription"] == {"model": "m", "language": None, "prompt": None}


def test_transcription_applies_to_items_committed_after_it_was_set() -> None:
    d = driver(create_response=False)
    d.speak(0, 960)
    d.transcribe()
    first = d.items()[0]
    d.speak(2048, 3008)
    second = d.items()[1]
    d.update(audio={"input": {"transcription": None}})
    assert d.heard(first, "Not announced.") == []
    assert types(d.heard(second, "Announced.")) == [
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]


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


@pytest.mark.parametrize("language", ["en", "en-US", "EN_gb", "", None])
def test_a_language_is_known_by_its_first_part(language: str | None) -> None:
    target = config(Capabilities(languages=frozenset({"en"}), transcription_prompt=False))
    wire = apply(target, audio={"input": {"transcription": {"language": language, "prompt": ""}}})
    assert audio_input(wire)["transcription"]["language"] == language


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


def test_log_probabilities_are_refused_where_the_recogniser_has_none():
    wanted = ["item.input_audio_transcription.logprobs"]
    (error,) = Driver(session_config(Capabilities(logprobs=False, stt_name="ears"))).update(
        include=wanted
    )
    assert (error["type"], error["error"]["param"]) == ("error", "session.include")
    assert "ears" in error["error"]["message"]
