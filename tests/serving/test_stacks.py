"""Several stacks on one server: which one a session gets, and who is told of all (§D.7)."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from loguru import logger
from pipecat.processors.text_transformer import StatelessTextTransformer
from websockets.asyncio.client import connect

from config import Settings, TTSConfig, load_settings
from own_processors.places import Processors
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError
from providers.scripted import ScriptedTTS
from serving.stack_check import check
from serving.stacks import Stacks
from tests.own_processors import people
from tests.support.calls_server import CallsServer, calls_server
from tests.support.counts import counted
from tests.support.fake_calls import OFFER
from tests.support.keys import KEY
from tests.support.running_server import (
    SCRIPTED,
    RunningServer,
    plain_http,
    running,
    scripted_settings,
)
from tests.support.translating import address, append, close, text
from tests.support.wire_client import PATIENCE_S, WireClient, client, refusal, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
VOICES = f"{__name__}:TwoVoices"


class TwoVoices(ScriptedTTS):
    """A voice that has two names, and knows how often it was started and closed."""

    voices = frozenset({"anna", "bert"})
    label = "two voices"

    def __init__(self, config: TTSConfig) -> None:
        super().__init__(config.model_copy(update={"voice_id": None}))
        self.started = self.closed = 0

    async def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.closed += 1


class Broken(ScriptedTTS):
    """A voice that cannot start."""

    async def start(self) -> None:
        raise ProviderSetupError("It is broken.")


def three_stacks(**groups: Any) -> Settings:
    """The default stack; `brief`, with another model; `spoken`, with another ear and voice."""
    return load_settings(
        **{
            **SCRIPTED,
            "llm": {"provider": "scripted", "options": {"text": "the default answers"}},
            "stacks": {
                "brief": {"llm": {"options": {"text": "brief answers"}}},
                "spoken": {
                    "stt": {"options": {"text": "words of another ear"}},
                    "tts": {"provider": VOICES, "voice_id": "anna"},
                    "vad": {"silence_duration_ms": 300},
                },
            },
            **groups,
        }
    )


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running(three_stacks()) as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def strict() -> AsyncIterator[RunningServer]:
    settings = three_stacks(server={"models_strict": True, "api_keys": [KEY]})
    async with running(settings) as running_server:
        yield running_server


def at(server: RunningServer, query: str = "", path: str = "/v1/realtime") -> str:
    return f"ws://127.0.0.1:{server.port}{path}{query}"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def answer(wire: WireClient) -> str:
    """Say something, and return the words of the answer."""
    await wire.say("Who answers?")
    await wire.until("response.done")
    return str(wire.of("response.output_audio_transcript.done")[-1]["transcript"])


async def mint(server: RunningServer, session: dict[str, Any], **options: Any) -> dict[str, Any]:
    async with plain_http() as http:
        url = f"{server.http}/v1/realtime/client_secrets"
        made: dict[str, Any] = (await http.post(url, json={"session": session}, **options)).json()
    return made


# --- which one a session gets ---


async def test_two_stacks_answer_two_sessions_at_once(server: RunningServer) -> None:
    before = await counted(server)
    async with client(at(server, "?model=brief")) as brief, client(at(server)) as usual:
        assert brief.events[0]["session"]["model"] == "brief"
        assert usual.events[0]["session"]["model"] == "gpt-realtime"
        said = await asyncio.gather(answer(brief), answer(usual))
        samples = await counted(server)
    assert [*said] == ["brief answers", "the default answers"]
    for stack in ("brief", "default"):
        assert samples[f'realtime_sessions_active{{stack="{stack}"}}'] == 1
        for metric in (
            f'realtime_responses_total{{outcome="completed",stack="{stack}"}}',
            f'realtime_stage_seconds_count{{stack="{stack}",stage="first_text"}}',
        ):
            assert samples[metric] - before.get(metric, 0) == 1


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/openai/v1/realtime", "?deployment=brief"),
        ("/openai/v1/realtime", "?model=brief"),
        ("/openai/realtime", "?api-version=2024-10-01-preview&deployment=brief"),
    ],
)
async def test_azure_s_deployment_is_a_stack_too(
    server: RunningServer, path: str, query: str
) -> None:
    async with connect(at(server, query, path)) as beta_or_ga:
        session = json.loads(await beta_or_ga.recv())["session"]
        assert session["model"] == "brief"
        spoken: Any = {"type": "response.create", "response": {"instructions": "Speak."}}
        await beta_or_ga.send(json.dumps(spoken))
        event: dict[str, Any] = {"type": ""}
        async with asyncio.timeout(PATIENCE_S):
            while not event["type"].endswith("audio_transcript.done"):
                event = json.loads(await beta_or_ga.recv())
    assert event["transcript"] == "brief answers"


async def test_the_beta_dialect_chooses_likewise(server: RunningServer) -> None:
    beta = {"OpenAI-Beta": "realtime=v1"}
    async with connect(at(server, "?model=spoken"), additional_headers=beta) as wire:
        assert json.loads(await wire.recv())["session"]["voice"] == "anna"


async def test_a_transcription_session_names_its_stack_by_its_model(server: RunningServer) -> None:
    async with client(at(server, "?intent=transcription&model=spoken")) as wire:
        heard = wire.events[0]["session"]["audio"]["input"]["transcription"]
        assert heard["model"] == "spoken"
        # Another model of the transcription changes the name, and nothing else.
        changed = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        await wire.send("session.update", session={"type": "transcription", **changed})
        await wire.until("session.updated")
        await wire.append(speech())
        assert (await wire.until(TRANSCRIBED))["transcript"] == "words of another ear"


async def test_a_translation_session_names_its_stack_too(server: RunningServer) -> None:
    url = address(server, "model=brief")
    async with client(url) as wire:
        assert wire.events[0]["session"]["model"] == "brief"
        await append(wire, speech() + bytes(48_000))
        await close(wire)
        assert text(wire) == "brief answers"


async def test_its_turns_are_detected_and_spoken_as_its_tables_say(server: RunningServer) -> None:
    async with client(at(server, "?model=spoken")) as wire:
        audio = wire.events[0]["session"]["audio"]
        assert audio["input"]["turn_detection"]["silence_duration_ms"] == 300
        assert audio["output"]["voice"] == "anna"
        assert (await wire.update(audio={"output": {"voice": "bert"}}))["type"] == "session.updated"
        await wire.send(
            "session.update",
            session={"type": "realtime", "audio": {"output": {"voice": "alloy"}}},
        )
        error = (await wire.until("error"))["error"]
        assert "'anna' and 'bert'" in error["message"]
        # It answers with the model of the server's own table, which it does not replace.
        assert await answer(wire) == "the default answers"


async def test_an_update_leaves_the_stack_as_it_is(server: RunningServer) -> None:
    async with client(at(server, "?model=brief")) as wire:
        assert (await wire.update(model="spoken"))["session"]["model"] == "brief"
        assert await answer(wire) == "brief answers"


async def test_a_client_secret_is_for_the_stack_that_it_names(server: RunningServer) -> None:
    minted = await mint(server, {"type": "realtime", "model": "spoken"})
    assert minted["session"]["audio"]["output"]["voice"] == "anna"
    options = {"additional_headers": bearer(minted["value"])}
    async with client(at(server, "?model=brief"), **options) as wire:
        assert wire.events[0]["session"]["model"] == "spoken"
        assert await answer(wire) == "the default answers"
    refused = await mint(
        server,
        {"type": "realtime", "model": "spoken", "audio": {"output": {"voice": "alloy"}}},
    )
    assert refused["error"]["param"] == "session.audio.output.voice"


async def test_a_client_secret_for_transcription_names_it_as_the_model(
    server: RunningServer,
) -> None:
    heard = {"input": {"transcription": {"model": "spoken"}}}
    minted = await mint(server, {"type": "transcription", "audio": heard})
    options = {"additional_headers": bearer(minted["value"])}
    async with client(at(server, "?intent=transcription&model=brief"), **options) as wire:
        await wire.append(speech())
        assert (await wire.until(TRANSCRIBED))["transcript"] == "words of another ear"


async def test_one_without_a_model_is_for_any_stack_that_can_do_it(server: RunningServer) -> None:
    minted = await mint(server, {"type": "realtime", "audio": {"output": {"voice": "alloy"}}})
    options = {"additional_headers": bearer(minted["value"])}
    async with client(at(server, "?model=brief"), **options) as wire:
        assert await answer(wire) == "brief answers"
    told = await refusal(at(server, "?model=spoken"), **options)
    assert "'anna' and 'bert'" in told.error["message"]


@pytest.fixture(scope="module")
async def calls() -> AsyncIterator[CallsServer]:
    async with calls_server(three_stacks()) as running_server:
        yield running_server


async def test_a_call_has_the_stack_that_its_url_or_its_session_names(calls: CallsServer) -> None:
    assert (await calls.post("/v1/realtime/calls?model=spoken")).status_code == 201
    assert (await calls.greeting())["audio"]["output"]["voice"] == "anna"
    session = '{"type":"realtime","model":"spoken"}'
    files = {"sdp": (None, OFFER), "session": (None, session)}
    assert (await calls.post(files=files)).status_code == 201
    assert (await calls.greeting())["audio"]["output"]["voice"] == "anna"
    assert (await calls.post()).status_code == 201
    assert (await calls.greeting())["audio"]["output"]["voice"] == "alloy"


async def test_where_names_are_strict_those_of_stacks_will_do(strict: RunningServer) -> None:
    options = {"additional_headers": bearer(KEY)}
    async with client(at(strict, "?model=brief"), **options) as wire:
        assert await answer(wire) == "brief answers"
    assert (await refusal(at(strict, "?model=brie"), **options)).error["code"] == "invalid_model"


async def test_a_stack_called_like_a_model_of_openai_s_gets_its_clients() -> None:
    stacks = {"gpt-realtime": {"llm": {"options": {"text": "the namesake answers"}}}}
    async with running(three_stacks(stacks=stacks)) as server:
        async with client(at(server, "?model=gpt-realtime")) as wire:
            assert await answer(wire) == "the namesake answers"
        async with client(at(server)) as wire:
            assert wire.events[0]["session"]["model"] != "gpt-realtime"
            assert await answer(wire) == "the default answers"


# --- who is told ---


async def test_models_are_listed_with_what_answers(strict: RunningServer) -> None:
    async with plain_http(base_url=strict.http) as http:
        listed = (await http.get("/v1/models", headers=bearer(KEY))).json()["data"]
        found = (await http.get("/v1/models/spoken", headers=bearer(KEY))).json()
        secret = (await mint(strict, {"type": "realtime"}, headers=bearer(KEY)))["value"]
        hidden = (await http.get("/v1/models", headers=bearer(secret))).json()["data"]
    stacks = {model["id"]: model["stack"] for model in listed}
    scripted = dict.fromkeys(("stt", "llm", "tts"), "scripted")
    assert stacks["brief"] == {"name": "brief", **scripted}
    assert stacks["gpt-realtime"] == {"name": "default", **scripted}
    assert found["stack"] == {"name": "spoken", **scripted, "tts": "two voices"} == stacks["spoken"]
    assert [model["id"] for model in hidden] == [*stacks]
    assert not any("stack" in model for model in hidden)


async def test_stacks_alike_but_for_their_ports_are_told_apart_in_the_list() -> None:
    def model(port: int) -> dict[str, Any]:
        base = f"http://somebody:secret@127.0.0.1:{port}/v1"
        return {"provider": "openai", "model": "m", "api_base": base}

    stacks = {"same": {}, "other": {"llm": model(2)}}
    async with (
        running(scripted_settings(llm=model(1), stacks=stacks)) as server,
        plain_http(base_url=server.http) as http,
    ):
        listed = (await http.get("/v1/models")).json()["data"]
    llms = {one["stack"]["name"]: one["stack"]["llm"] for one in listed}
    assert llms["default"] == llms["same"]
    assert llms["default"].endswith(" (127.0.0.1:1/v1)")
    assert llms["other"].endswith(" (127.0.0.1:2/v1)")
    assert {one["stack"]["stt"] for one in listed} == {"scripted"}


async def test_voices_are_listed_with_the_stacks_that_have_them(server: RunningServer) -> None:
    async with plain_http(base_url=server.http) as http:
        everything = (await http.get("/v1/audio/voices")).json()
        spoken = (await http.get("/v1/audio/voices", params={"model": "spoken"})).json()
        usual = (await http.get("/v1/audio/voices", params={"model": "gpt-realtime"})).json()
    assert {voice["id"]: voice["stacks"] for voice in everything["data"]} == {
        "anna": ["spoken"],
        "bert": ["spoken"],
    }
    assert everything["voices"] == spoken["voices"] == ["anna", "bert"]
    assert usual["voices"] == []
    assert not any("stacks" in voice for voice in spoken["data"])


async def test_the_console_is_told_what_each_offers(server: RunningServer) -> None:
    async with plain_http(base_url=server.http) as http:
        told = (await http.get("/console/state")).json()
        checked = (await http.post("/console/check")).json()["verdicts"]
    assert list(told["stacks"]) == ["brief", "spoken"]
    assert told["default_voice"] is None
    assert told["stacks"]["spoken"]["default_voice"] == "anna"
    assert [voice["id"] for voice in told["stacks"]["spoken"]["voices"]] == ["anna", "bert"]
    assert told["stacks"]["spoken"]["vad"]["silence_duration_ms"] == 300
    assert told["stacks"]["spoken"]["stack"]["tts"] == "two voices"
    assert [(one["stage"], one["stacks"]) for one in checked] == [
        ("TTS", ["default", "brief"]),
        ("STT", ["default", "brief"]),
        ("LLM", ["default", "spoken"]),
        ("LLM", ["brief"]),
        ("TTS", ["spoken"]),
        ("STT", ["spoken"]),
    ]


async def test_the_log_names_the_stack(server: RunningServer) -> None:
    lines: list[dict[str, Any]] = []
    sink = logger.add(lambda line: lines.append(dict(line.record["extra"])))
    try:
        async with client(at(server, "?model=brief")) as wire:
            await answer(wire)
            session_id = wire.events[0]["session"]["id"]
        await server.emptied()
    finally:
        logger.remove(sink)
    own = [line for line in lines if line.get("session_id") == session_id]
    events = {line["event"]: line["stack"] for line in own}
    assert events == dict.fromkeys(("session.opened", "response", "session.closed"), "brief")


async def test_a_failure_names_the_table_and_the_variable_of_its_stack() -> None:
    gone = {"provider": "openai", "api_base": "http://127.0.0.1:9/v1", "retries": 0}
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.record["message"]))
    stacks = {"other": dict.fromkeys(("stt", "llm"), gone), "same": {}}
    llm = {**gone, "api_base": "http://127.0.0.1:10/v1"}
    try:
        async with running(three_stacks(llm=llm, stacks=stacks)) as server:
            told = {}
            for stack in ("other", "same"):
                async with client(at(server, f"?model={stack}")) as wire:
                    await wire.say("Who answers?")
                    done = (await wire.until("response.done"))["response"]
                    told[stack] = done["status_details"]["error"]["message"]
            async with client(at(server, "?intent=transcription&model=other")) as wire:
                await wire.append(speech())
                failed = await wire.until("conversation.item.input_audio_transcription.failed")
            await server.emptied()
    finally:
        logger.remove(sink)
    own = "stacks.other.llm.api_base (REALTIME_STACKS__OTHER__LLM__API_BASE) is right"
    assert own in told["other"]
    # What a stack has from the server's own tables is to be put right there.
    assert "that llm.api_base (REALTIME_LLM__API_BASE) is right" in told["same"]
    assert "(REALTIME_STACKS__OTHER__STT__API_BASE)" in failed["error"]["message"]
    assert any("failed, stack other: " in line and own in line for line in lines)
    [warned] = [line for line in lines if line.startswith("[stacks.other] LLM ")]
    assert own in warned


async def test_the_check_names_the_table_of_a_stack_too() -> None:
    gone = {"provider": "openai", "api_base": "http://127.0.0.1:9/v1", "retries": 0}
    verdicts = await check(three_stacks(stacks={"other": {"llm": gone}}))
    [error] = [one.error for one in verdicts if one.stacks == ("other",)]
    assert error is not None
    assert "REALTIME_STACKS__OTHER__LLM__API_BASE" in error.message


async def test_ready_names_the_service_of_a_stack_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        llm = {"provider": "openai", "api_base": here, "api_key": "a-key-of-someone"}
        stacks = {"one": {"llm": llm}, "two": {"llm": llm}}
        async with running(three_stacks(stacks=stacks)) as server, plain_http() as http:
            ready = await http.get(f"{server.http}/ready")
            assert (ready.status_code, ready.json()["providers"]) == (
                200,
                {"one.llm": f"127.0.0.1:{listener.getsockname()[1]}"},
            )
            listener.close()
            gone = await http.get(f"{server.http}/ready")
    assert (gone.status_code, list(gone.json()["providers"])) == (503, ["one.llm"])


# --- what they share ---


async def test_what_stacks_have_alike_is_started_and_closed_once() -> None:
    voice = {"provider": VOICES}
    stacks = Stacks(
        three_stacks(
            tts=voice,
            stacks={
                "alike": {"llm": {"default_instructions": "Other words, and the same model."}},
                "other": {"tts": {"voice_id": "bert"}},
            },
        )
    )
    default, alike, other = stacks
    await stacks.start()
    await stacks.close()
    assert alike.pipelines.stages() == default.pipelines.stages()
    assert other.pipelines.llm is default.pipelines.llm
    voices = [default.pipelines.tts, other.pipelines.tts]
    assert len(set(voices)) == 2
    assert [(one.started, one.closed) for one in voices if isinstance(one, TwoVoices)] == [
        (1, 1),
        (1, 1),
    ]


async def test_what_has_started_is_closed_where_a_later_stack_cannot_start() -> None:
    broken = {"tts": {"provider": f"{__name__}:Broken"}}
    stacks = Stacks(three_stacks(tts={"provider": VOICES}, stacks={"broken": broken, "fine": {}}))
    with pytest.raises(ProviderSetupError, match=r"\[stacks\.broken\] It is broken"):
        await stacks.start()
    voice = stacks.default.pipelines.tts
    assert isinstance(voice, TwoVoices)
    assert (voice.started, voice.closed) == (1, 1)


async def test_a_provider_that_cannot_be_is_named_with_its_table() -> None:
    with pytest.raises(ProviderSetupError, match=r"\[stacks\.odd\] There is no LLM provider 'op'"):
        Stacks(three_stacks(stacks={"odd": {"llm": {"provider": "op"}}}))


# --- processors that were given in code ---


def shouting() -> StatelessTextTransformer:
    return StatelessTextTransformer(str.upper)


async def test_processors_given_in_code_are_those_of_every_stack_that_has_none_of_its_own() -> None:
    stacks = {
        **three_stacks().model_dump(include={"stacks"}, exclude_unset=True)["stacks"],
        "quiet": {"processors": {"before_voice": []}},
        "patient": {"processors": {"timeout_s": 19}},
    }
    settings = three_stacks(stacks=stacks)
    own = Processors(before_voice=[shouting], timeout_s=18)
    async with running(settings, PipelineManager(settings, processors=own)) as given:
        said = []
        for name in ("brief", "quiet", "patient"):
            async with client(at(given, f"?model={name}")) as wire:
                said.append(await answer(wire))
    assert said == ["BRIEF ANSWERS", "the default answers", "THE DEFAULT ANSWERS"]


async def test_those_given_in_code_and_those_configured_are_every_stack_s() -> None:
    configured = {"before_client": [f"{__name__}:shouting"]}
    stacks = {
        "same": {},
        "own": {"processors": configured},
        "quiet": {"processors": {"before_client": [], "before_voice": []}},
    }
    settings = three_stacks(stacks=stacks, processors={**configured, "timeout_s": 7})
    manager = PipelineManager(settings, processors=Processors(before_voice=[shouting]))
    told = {stack.name: stack.pipelines.processors for stack in Stacks(settings, manager)}
    both = ["shouting (before_voice)", "shouting (before_client)"]
    assert {name: one.names for name, one in told.items()} == {
        "default": both,
        "same": both,
        "own": both,
        "quiet": [],
    }
    assert {one.limit_s for one in told.values()} == {7}
    given = PipelineManager(settings, processors=Processors(before_client=[people.Louder]))
    own = Stacks(settings, given).of("own").pipelines.processors
    assert own.names == ["shouting (before_client)"], "as its own table says"


async def test_an_upstream_takes_over_no_processors_given_in_code() -> None:
    direct = {"upstream": {"provider": "openai", "url": "ws://127.0.0.1:9/v1/realtime"}}
    settings = three_stacks(stacks={"direct": direct})
    manager = PipelineManager(settings, processors=Processors(before_voice=[shouting]))
    (stack,) = Stacks(settings, manager).named
    assert not stack.pipelines.processors.names


def test_processors_that_are_not_there_are_named_with_their_table() -> None:
    own = {"processors": {"before_voice": ["no_such_module:Filter"]}}
    with pytest.raises(ProviderSetupError, match=r"\[stacks\.odd\] no_such_module:Filter cannot"):
        Stacks(three_stacks(stacks={"odd": own}))
