"""§C.5: `session.audio.input.transcription`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from openai import AsyncOpenAI
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService, STTService
from pipecat.utils.types import NOT_GIVEN, NotGiven

from audio.pcm import silence
from pipeline_manager import PipelineManager
from providers import STTProvider, TokenLogprob, TranscriptionSettings
from session.effects import Transcribe
from session.ports import NO_WISHES, Capabilities
from tests.conformance.sequences import TRANSCRIPTION, driver
from tests.conformance.sessions import apply, audio_input, config
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.session_driver import encoded, types
from tests.support.wire_client import WireClient, client
from wire.errors import ProtocolError

NOTHING: list[dict[str, Any]] = [
    {},
    {"languages": None, "keywords": None, "delay": None},
    {"languages": [], "keywords": []},
]


@pytest.mark.parametrize("nothing", NOTHING)
def test_the_echo_has_three_keys_unless_more_were_set(nothing: dict[str, Any]) -> None:
    wire = apply(config(), audio={"input": {"transcription": {"model": "m", **nothing}}})
    assert json.dumps(audio_input(wire)["transcription"]) == (
        '{"model": "m", "language": null, "prompt": null}'
    )


def test_hints_are_echoed_merge_and_are_taken_back_by_null_and_by_an_empty_list() -> None:
    target = config()
    given = {"languages": ["en", "de"], "keywords": ["Bo"], "delay": "low"}
    wire = apply(target, audio={"input": {"transcription": given}})
    assert json.dumps(audio_input(wire)["transcription"]) == (
        '{"model": null, "language": null, "prompt": null, "languages": ["en", "de"], '
        '"keywords": ["Bo"], "delay": "low"}'
    )
    wire = apply(target, audio={"input": {"transcription": {"keywords": ["Li", " "]}}})
    assert audio_input(wire)["transcription"]["languages"] == ["en", "de"]
    assert target.transcription_settings == TranscriptionSettings(
        ("en", "de"), keywords=("Li",), delay="low"
    )
    taken_back: dict[str, Any] = {"languages": [], "keywords": None, "delay": None}
    wire = apply(target, audio={"input": {"transcription": taken_back}})
    assert list(audio_input(wire)["transcription"]) == ["model", "language", "prompt"]
    assert target.transcription_settings == NO_WISHES


def test_language_and_languages_are_one_list_with_language_first() -> None:
    target = config()
    both = {"language": "de", "languages": ["en", "de", "fr"]}
    apply(target, audio={"input": {"transcription": both}})
    assert target.transcription_settings.languages == ("de", "en", "fr")


def test_languages_that_the_recogniser_does_not_understand_are_left_out_if_one_remains() -> None:
    target = config(Capabilities(languages=frozenset({"en", "fr"})))
    asked = {"language": "de", "languages": ["zh", "en-GB", "fr"]}
    wire = apply(target, audio={"input": {"transcription": asked}})
    assert audio_input(wire)["transcription"]["languages"] == ["zh", "en-GB", "fr"]
    assert target.transcription_settings.languages == ("en-GB", "fr")


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


@pytest.mark.parametrize("language", ["en", "en-US", "EN_gb", "auto", "", None])
def test_a_language_is_known_by_its_first_part(language: str | None) -> None:
    target = config(Capabilities(languages=frozenset({"en"}), transcription_prompt=False))
    wire = apply(target, audio={"input": {"transcription": {"language": language, "prompt": ""}}})
    assert audio_input(wire)["transcription"]["language"] == language


@pytest.mark.parametrize("given", [{"language": "german"}, {"languages": ["en", "e n"]}])
def test_what_is_no_code_of_a_language_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        apply(config(), audio={"input": {"transcription": given}})
    assert caught.value.code == "invalid_value"
    assert caught.value.param == f"session.audio.input.transcription.{next(iter(given))}"
    assert "ISO 639-1" in caught.value.message


def test_empty_words_are_nothing() -> None:
    wire = apply(config(), audio={"input": {"transcription": {"keywords": ["", " "]}}})
    assert "keywords" not in audio_input(wire)["transcription"]


@pytest.mark.parametrize(
    ("transcription", "param"),
    [
        ({"language": "fr"}, "language"),
        ({"language": "FR_ca"}, "language"),
        ({"languages": ["fr", "de"]}, "languages"),
        ({"language": "fr", "languages": ["de"]}, "language"),
        ({"prompt": "x"}, "prompt"),
    ],
)
def test_what_the_recogniser_cannot_do_is_refused_by_name(
    transcription: dict[str, Any], param: str
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


def test_nothing_is_computed_for_an_item_that_is_transcribed_without_events() -> None:
    d = driver(create_response=False)
    d.transcribe()
    d.update(include=INCLUDE)
    d.speak()
    content = [{"type": "input_audio", "audio": encoded(bytes(9600))}]
    d.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    spoken, created = d.kind(Transcribe)
    assert (spoken.settings.logprobs, created.settings.logprobs) == (True, False)


# --- through the socket -----------------------------------------------------------------------


@dataclass
class EarSettings(STTSettings):
    prompt: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    languages: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    keywords: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    delay: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    logprobs: bool | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)


class EarService(SegmentedSTTService):
    """Writes down what it was asked with; heard two languages, and is sure of its words."""

    Settings = EarSettings

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        asked: Any = self._settings
        wishes = [asked.language, asked.languages, asked.prompt, asked.keywords, asked.delay]
        frame = TranscriptionFrame(f"asked {json.dumps(wishes)}", "", "")
        frame.metadata["languages"] = ["de", "en"]
        if asked.logprobs:
            frame.metadata["logprobs"] = [TokenLogprob("\N{EURO SIGN}", b"\xe2\x82\xac", -0.25)]
        yield frame


def asked(done: dict[str, Any]) -> list[Any]:
    wishes: list[Any] = json.loads(done["transcript"].removeprefix("asked "))
    return wishes


class Ears(STTProvider):
    label = "ears"

    def create(self) -> STTService:
        nothing: dict[str, Any] = dict.fromkeys(item.name for item in fields(EarSettings))
        del nothing["extra"]
        return EarService(settings=EarSettings(**nothing))


HINTS = {
    "model": "gpt-live-transcribe",
    "languages": ["en", "de"],
    "keywords": ["Bo"],
    "delay": "xhigh",
    "prompt": "names",
}
DONE = f"{TRANSCRIPTION}.completed"
INCLUDE = ["item.input_audio_transcription.logprobs"]
KINDS = pytest.mark.parametrize("kind", ["realtime", "transcription"])


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    settings = scripted_settings()
    manager = PipelineManager(settings, stt=Ears())
    async with running(settings, manager) as running_server:
        yield running_server


@asynccontextmanager
async def listening(server: RunningServer, kind: str) -> AsyncIterator[WireClient]:
    query = "intent=transcription" if kind == "transcription" else "model=gpt-realtime"
    async with client(f"{server.url.split('?')[0]}?{query}") as wire:
        yield wire


async def heard(wire: WireClient, kind: str, hints: Any, **session: Any) -> dict[str, Any]:
    """Speak a turn with these hints; return the completed event."""
    hearing = {"turn_detection": None, "transcription": hints}
    await wire.update(type=kind, audio={"input": hearing}, **session)
    await wire.append(silence(200))
    await wire.send("input_audio_buffer.commit")
    return await wire.until(DONE)


@KINDS
@pytest.mark.asyncio(loop_scope="module")
async def test_hints_reach_the_recogniser_and_can_be_taken_back(server, kind):
    async with listening(server, kind) as wire:
        done = await heard(wire, kind, HINTS)
        assert asked(done) == ["en", ["en", "de"], "names", ["Bo"], "xhigh"]
        assert wire.of("session.updated")[0]["session"]["audio"]["input"]["transcription"] == {
            **HINTS,
            "language": None,
        }
        done = await heard(wire, kind, {**dict.fromkeys(HINTS), "language": "fr"})
        assert asked(done) == ["fr", None, None, None, None]


@KINDS
@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_recogniser_knows_beyond_words_is_told_where_it_is_asked_for(server, kind):
    async with listening(server, kind) as wire:
        done = await heard(wire, kind, {})
        assert done["languages"] == [{"code": "de"}, {"code": "en"}]
        assert "logprobs" not in done
        done = await heard(wire, kind, {}, include=INCLUDE)
        assert done["logprobs"] == [
            {"token": "\N{EURO SIGN}", "bytes": [0xE2, 0x82, 0xAC], "logprob": -0.25}
        ]
        assert not any("logprobs" in event for event in wire.of(f"{TRANSCRIPTION}.delta"))
        done = await heard(wire, kind, {}, include=[])
        assert "logprobs" not in done


@KINDS
async def test_what_the_recogniser_does_not_know_is_absent(kind):
    async with running(scripted_settings()) as scripted, listening(scripted, kind) as wire:
        done = await heard(wire, kind, HINTS, include=INCLUDE)
        assert wire.of("session.updated")[0]["session"]["include"] == INCLUDE
        assert list(done) == [
            "type", "event_id", "item_id", "content_index", "transcript", "usage",
        ]  # fmt: skip


@pytest.mark.asyncio(loop_scope="module")
async def test_the_sdk_reads_languages_and_log_probabilities(server):
    async with (
        AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1") as sdk,
        sdk.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        hearing: Any = {"turn_detection": None, "transcription": HINTS}
        session: Any = {"type": "transcription", "include": INCLUDE, "audio": {"input": hearing}}
        await connection.session.update(session=session)
        await connection.input_audio_buffer.append(audio=encoded(bytes(9600)))
        await connection.input_audio_buffer.commit()
        while (event := await connection.recv()).type != DONE:
            assert event.type != "error"
        done: Any = event
        assert [language.code for language in done.languages] == ["de", "en"]
        assert [(one.token, one.logprob) for one in done.logprobs] == [("\N{EURO SIGN}", -0.25)]
