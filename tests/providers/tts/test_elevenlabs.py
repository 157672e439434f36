"""ElevenLabs' voices against a loopback WebSocket that speaks its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)

from config import TTSConfig
from providers import tts
from providers.base import ProviderSetupError
from providers.tts.elevenlabs import ElevenLabsTTS
from session.ports import OPENAI_VOICES
from tests.providers.fakes.elevenlabs import CHARACTER_MS, KEY, FakeElevenLabs
from tests.providers.fakes.tone import tone
from tests.providers.speaking import answer, audio, failure, free_port, mute_server, voice
from tests.providers.stage import running

CLAUSES = ["Hello there,", "this is the first sentence.", "And this is the second one."]


@pytest.fixture
async def fake() -> AsyncIterator[FakeElevenLabs]:
    async with FakeElevenLabs().running() as running_fake:
        yield running_fake


def settings(port: int, **changed: Any) -> dict[str, Any]:
    base = {"provider": "elevenlabs", "api_key": KEY, "api_base": f"http://127.0.0.1:{port}"}
    return {**base, "retries": 0, **changed}


def spoken(clauses: list[str]) -> bytes:
    return b"".join(tone(n, len(text) * CHARACTER_MS) for n, text in enumerate(clauses))


async def test_an_answer_arrives_whole_and_in_order(fake):
    options = {"stability": 0.4, "use_speaker_boost": True, "apply_text_normalization": "on"}
    changed = {"model": "eleven_turbo_v2_5", "options": {**options, "language": "de"}}
    async with voice(settings(fake.port, voice_id="my-voice", **changed)) as wire:
        done = await answer(wire)
        assert done["status"] == "completed"
        assert audio(wire) == spoken(CLAUSES)
    assert fake.voice == "my-voice"
    assert fake.query == {
        "model_id": "eleven_turbo_v2_5",
        "output_format": "pcm_24000",
        "auto_mode": "true",
        "apply_text_normalization": "on",
        "language_code": "de",
    }
    contexts = {message.pop("context_id") for message in fake.messages}
    assert len(contexts) == 1
    assert fake.messages == [
        {"text": " ", "voice_settings": {"stability": 0.4, "use_speaker_boost": True}},
        *({"text": text} for text in CLAUSES),
        {"flush": True},
        {"close_context": True},
    ]


async def test_audio_is_streamed(fake):
    fake.go_on.clear()
    async with voice(settings(fake.port)) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        fake.go_on.set()
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert audio(wire) == spoken(CLAUSES)


async def test_a_slow_service_is_waited_for(fake):
    # Pipecat takes an answer for complete after 3 s of silence.
    fake.go_on.clear()
    async with voice(settings(fake.port)) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        asyncio.get_running_loop().call_later(3.5, fake.go_on.set)
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert audio(wire) == spoken(CLAUSES)


async def test_the_connection_is_made_while_the_model_thinks(fake):
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")), asyncio.timeout(20):
        while not fake.open:
            await asyncio.sleep(0)


async def test_a_service_that_is_away_does_not_keep_the_model_waiting():
    async with mute_server() as port, voice(settings(port, connect_timeout_s=60)) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio_transcript.delta")


def beginnings(frames: list[Frame]) -> list[tuple[int, str]]:
    """Where in the audio each clause begins, in milliseconds."""
    position, found = 0, []
    for frame in frames:
        if isinstance(frame, TTSAudioRawFrame):
            position += len(frame.audio) * 1000 // (2 * frame.sample_rate)
        elif isinstance(frame, AggregatedTextFrame) and not isinstance(frame, TTSTextFrame):
            found.append((position, frame.text))
    return found


@pytest.mark.parametrize("alignment", ["exact", "none", "nonsense"])
async def test_each_clause_is_announced_before_its_own_audio(fake, alignment):
    fake.alignment = alignment
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(
            LLMFullResponseStartFrame(),
            *(AggregatedTextFrame(text, "sentence") for text in CLAUSES),
            LLMFullResponseEndFrame(),
        )
        await pipeline.stage.until(LLMFullResponseEndFrame)
        found = beginnings(pipeline.stage.frames)
    assert [text for _, text in found] == CLAUSES
    if alignment == "exact":
        assert [position for position, _ in found] == [0, 120, 390]


async def test_nothing_to_say_ends_at_once_and_needs_no_service():
    provider = ElevenLabsTTS(TTSConfig(**settings(free_port())))
    async with running(provider.create("alloy")) as pipeline:
        await pipeline.push(LLMFullResponseStartFrame(), LLMFullResponseEndFrame())
        await pipeline.stage.until(LLMFullResponseEndFrame)
        assert pipeline.stage.errors == []


async def test_a_cancelled_answer_releases_its_connection(fake):
    fake.go_on.clear()
    async with voice(settings(fake.port)) as wire:
        await wire.say("hi")
        await wire.until("response.output_audio.delta")
        await wire.send("response.cancel")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        fake.go_on.set()
        async with asyncio.timeout(20):
            await fake.left.wait()
        assert (await answer(wire))["status"] == "completed"


async def test_stopping_does_not_wait_for_a_service_that_hangs(fake):
    fake.fail = "dead"
    fake.go_on.clear()
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")) as pipeline:
        text = AggregatedTextFrame("Hello.", "sentence")
        await pipeline.push(LLMFullResponseStartFrame(), text)
        await pipeline.stage.until(TTSAudioRawFrame)
        await pipeline.stop()
        # Pipecat would wait for the service's goodbye, give up waiting, and leave the connection.
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        assert len(fake.open) == 1, "the service's side has not noticed"
        assert names.count("Connection.keepalive") == 1, "and is the only one"


REFUSALS: list[Any] = [
    pytest.param(
        {"refusal": (401, {"status": "invalid_api_key", "message": "Invalid API key"})},
        "invalid_api_key",
        ["status 401: Invalid API key", "ELEVENLABS_API_KEY"],
        id="wrong key at the handshake",
    ),
    pytest.param(
        {"refusal": (403, {"status": "only_for_creator+", "message": "Not for this plan"})},
        "permission_denied",
        ["status 403: Not for this plan"],
        id="not allowed",
    ),
    pytest.param(
        {"refusal": (401, {"status": "quota_exceeded", "message": "No credits"})},
        "insufficient_quota",
        ["No credits", "subscription"],
        id="quota at the handshake",
    ),
    pytest.param(
        {"refusal": (429, {"status": "too_many_concurrent_requests", "message": "Too many"})},
        "rate_limit_exceeded",
        ["status 429: Too many"],
        id="too many requests",
    ),
    pytest.param(
        {"refusal": (404, {})}, "invalid_request", ["status 404"], id="unknown at the handshake"
    ),
    pytest.param(
        {"refusal": (503, {})}, "provider_error", ["status 503", "try again"], id="server is busy"
    ),
    pytest.param(
        {"error": ("invalid_api_key", "Invalid API key.")},
        "invalid_api_key",
        ["Invalid API key.", "ELEVENLABS_API_KEY"],
        id="wrong key",
    ),
    pytest.param(
        {"error": ("voice_id_does_not_exist", "A voice with voice_id my-voice does not exist.")},
        "invalid_request",
        ["voice_id my-voice does not exist", "My Voices"],
        id="unknown voice",
    ),
    pytest.param(
        {"error": ("quota_exceeded", "This request exceeds your quota.")},
        "insufficient_quota",
        ["exceeds your quota"],
        id="quota",
    ),
    pytest.param({"fail": "cut"}, "provider_unreachable", ["lost"], id="cut in the middle"),
    pytest.param(
        {"fail": "close"}, "provider_error", ["internal error", "1011"], id="closed in the middle"
    ),
    pytest.param({"fail": "silent"}, "provider_error", ["no audio"], id="no audio"),
    pytest.param({"fail": "garbage"}, "provider_error", ["makes no sense"], id="garbage"),
    pytest.param({"fail": "hang"}, "provider_unreachable", ["0.2 s"], id="never answers"),
    pytest.param(
        {"fail": "hang in the middle"}, "provider_unreachable", ["0.2 s"], id="hangs in the middle"
    ),
]


@pytest.mark.parametrize(("set_up", "code", "named"), REFUSALS)
async def test_a_failure_is_explained_and_the_next_answer_works(fake, set_up, code, named):
    for name, value in set_up.items():
        setattr(fake, name, value)
    changed = {"voice_id": "my-voice", "timeout_s": 0.2}
    async with voice(settings(fake.port, **changed)) as wire:
        error = await failure(wire)
        assert error["code"] == code
        assert "ElevenLabs eleven_flash_v2_5 at 127.0.0.1" in error["message"]
        assert all(part in error["message"] for part in named), error["message"]
        assert KEY not in error["message"]
        fake.recover()
        before = len(wire.events)
        assert (await answer(wire))["status"] == "completed"
        assert audio(wire, before) == spoken(CLAUSES)


async def test_a_service_that_ends_early_has_failed(fake):
    fake.fail = "end"
    provider = ElevenLabsTTS(TTSConfig(**settings(fake.port)))
    async with running(provider.create("alloy")) as pipeline:
        # The model is still writing.
        text = AggregatedTextFrame(CLAUSES[0], "sentence")
        await pipeline.push(LLMFullResponseStartFrame(), text)
        async with asyncio.timeout(20):
            while not pipeline.stage.errors:
                await asyncio.sleep(0)
        assert pipeline.stage.errors[0].error == "it ended early"


async def test_a_service_that_is_down_is_named_and_works_once_it_is_up():
    fake = FakeElevenLabs()
    fake.port = free_port()
    async with voice(settings(fake.port)) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "api_base" in error["message"]
        async with fake.running():
            assert (await answer(wire))["status"] == "completed"


async def test_a_handshake_without_an_answer_times_out():
    async with mute_server() as port, voice(settings(port, connect_timeout_s=0.2)) as wire:
        error = await failure(wire)
        assert error["code"] == "provider_unreachable"
        assert "no connection within 0.2 s" in error["message"]


@pytest.mark.parametrize("fail", ["hang", "garbage", "silent"])
async def test_a_failure_before_any_audio_is_tried_again(fake, fail):
    fake.fail, fake.failures = fail, 1
    if fail == "silent":
        fake.failures = len(CLAUSES)
    async with voice(settings(fake.port, retries=1, timeout_s=0.2)) as wire:
        assert (await answer(wire))["status"] == "completed"
        assert audio(wire) == spoken(CLAUSES)
    assert len(fake.addresses) == 2


async def test_a_refusal_is_not_tried_again(fake):
    fake.error = ("voice_id_does_not_exist", "A voice with voice_id x does not exist.")
    async with voice(settings(fake.port, retries=3)) as wire:
        await failure(wire)
    assert len(fake.addresses) == 1


async def test_what_was_heard_is_not_said_again(fake):
    fake.fail, fake.failures = "cut", 1
    async with voice(settings(fake.port, retries=3)) as wire:
        await failure(wire)
    assert len(fake.addresses) == 1


async def test_a_voice_cannot_change_the_address(fake):
    async with voice(settings(fake.port)) as wire:
        await wire.update(audio={"output": {"voice": "../x/y?output_format=mp3&a=#"}})
        await answer(wire)
    assert fake.voice == "../x/y?output_format=mp3&a=#"
    assert fake.query["output_format"] == "pcm_24000"


async def test_openais_names_are_voices_of_elevenlabs(fake):
    provider = tts.load(TTSConfig(provider="elevenlabs", api_key=KEY))
    assert set(provider.named_voices) == set(OPENAI_VOICES)
    assert len(set(provider.named_voices.values())) == len(OPENAI_VOICES)
    async with voice(settings(fake.port, voice_id="fable")) as wire:
        await answer(wire)
    assert fake.voice == provider.named_voices["fable"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"api_key": None}, "ELEVENLABS_API_KEY"),
        ({"options": {"stability": 2}}, "tts.options.stability"),
        ({"options": {"pitch": 2}}, "tts.options.pitch"),
        ({"options": {"language": "xx"}}, "tts.options.language"),
        (
            {"model": "eleven_multilingual_v2", "options": {"language": "de"}},
            "eleven_multilingual_v2 takes no language",
        ),
    ],
)
def test_what_cannot_work_is_refused(changed, named, monkeypatch):
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    with pytest.raises(ProviderSetupError, match=named):
        tts.load(TTSConfig(**settings(1, **changed)))
