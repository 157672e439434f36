"""Names of voices on OpenAI-compatible servers, which have voices of their own."""

from __future__ import annotations

from typing import Any

import pytest

from config import TTSConfig
from providers import tts
from providers.base import ProviderSetupError, TTSProvider, VoiceInfo
from session.ports import OPENAI_VOICES
from tests.providers.speaking import answer, failure, voice
from tests.support.fake_openai import FakeOpenAI
from tests.support.ports import free_port
from tests.support.running_server import serving

KOKORO = ["af_alloy", "af_heart", "am_echo", "bm_fable", "jf_alpha", "zf_xiaobei"]


def settings(port: int, **changed: Any) -> dict[str, Any]:
    base = {"provider": "openai", "api_base": f"http://127.0.0.1:{port}/v1", "retries": 0}
    return {**base, "model": "kokoro-x", **changed}


async def started(port: int, **changed: Any) -> TTSProvider:
    provider = tts.load(TTSConfig(**settings(port, **changed)))
    await provider.start()
    await provider.close()
    return provider


async def test_a_name_of_openai_speaks_with_a_voice_of_the_server():
    fake = FakeOpenAI()
    fake.voices = {"voices": KOKORO}
    async with serving(fake.app) as port, voice(settings(port), text="Hello there.") as wire:
        spoken = []
        for name in ("alloy", "echo", "ash", "zf_xiaobei"):
            await wire.send(
                "response.create",
                response={
                    "conversation": "none",
                    "audio": {"output": {"voice": name}},
                },
            )
            assert (await wire.until("response.done"))["response"]["status"] == "completed"
            spoken.append(fake.speeches[-1]["voice"])
    # Called alike where there is one, else from the top of the list; their own names as they are.
    assert spoken == ["af_alloy", "am_echo", "af_heart", "zf_xiaobei"]
    assert fake.voices_asked == 1


@pytest.mark.parametrize(
    "answered",
    [
        {"voices": ["one", "two"]},
        {"voices": [{"id": "one", "name": "The first"}, {"id": "two", "name": "The second"}]},
        {"voices": [{"name": "one"}, {"name": "two"}]},
        {"voices": [{"voice_id": "one"}, {"voice_id": "two"}]},
        {"data": [{"id": "one"}, {"id": "two"}]},
        ["one", "two"],
        [
            {"voice_id": "zero", "model_id": "another"},
            {"voice_id": "one", "model_id": "kokoro-x"},
            {"voice_id": "two", "model_id": "kokoro-x"},
        ],
    ],
)
async def test_servers_list_their_voices_in_many_forms(answered):
    fake = FakeOpenAI()
    fake.voices = answered
    async with serving(fake.app) as port:
        provider = await started(port)
    assert provider.named_voices == {
        name: ["one", "two"][n % 2] for n, name in enumerate(OPENAI_VOICES)
    }
    assert provider.list_voices() == [
        *(VoiceInfo(name, provider.named_voices[name]) for name in sorted(OPENAI_VOICES)),
        VoiceInfo("one", "one"),
        VoiceInfo("two", "two"),
    ]


@pytest.mark.parametrize(
    ("answered", "changed", "named"),
    [
        (None, {}, {}),
        (b"<html>", {}, {}),
        ({"voices": {"alloy": 1}}, {}, {}),
        ("alloy", {}, {}),
        ([1, None, {}], {}, {}),
        (["alloy", "mine"], {}, {}),
        (KOKORO, {"voice_id": "af_heart"}, dict.fromkeys(OPENAI_VOICES, "af_heart")),
        (["mine"], {"options": {"voices": {"alloy": "by-hand"}}}, None),
        (None, {"options": {"voices": {"alloy": "by-hand"}}}, {"alloy": "by-hand"}),
    ],
)
async def test_what_names_stand_for(answered, changed, named):
    fake = FakeOpenAI()
    fake.voices = answered
    async with serving(fake.app) as port:
        provider = await started(port, **changed)
    if named is None:
        named = {**dict.fromkeys(OPENAI_VOICES, "mine"), "alloy": "by-hand"}
    assert provider.named_voices == named


async def test_a_server_that_was_away_at_the_start_is_asked_later():
    fake = FakeOpenAI()
    fake.voices = KOKORO
    port = free_port()
    async with voice(settings(port), text="Hello there.") as wire:
        assert (await failure(wire))["code"] == "provider_unreachable"
        async with serving(fake.app, port):
            assert (await answer(wire))["status"] == "completed"
            assert (await answer(wire))["status"] == "completed"
    assert [speech["voice"] for speech in fake.speeches] == ["af_alloy", "af_alloy"]
    assert fake.voices_asked == 1


async def test_a_server_that_does_not_answer_the_question_is_asked_once(monkeypatch):
    monkeypatch.setattr("providers.tts.openai_voices.PATIENCE_S", 0.2)
    fake = FakeOpenAI()
    fake.voices_hang = True
    async with serving(fake.app) as port, voice(settings(port)) as wire:
        assert (await answer(wire))["status"] == "completed"
    assert {speech["voice"] for speech in fake.speeches} == {"alloy"}
    assert fake.voices_asked == 1


async def test_openai_itself_is_not_asked(monkeypatch):
    async def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("a request was made")

    monkeypatch.setattr("openai.AsyncOpenAI.get", asked)
    provider = tts.load(TTSConfig(provider="openai", api_key="x"))
    await provider.start()
    await provider.close()
    assert {info.id for info in provider.list_voices()} == set(OPENAI_VOICES)


def test_unknown_options_are_refused():
    with pytest.raises(ProviderSetupError, match=r"tts\.options\.voice:.*it takes voices"):
        tts.load(TTSConfig(**settings(1, options={"voice": "x"})))
