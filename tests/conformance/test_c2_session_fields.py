"""§C.2: what the fields of a session do."""

from __future__ import annotations

import pytest

from generation import Capabilities
from tests.conformance.sequences import driver
from tests.conformance.sessions import apply, config
from tests.session_driver import Driver, session_config, types
from validation import ProtocolError


def test_the_voice_is_settled_by_the_first_speech() -> None:
    d = driver()
    assert types(d.update(audio={"output": {"voice": "ash"}})) == ["session.updated"]
    d.respond()
    d.text("Hello.")
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]
    d.audio(100)
    (error,) = d.update(audio={"output": {"voice": "alloy"}})
    assert error["error"]["code"] == "cannot_update_voice"
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_text_alone_never_settles_the_voice() -> None:
    d = driver()
    d.update(output_modalities=["text"])
    d.respond()
    d.text("Hello.")
    d.finish()
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]


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


def test_reasoning_and_parallel_calls_reach_the_model_from_session_and_response():
    driver = Driver()
    (updated,) = driver.update(reasoning={"effort": "low"}, parallel_tool_calls=False)
    assert updated["session"]["reasoning"] == {"effort": "low"}
    assert updated["session"]["parallel_tool_calls"] is False
    driver.respond()
    assert driver.requests[0].reasoning_effort == "low"
    assert driver.requests[0].parallel_tool_calls is False
    driver.finish()
    driver.respond(reasoning={"effort": "high"}, parallel_tool_calls=True)
    assert driver.requests[1].reasoning_effort == "high"
    assert driver.requests[1].parallel_tool_calls is True


def test_a_model_that_does_not_reason_is_named():
    plain = Capabilities(reasoning=False, llm_name="the parrot")
    (error,) = Driver(session_config(plain)).update(reasoning={"effort": "low"})
    assert error["type"] == "error"
    assert "the parrot" in error["error"]["message"]
