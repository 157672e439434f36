"""§C.2: what the fields of a session do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService

from pipeline_manager import PipelineManager
from providers import STTProvider
from session.ports import Capabilities
from tests.conformance.beta_wire import BetaDriver
from tests.conformance.sequences import driver
from tests.conformance.sessions import apply, config
from tests.support.running_server import running, scripted_settings
from tests.support.session_driver import Driver, of, session_config, types
from tests.support.wire_client import client
from wire.errors import ProtocolError


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


FEW = Capabilities(voices=frozenset({"alloy", "slt"}), voice_aliases=frozenset({"alloy"}))
MANY = Capabilities(
    voices=frozenset({"alloy", *map(str, range(100))}), voice_aliases=frozenset({"alloy"})
)
ANY = Capabilities(voice_aliases=frozenset({"alloy"}))


@pytest.mark.parametrize(("can", "own"), [(FEW, "slt"), (MANY, "7"), (ANY, "voice_1234")])
def test_a_voice_by_its_id_is_the_provider_s_own_and_shown_by_its_name(
    can: Capabilities, own: str
) -> None:
    d = Driver(session_config(can))
    (updated,) = d.update(audio={"output": {"voice": {"id": own}}})
    assert updated["session"]["audio"]["output"]["voice"] == own
    d.respond()
    assert d.requests[0].voice == own
    d.finish()
    d.update(audio={"output": {"voice": "alloy"}})
    (created,) = of(d.respond(audio={"output": {"voice": {"id": own}}}), "response.created")
    assert created["response"]["audio"]["output"]["voice"] == own
    assert d.requests[1].voice == own


@pytest.mark.parametrize(
    ("can", "given"), [(FEW, "alloy"), (FEW, "nobody"), (MANY, "nobody"), (ANY, "alloy")]
)
def test_a_voice_by_an_id_that_the_provider_lacks_is_refused(can: Capabilities, given: str) -> None:
    d = Driver(session_config(can))
    (error,) = d.update(audio={"output": {"voice": {"id": given}}}, instructions="not applied")
    path = "audio.output.voice.id"
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", f"session.{path}")
    assert ("'slt'" if can is FEW else "/v1/audio/voices") in error["error"]["message"]
    assert d.inside.config.instructions != "not applied"
    (error,) = d.respond(audio={"output": {"voice": {"id": given}}})
    assert (error["error"]["code"], error["error"]["param"]) == (
        "invalid_value",
        f"response.{path}",
    )


@pytest.mark.parametrize(
    ("voice", "code", "param"),
    [
        ({}, "missing_required_parameter", ".id"),
        ({"id": None}, "invalid_type", ".id"),
        ({"id": 5}, "invalid_type", ".id"),
        ({"id": "slt", "name": "x"}, "unknown_parameter", ".name"),
        (5, "invalid_type", ""),
        (["slt"], "invalid_type", ""),
    ],
)
def test_a_voice_is_a_name_or_an_object_with_an_id_alone(voice: Any, code: str, param: str) -> None:
    (error,) = Driver(session_config(FEW)).update(audio={"output": {"voice": voice}})
    assert error["error"]["code"] == code
    assert error["error"]["param"] == f"session.audio.output.voice{param}"
    (error,) = BetaDriver().send("session.update", session={"voice": voice})
    assert error["error"]["code"] == code
    assert error["error"]["param"] == f"session.voice{param}"


async def test_the_embedded_voice_is_asked_for_its_own_names_on_a_socket() -> None:
    async with (
        running(scripted_settings(tts={"provider": "embedded"})) as server,
        client(server.url) as wire,
    ):
        updated = await wire.update(audio={"output": {"voice": {"id": "de"}}})
        assert updated["session"]["audio"]["output"]["voice"] == "de"
        session = {"type": "realtime", "audio": {"output": {"voice": {"id": "alloy"}}}}
        await wire.send("session.update", session=session)
        error = (await wire.until("error"))["error"]
        assert error["param"] == "session.audio.output.voice.id"
        await wire.say("Guten Tag.")
        done = (await wire.until("response.done"))["response"]
        assert (done["status"], done["audio"]["output"]["voice"]) == ("completed", "de")


def test_a_voice_by_its_id_is_settled_as_by_its_name() -> None:
    d = Driver(session_config(FEW))
    d.update(audio={"output": {"voice": "slt"}})
    d.respond()
    d.answer()
    same, other = {"voice": {"id": "slt"}}, {"voice": "alloy"}
    assert types(d.update(audio={"output": same})) == ["session.updated"]
    (error,) = d.update(audio={"output": other})
    assert error["error"]["code"] == "cannot_update_voice"
    assert types(d.respond(audio={"output": same})) == ["response.created"]


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


RATES = [8000, 16000, 24000, 48000]
FIELDS: list[tuple[str, Any]] = [
    ("output_modalities", ["text"]),
    ("instructions", ""),
    ("tools", [{"type": "function", "name": "f", "description": "d", "parameters": {}}]),
    ("tool_choice", "none"),
    ("parallel_tool_calls", True),
    *(
        ("reasoning", {"effort": effort})
        for effort in ("minimal", "low", "medium", "high", "xhigh")
    ),
    ("max_output_tokens", 1),
    ("truncation", "disabled"),
    (
        "truncation",
        {
            "type": "retention_ratio",
            "retention_ratio": 0.8,
            "token_limits": {"post_instructions": 1000},
        },
    ),
    ("tracing", {"workflow_name": "w", "group_id": "g", "metadata": {}}),
    ("include", ["item.input_audio_transcription.logprobs"]),
    ("audio.input.format", {"type": "audio/pcmu"}),
    *(("audio.input.format", {"type": "audio/pcm", "rate": rate}) for rate in RATES),
    *(("audio.output.format", {"type": "audio/pcm", "rate": rate}) for rate in RATES),
    ("audio.input.noise_reduction", {"type": "far_field", "strength": 0.5}),
    ("audio.input.transcription", {"model": "m", "language": "de", "prompt": "p"}),
    ("audio.input.turn_detection", None),
    ("audio.output.format", {"type": "audio/pcma"}),
    ("audio.output.voice", "marin"),
    ("audio.output.speed", 0.25),
    ("audio.output.speed", 1.5),
]


@pytest.mark.parametrize(("path", "value"), FIELDS, ids=str)
def test_a_field_is_set_and_echoed_and_no_other_is_changed(path: str, value: Any) -> None:
    d = Driver()
    expected = d.inside.config.wire()
    *blocks, key = path.split(".")
    update: dict[str, Any] = {}
    inner, target = update, expected
    for block in blocks:
        inner, target = inner.setdefault(block, {}), target[block]
    inner[key] = target[key] = value
    (event,) = d.update(**update)
    assert event["session"] == expected


def test_the_strength_of_noise_reduction_is_1_at_first_and_kept_when_omitted() -> None:
    d = Driver()

    def reduce(**reduction: Any) -> Any:
        (event,) = d.update(audio={"input": {"noise_reduction": reduction}})
        return event["session"]["audio"]["input"]["noise_reduction"]

    assert reduce(type="near_field") == {"type": "near_field", "strength": 1.0}
    reduce(type="near_field", strength=0.3)
    assert reduce(type="far_field") == {"type": "far_field", "strength": 0.3}


@pytest.mark.parametrize("delete", [True, False])
def test_the_voice_stays_settled_when_the_speech_is_cut_to_nothing(delete: bool) -> None:
    d = driver()
    d.respond()
    item_id = d.answer()
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": 0}
    assert types(d.send("conversation.item.truncate", **place)) == ["conversation.item.truncated"]
    if delete:
        d.send("conversation.item.delete", item_id=item_id)
    (error,) = d.update(audio={"output": {"voice": "cedar"}})
    assert error["error"]["code"] == "cannot_update_voice"


class Meter(SegmentedSTTService):
    """Understands how loud the end of a turn is."""

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        samples = np.frombuffer(audio, "<i2")[-8000:].astype(float)
        yield TranscriptionFrame(f"{np.sqrt(np.mean(samples**2)):.0f}", "", "")


class Meters(STTProvider):
    label = "meter"

    def __init__(self, *, noise_reduced: bool) -> None:
        self.noise_reduced = noise_reduced

    def create(self) -> Meter:
        return Meter(settings=STTSettings(model=None, language=None))


@pytest.mark.parametrize(
    ("provider", "setting", "filtered"),
    [
        (False, None, False),
        (True, None, True),
        (False, True, True),
        (True, False, False),
    ],
)
async def test_noise_reduction_filters_what_the_recogniser_hears_only_where_that_helps_it(
    provider: bool, setting: bool | None, filtered: bool
) -> None:
    settings = scripted_settings()
    settings.stt.noise_reduced = setting
    manager = PipelineManager(settings, stt=Meters(noise_reduced=provider))
    hiss = np.random.default_rng(1).normal(0, 2000, 24_000 * 3).astype("<i2").tobytes()
    async with running(settings, manager) as server, client(server.url) as wire:
        levels = []
        for noise in (None, {"type": "far_field"}):
            hearing = {"turn_detection": None, "transcription": {}, "noise_reduction": noise}
            await wire.update(audio={"input": hearing})
            await wire.append(hiss)
            await wire.send("input_audio_buffer.commit")
            done = await wire.until("conversation.item.input_audio_transcription.completed")
            levels.append(int(done["transcript"]))
    plain, behind = levels
    assert behind < plain / 2 if filtered else behind == plain
