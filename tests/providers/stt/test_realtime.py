"""The `realtime` provider: OpenAI's transcription sessions, vLLM's, and those of our own server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pipecat.frames.frames import InterimTranscriptionFrame

from config import VENDOR_DOMAINS, Settings, STTConfig, load_settings
from providers import TurnAudioFrame, TurnCommittedFrame, TurnDiscardedFrame, TurnStartedFrame, stt
from providers.links import realtime_link
from providers.links.passing_on import HEADER
from tests.providers.fakes import vllm_realtime
from tests.providers.fakes.realtime_transcription import KEY, fake_transcription_sessions
from tests.providers.fakes.vllm_realtime import FakeVllm, fake_vllm
from tests.providers.recogniser_vendors import (
    COMPLETED,
    DELTA,
    FAILED,
    REALTIME,
    hearing,
    talking,
    turn,
)
from tests.providers.stage import running as running_stage
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.sdk_client import connected, stream, until
from tests.support.wire_client import WireClient, client, speech

FIRST_UPDATE = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": None,
            "turn_detection": None,
            "transcription": {"model": "gpt-live-transcribe"},
        }
    },
}


def transcription_of(call: Any) -> dict[str, Any]:
    """What a connection was asked of its transcripts."""
    update: dict[str, Any] = call.of("session.update")[0]["session"]
    found: dict[str, Any] = update["audio"]["input"]["transcription"]
    return found


async def test_a_turn_is_configured_streamed_and_committed_on_a_connection_of_its_own():
    async with hearing(REALTIME) as (fake, wire):
        for count in (1, 2):
            await turn(wire)
            assert len(fake.calls) == count
            call = fake.calls[-1]
            assert [event["type"] for event in call.received] == [
                "session.update",
                "input_audio_buffer.commit",
            ]
            assert call.received[0]["session"] == FIRST_UPDATE
            assert call.path == "/v1/realtime"
            assert call.query == {"intent": ["transcription"], "model": ["gpt-live-transcribe"]}
            assert call.headers["authorization"] == f"Bearer {KEY}"
            # By this it would know itself, were it the server that asks.
            assert len(call.headers[HEADER]) == 32
        await fake.until(lambda: all(call.closed.is_set() for call in fake.calls))


async def test_words_come_while_the_turn_is_spoken():
    async with fake_transcription_sessions() as fake:
        config = STTConfig(provider="realtime", api_base=fake.base, api_key=KEY)
        async with running_stage(stt.load(config).create()) as pipeline:
            # A second and a half of a turn that nobody has ended yet.
            await pipeline.push(TurnStartedFrame("one"), TurnAudioFrame("one", bytes(48000)))
            await fake.until(lambda: fake.calls and len(fake.calls[0].audio) >= 48000)
            frames = await pipeline.stage.until(InterimTranscriptionFrame, 2)
            assert [frame.text for frame in frames[:2]] == ["turn", "turn on"]
            assert not fake.calls[0].of("input_audio_buffer.commit")


@pytest.mark.parametrize(
    ("changed", "asked", "expected"),
    [
        ({}, {"language": "de-AT"}, {"language": "de"}),
        ({"language": "fr"}, {}, {"language": "fr"}),
        ({"language": "auto"}, {}, {"language": None}),
        ({}, {"languages": ["de", "en-GB"]}, {"languages": ["de", "en"], "language": None}),
        ({}, {"keywords": ["Bo"]}, {"keywords": ["Bo"], "prompt": None}),
        ({}, {"prompt": "A call."}, {"prompt": "A call."}),
        ({"model": "x"}, {"languages": ["de", "en"]}, {"languages": None, "language": "de"}),
        ({"model": "x"}, {"keywords": ["Bo"], "prompt": "Hi"}, {"prompt": "Hi, Bo", "model": "x"}),
        ({"model": "x", "options": {"keywords": True}}, {"keywords": ["Bo"]}, {"keywords": ["Bo"]}),
        ({"options": {"keywords": False}}, {"keywords": ["Bo"]}, {"prompt": "Bo"}),
        ({"options": {"prompt": False}}, {"keywords": ["Bo"]}, {"keywords": ["Bo"]}),
        (
            {"model": "x", "options": {"prompt": False}},
            {"keywords": ["Bo"]},
            {"prompt": None, "keywords": None},
        ),
        ({"model": "gpt-realtime-whisper"}, {"delay": "high"}, {"delay": "high"}),
        ({"model": "gpt-realtime-whisper"}, {"keywords": ["Bo"]}, {"prompt": None}),
        ({}, {"delay": "high"}, {"delay": None}),
        ({"options": {"delay": "low"}}, {}, {"delay": "low"}),
        ({"options": {"delay": "low"}}, {"delay": "xhigh"}, {"delay": "xhigh"}),
        ({"options": {"languages": ["en", "de"]}}, {"languages": ["fr", "de"]}, {"language": "de"}),
    ],
)
async def test_settings_reach_the_service(changed, asked, expected):
    async with hearing(REALTIME, **changed) as (fake, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        await turn(wire)
        told = transcription_of(fake.calls[0])
        assert {name: told.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"model": "gpt-realtime-whisper"}, {"prompt": "A call."}),
        ({"options": {"prompt": False}}, {"prompt": "A call."}),
        ({"options": {"languages": ["en"]}}, {"language": "fr"}),
    ],
)
async def test_what_the_service_cannot_do_is_refused_before_it_is_asked(changed, asked):
    async with hearing(REALTIME, **changed) as (fake, wire):
        heard = {"input": {"transcription": asked}}
        await wire.send("session.update", session={"type": "realtime", "audio": heard})
        error = (await wire.until("error"))["error"]
        assert error["param"].startswith("session.audio.input.transcription")
        assert not fake.calls


@pytest.mark.parametrize("scores", [True, False])
async def test_what_it_knows_beyond_words_is_told_if_it_tells(scores):
    behaviour = {"scores": scores, "languages": [{"code": "en"}]}
    async with hearing(REALTIME, behaviour) as (_fake, wire):
        await wire.update(include=["item.input_audio_transcription.logprobs"])
        await turn(wire)
        (completed,) = wire.of(COMPLETED)
        assert completed["transcript"] == REALTIME.phrase
        assert completed["languages"] == [{"code": "en"}]
        assert [one["logprob"] for one in completed.get("logprobs", [])] == [-0.25] * scores


async def test_the_parts_of_a_service_that_cuts_turns_by_itself_are_one_turn():
    async with hearing(REALTIME, {"parted": True}) as (_fake, wire):
        await turn(wire)
        assert [event["transcript"] for event in wire.of(COMPLETED)] == [REALTIME.phrase]


async def test_a_connection_that_is_lost_in_mid_turn_is_replaced_by_one_that_hears_all_of_it():
    async with hearing(REALTIME, {"cut_after": 9600, "cuts": 1}, retries=1) as (fake, wire):
        assert (await turn(wire))["status"] == "completed"
        assert [event["transcript"] for event in wire.of(COMPLETED)] == [REALTIME.phrase]
        first, second = fake.calls
        assert len(first.audio) < len(second.audio)


async def test_words_without_an_end_fail_the_turn():
    words = ["x" * 900_000, "y" * 900_000]
    async with hearing(REALTIME, {"words": words}, retries=0) as (fake, wire):
        assert (await turn(wire))["status"] == "failed"
        assert "its transcript is longer than 1 MiB" in wire.of(FAILED)[0]["error"]["message"]
        await fake.until(lambda: fake.calls[0].closed.is_set())


async def test_a_turn_shorter_than_the_service_commits_is_filled_up_with_silence():
    async with fake_transcription_sessions() as fake:
        config = STTConfig(provider="realtime", api_base=fake.base, api_key=KEY)
        async with running_stage(stt.load(config).create()) as pipeline:
            await pipeline.push(TurnCommittedFrame("one", b"\1\1" * 800))
            await fake.until(lambda: fake.calls and fake.calls[0].of("input_audio_buffer.commit"))
        assert fake.heard_ms == [100]
        assert not any(fake.calls[0].audio[2800:])


async def test_a_discarded_turn_is_hung_up():
    async with fake_transcription_sessions() as fake:
        config = STTConfig(provider="realtime", api_base=fake.base, api_key=KEY)
        async with running_stage(stt.load(config).create()) as pipeline:
            await pipeline.push(TurnStartedFrame("one"), TurnAudioFrame("one", bytes(6400)))
            await fake.until(lambda: fake.calls and fake.calls[0].audio)
            await pipeline.push(TurnDiscardedFrame("one"))
            await fake.until(lambda: fake.calls[0].closed.is_set())
            assert not fake.calls[0].of("input_audio_buffer.commit")


async def test_openais_key_is_for_openai_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret-key")
    async with hearing(REALTIME, {"refusal": "none"}, api_key=None, retries=0) as (fake, wire):
        await turn(wire)
        assert "authorization" not in fake.calls[0].headers
        message = wire.of(FAILED)[0]["error"]["message"]
        assert "it wants a key" in message
        assert message.endswith("Set stt.api_key (REALTIME_STT__API_KEY).")


async def test_openai_itself_is_sent_its_key_and_no_model_in_the_address(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret-key")
    async with fake_transcription_sessions() as fake:
        monkeypatch.setattr(realtime_link, "HOSTED", f"{fake.base}/v1/realtime")
        monkeypatch.setitem(VENDOR_DOMAINS, "realtime", ("127.0.0.1",))
        async with talking(REALTIME.stack(fake.base, api_key=None)) as wire:
            await turn(wire)
        assert fake.calls[0].query == {"intent": ["transcription"]}
        assert fake.calls[0].headers["authorization"] == "Bearer sk-openai-secret-key"
        assert HEADER not in fake.calls[0].headers


def test_without_an_address_it_is_openais():
    provider = stt.load(STTConfig(provider="realtime", api_key=KEY))
    assert provider.address == "wss://api.openai.com/v1/realtime"
    assert provider.label == "gpt-live-transcribe at api.openai.com (Realtime)"


# --- vLLM -----------------------------------------------------------------------------------------


@asynccontextmanager
async def hearing_by_vllm(
    behaviour: Mapping[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeVllm, WireClient]]:
    """Run the product with vLLM's fake; yields that and a session."""
    async with fake_vllm(**behaviour or {}) as fake:
        group = {
            "provider": "realtime",
            "api_base": f"http://127.0.0.1:{fake.port}/v1",
            "api_key": vllm_realtime.KEY,
            "model": vllm_realtime.MODEL,
            "retries": 0,
            **changed,
        }
        async with talking(scripted_settings(stt=group, vad={"speculative": False})) as wire:
            yield fake, wire


async def test_vllm_is_spoken_to_in_its_own_protocol():
    async with hearing_by_vllm() as (fake, wire):
        await wire.update(audio={"input": {"transcription": {"language": "de", "prompt": "Bo"}}})
        assert (await turn(wire))["status"] == "completed"
        assert [event["transcript"] for event in wire.of(COMPLETED)] == [REALTIME.phrase]
        deltas = [event["delta"] for event in wire.of(DELTA)]
        assert "".join(deltas) == REALTIME.phrase and len(deltas) > 1
        (call,) = fake.calls
        assert call.received == [
            {"type": "session.update", "model": vllm_realtime.MODEL},
            {"type": "input_audio_buffer.commit", "final": False},
            {"type": "input_audio_buffer.commit", "final": True},
        ]
        assert call.authorization == f"Bearer {vllm_realtime.KEY}"
        start = wire.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        end = wire.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        assert fake.heard_ms == [pytest.approx(end - start, abs=20)]


@pytest.mark.parametrize(
    ("behaviour", "changed", "code", "words"),
    [
        ({}, {"model": "nobody/nothing"}, "invalid_request", "stt.model"),
        ({"broken": True}, {}, "provider_error", "The engine is dead"),
        ({"cut_after": 16000}, {}, "provider_unreachable", "stt.api_base"),
        ({"silent": True}, {"timeout_s": 0.5}, "provider_unreachable", "no result within 0.5 s"),
    ],
)
async def test_a_failure_of_vllm_is_named_and_the_next_turn_works(behaviour, changed, code, words):
    async with hearing_by_vllm(behaviour, **changed) as (fake, wire):
        assert (await turn(wire))["status"] == "failed"
        error = wire.of(FAILED)[0]["error"]
        assert error["code"] == code
        assert words in error["message"]
        assert vllm_realtime.KEY not in error["message"]
        if "model" in changed:
            return
        fake.recover()
        assert (await turn(wire))["status"] == "completed"


@pytest.mark.parametrize("length", [195, 440, 485, 9990])
async def test_a_key_is_masked_before_what_vllm_says_is_cut(length: int):
    behaviour = {"broken": True, "last_words": "x" * length}
    async with hearing_by_vllm(behaviour, retries=0) as (_fake, wire):
        await turn(wire)
        message = wire.of(FAILED)[0]["error"]["message"]
        assert "xxx" in message
        assert vllm_realtime.KEY[:4] not in message


async def test_a_turn_that_vllms_engine_fails_is_sent_again():
    async with hearing_by_vllm({"failing": 1}, retries=1) as (fake, wire):
        assert (await turn(wire))["status"] == "completed"
        assert len(fake.calls) == 2
        assert fake.heard_ms[1] == pytest.approx(fake.heard_ms[0], abs=20)


# --- a second server of ours ----------------------------------------------------------------------


def before(second: RunningServer, **changed: Any) -> Settings:
    """Settings of a server that hears by the second one."""
    group = {"provider": "realtime", "api_base": second.http, "retries": 0, **changed}
    return scripted_settings(stt=group)


async def test_a_second_server_of_ours_hears_for_the_first():
    embedded = {kind: {"provider": "embedded"} for kind in ("stt", "llm", "tts")}
    async with (
        running(load_settings(**embedded)) as second,
        running(before(second, api_key="a-key-that-nobody-asks-for")) as first,
        connected(first) as connection,
    ):
        heard: Any = {"input": {"transcription": {"language": "en", "keywords": ["Bo"]}}}
        await connection.session.update(session={"type": "realtime", "audio": heard})
        await stream(connection, speech("flite-slt_s01"))
        events = await until(connection, "response.done")
        assert events[-1].response.status == "completed"
        (completed,) = [event for event in events if event.type == COMPLETED]
        assert "how are you" in completed.transcript.lower()
        await second.emptied()


async def test_the_model_chooses_a_stack_of_the_second_server():
    two = scripted_settings(
        stt={"text": "the default stack"},
        stacks={"other": {"stt": {"provider": "scripted", "options": {"text": "the other one"}}}},
    )
    async with (
        running(two) as second,
        talking(before(second, model="other")) as other,
        talking(before(second)) as default,
    ):
        for wire, text in ((other, "the other one"), (default, "the default stack")):
            await turn(wire)
            assert [event["transcript"] for event in wire.of(COMPLETED)] == [text]


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"server": {"api_keys": ["a-long-enough-key"]}}, "invalid_api_key", "it wants a key"),
        ({"limits": {"sessions": 1}}, "provider_error", "server_overloaded"),
    ],
)
async def test_what_the_second_server_refuses_is_told_by_the_first(settings, code, words):
    async with running(scripted_settings(**settings)) as second:
        options = {"additional_headers": {"Authorization": "Bearer a-long-enough-key"}}
        async with client(second.url, **options), talking(before(second)) as wire:
            assert (await turn(wire))["status"] == "failed"
            error = wire.of(FAILED)[0]["error"]
            assert error["code"] == code
            assert words in error["message"]
