"""Models that hear (`llm.audio_input`), through the socket, by real audio and real requests."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService

from audio import g711
from audio.pcm import WIRE_RATE, resample, silence
from config import Settings, load_settings
from own_processors.places import Processors
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError, STTProvider
from serving.stacks import Stacks
from tests.providers.fakes.gemini import FakeGemini
from tests.providers.fakes.hearing_chat import HearingChat, recording, samples_of
from tests.providers.model_vendors import GOOGLE, KEY
from tests.support.clips import FIRST, PAUSE_MS, SECOND
from tests.support.running_server import running, scripted_settings, serving
from tests.support.wire_client import WireClient, client, speech

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
HANGS: dict[str, Any] = {"fail": "hang"}
PIPECAT = "pipecat.services.openai.llm:OpenAILLMService"


def settings_of(port: int, stt: dict[str, Any] | None = None, **llm: Any) -> Settings:
    model = {
        "provider": "openai",
        "api_base": f"http://127.0.0.1:{port}/v1",
        "api_key": KEY,
        "model": "qwen-omni",
        "audio_input": True,
        **llm,
    }
    live = {"file_mode": False}
    return scripted_settings(llm=model, stt=HANGS if stt is None else stt, turns=live)


@asynccontextmanager
async def hearing(
    stt: dict[str, Any] | None = None, recogniser: STTProvider | None = None, **llm: Any
) -> AsyncIterator[tuple[HearingChat, WireClient]]:
    """A session with a model that hears; unless said otherwise, its recogniser hangs."""
    fake = HearingChat()
    async with serving(fake.app) as port:
        settings = settings_of(port, stt, **llm)
        manager = PipelineManager(settings, stt=recogniser)
        async with running(settings, manager) as server, client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            yield fake, wire
    assert fake.refused == []


def said(done: dict[str, Any]) -> str:
    """What the answer says."""
    (item,) = done["response"]["output"]
    return str(item["content"][0]["transcript"])


@pytest.mark.parametrize("provider", ["openai", PIPECAT])
async def test_the_answer_is_heard_while_the_recogniser_hangs(provider):
    async with hearing(provider=provider) as (fake, wire):
        await wire.append(speech("flite-slt_s01"))
        done = await wire.until("response.done")
        assert said(done) == "I heard: flite-slt_s01."
        assert wire.of("response.output_audio.delta")
        assert wire.of(COMPLETED) == wire.of(FAILED) == []
        assert fake.heard == [["flite-slt_s01"]], "begun at the pause, and not anew at the end"
        # Some models that hear would speak otherwise.
        assert fake.asked[0].get("modalities") == (["text"] if provider == "openai" else None)


async def test_a_recogniser_that_fails_is_told_of_and_nothing_else_fails():
    async with hearing(stt={"fail": "start"}) as (_fake, wire):
        await wire.append(speech("flite-rms_s06"))
        assert said(await wire.until("response.done")) == "I heard: flite-rms_s06."
        await wire.settled()
        assert len(wire.of(FAILED)) == 1


async def test_who_speaks_on_behind_a_pause_is_heard_whole():
    async with hearing() as (fake, wire):
        await wire.append(FIRST + silence(PAUSE_MS))
        while not fake.heard:
            await wire.update()
        await wire.append(SECOND + silence(900))
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        (early,), (whole,) = fake.lengths
        assert whole - early > len(SECOND) / 48
        assert wire.of("input_audio_buffer.committed")[1:] == []


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma", "8000", "16000", "48000"])
async def test_audio_of_any_format_becomes_a_wav_file_of_16_khz(kind):
    pcm = speech("flite-rms_s06")
    if kind.startswith("audio"):
        written = {"type": kind}
        law: g711.Law = "ulaw" if kind == "audio/pcmu" else "alaw"
        audio = g711.encode(resample(pcm, WIRE_RATE, g711.RATE), law)
    else:
        written = {"type": "audio/pcm", "rate": int(kind)}
        audio = resample(pcm, WIRE_RATE, int(kind))
    async with hearing() as (fake, wire):
        await wire.update(audio={"input": {"format": written}})
        await wire.append(audio)
        assert said(await wire.until("response.done")) == "I heard: flite-rms_s06."
        item_id = wire.of("input_audio_buffer.committed")[0]["item_id"]
        await wire.send("conversation.item.retrieve", item_id=item_id)
        retrieved = await wire.until("conversation.item.retrieved")
        sent = len(base64.b64decode(retrieved["item"]["content"][0]["audio"]))
        per_ms = len(audio) / (len(pcm) / 48)
        # It was begun at the pause, and the turn has half a second of silence behind that.
        assert 0 < sent / per_ms - fake.lengths[0][0] < 500


async def test_tokens_of_audio_are_told_to_the_client():
    async with hearing() as (fake, wire):
        await wire.append(speech())
        done = await wire.until("response.done")
        tokens = round(fake.lengths[0][0] / 40)
        used = done["response"]["usage"]
        assert used["input_token_details"]["audio_tokens"] == tokens
        assert used["input_tokens"] == tokens + 9


class Gate(STTProvider):
    """A recogniser that understands nothing before the test opens it."""

    label = "a gate"

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    def create(self) -> SegmentedSTTService:
        return _Gated(self.opened)


class _Gated(SegmentedSTTService):
    Settings = STTSettings

    def __init__(self, opened: asyncio.Event) -> None:
        super().__init__(settings=STTSettings(model=None, language=None))
        self._opened = opened

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        await self._opened.wait()
        yield TranscriptionFrame("hello how are you", "", "")


async def test_a_transcript_that_comes_into_the_answer_is_told_and_read_in_the_next_turn():
    gate = Gate()
    async with hearing(recogniser=gate) as (fake, wire):
        await wire.append(speech("flite-slt_s01"))
        await wire.until("response.output_audio.delta")
        assert wire.of(COMPLETED) == []
        gate.opened.set()
        completed = await wire.until(COMPLETED)
        assert completed["transcript"] == "hello how are you"
        if not wire.of("response.done"):
            await wire.until("response.done")
        await wire.append(speech("flite-rms_s06"))
        await wire.until("response.done")
        assert fake.heard[-1] == ["flite-rms_s06"]
        texts = [one["content"] for one in fake.asked[-1]["messages"] if one["role"] == "user"]
        assert texts[0] == "hello how are you"


async def test_what_was_never_understood_is_heard_again_in_the_next_turn():
    async with hearing(stt={"fail": "start"}) as (fake, wire):
        for name in ("flite-slt_s01", "flite-rms_s06"):
            await wire.append(speech(name))
            await wire.until("response.done")
        assert fake.heard[-1] == ["flite-slt_s01", "flite-rms_s06"]


async def test_a_model_is_given_no_more_audio_than_it_takes():
    async with hearing(stt={"fail": "start"}, options={"audios": 1}) as (fake, wire):
        for name in ("flite-slt_s01", "flite-rms_s06"):
            await wire.append(speech(name))
            await wire.until("response.done")
        assert fake.heard[-1] == ["flite-rms_s06"]


async def test_a_manual_turn_and_an_audio_item_are_heard():
    async with hearing() as (fake, wire):
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(speech("flite-slt_s01"))
        await wire.send("input_audio_buffer.commit")
        await wire.send("response.create")
        assert said(await wire.until("response.done")) == "I heard: flite-slt_s01."
        audio = base64.b64encode(speech("flite-slt_s10")).decode()
        content = [
            {"type": "input_text", "text": "Listen:"},
            {"type": "input_audio", "audio": audio},
        ]
        item = {"type": "message", "role": "user", "content": content}
        response = {"conversation": "none", "input": [item]}
        await wire.send("response.create", response=response)
        assert said(await wire.until("response.done")) == "I heard: flite-slt_s10."
        (asked,) = (one for one in fake.asked[-1]["messages"] if one["role"] == "user")
        assert asked["content"][0] == {"type": "text", "text": "Listen:"}


async def test_what_is_typed_is_read():
    async with hearing() as (fake, wire):
        await wire.say("good evening")
        assert said(await wire.until("response.done")) == "I heard: good evening."
        assert fake.heard == [[]]


@pytest.mark.parametrize("model", ["gpt-audio-1.5", "openai/gpt-4o-mini-audio-preview"])
async def test_openai_s_models_are_given_a_silence_where_there_is_only_text(model):
    async with hearing(model=model) as (fake, wire):
        await wire.say("good evening")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        text, audio = fake.asked[0]["messages"][-1]["content"]
        assert text == {"type": "text", "text": "good evening"}
        assert not samples_of(base64.b64decode(audio["input_audio"]["data"])).any()


async def test_without_the_setting_the_model_reads():
    async with hearing(stt={"text": "good evening"}, audio_input=False) as (fake, wire):
        await wire.append(speech("flite-slt_s01"))
        assert said(await wire.until("response.done")) == "I heard: good evening."
        assert "modalities" not in fake.asked[0]


@pytest.mark.parametrize("provider", ["openai", PIPECAT])
async def test_a_model_that_refuses_audio_is_answered_with_the_setting_that_sends_it(provider):
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def refuse() -> JSONResponse:
        told = "this model does not support audio input"
        return JSONResponse({"error": {"message": told}}, status_code=400)

    async with serving(app) as port:
        settings = settings_of(port, provider=provider)
        async with running(settings) as server, client(server.url) as wire:
            await wire.append(speech("flite-slt_s01"))
            done = (await wire.until("response.done"))["response"]
    assert "does not support audio input" in done["status_details"]["error"]["message"]
    told = done["status_details"]["error"]["message"]
    assert "switch llm.audio_input (REALTIME_LLM__AUDIO_INPUT) off" in told
    assert ("llm.options.audios says how many" in told) == (provider == "openai")


async def test_google_s_models_hear():
    fake = FakeGemini()
    async with serving(fake.app) as port:
        settings = scripted_settings(
            llm={
                "provider": "google",
                "api_base": f"http://127.0.0.1:{port}",
                "api_key": KEY,
                "model": GOOGLE.model,
                "audio_input": True,
            },
            stt=HANGS,
        )
        async with running(settings) as server, client(server.url) as wire:
            await wire.append(speech("flite-slt_s01"))
            done = await wire.until("response.done")
            assert done["response"]["status"] == "completed"
    (asked,) = fake.asked
    (turn,) = asked["contents"]
    (part,) = turn["parts"]
    assert part["inlineData"]["mimeType"] == "audio/wav"
    data = part["inlineData"]["data"]
    assert recording(samples_of(base64.urlsafe_b64decode(data))) == "flite-slt_s01"


@pytest.mark.parametrize(
    ("llm", "named"),
    [
        ({"provider": "embedded"}, "embedded"),
        ({"provider": "anthropic", "api_key": KEY}, "anthropic"),
        ({"provider": "ollama"}, "ollama"),
        ({"provider": "pipecat.services.anthropic.llm:AnthropicLLMService", "api_key": KEY}, "An"),
    ],
)
def test_a_model_that_cannot_hear_refuses_by_name(llm, named):
    settings = scripted_settings(llm={**llm, "audio_input": True})
    with pytest.raises(ProviderSetupError, match=f"llm.audio_input.*{named}"):
        PipelineManager(settings)


def test_what_to_do_with_audio_that_no_model_is_given_is_refused():
    told = r"llm\.noise_reduced has no meaning without llm\.audio_input"
    hears = {"provider": "openai", "api_key": KEY, "audio_input": True, "noise_reduced": True}
    with pytest.raises(ProviderSetupError, match=told):
        PipelineManager(scripted_settings(llm={**hears, "audio_input": False}))
    with pytest.raises(ProviderSetupError, match=r"\[stacks\.odd\] stacks\.odd\.llm\.noise"):
        Stacks(scripted_settings(stacks={"odd": {"llm": {"noise_reduced": True}}}))
    # A stack that reads takes over nothing of what the server's own model hears.
    (reads,) = Stacks(
        load_settings(llm=hears, stacks={"reads": {"llm": {"audio_input": False}}})
    ).named
    assert not reads.settings.llm.noise_reduced


def test_processors_before_the_recogniser_are_refused_as_the_model_would_hear_past_them():
    hears = {"provider": "openai", "api_key": KEY, "audio_input": True}
    told = r"processors\.before_recogniser has IdentityFilter, but with llm\.audio_input"
    identity = "pipecat.processors.filters.identity_filter:IdentityFilter"
    with pytest.raises(ProviderSetupError, match=told):
        PipelineManager(scripted_settings(llm=hears, processors={"before_recogniser": [identity]}))
    own = Processors(before_recogniser=[IdentityFilter])
    with pytest.raises(ProviderSetupError, match=told):
        PipelineManager(scripted_settings(llm=hears), processors=own)
    with pytest.raises(
        ProviderSetupError, match=r"stacks\.hears\.processors\.before_recogniser has Id"
    ):
        settings = scripted_settings(stacks={"hears": {"llm": hears}})
        Stacks(settings, PipelineManager(settings, processors=own))
    PipelineManager(
        scripted_settings(llm=hears), processors=Processors(before_model=own.before_recogniser)
    )
