"""The recogniser of an OpenAI-compatible server: what is special to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.recogniser_vendors import COMPLETED, FAILED, OPENAI, hearing, talking, turn
from tests.providers.speaking import mute_server


async def test_a_server_that_does_not_shake_hands_is_given_up():
    limits = {"timeout_s": 0.5, "connect_timeout_s": 0.5, "retries": 0}
    async with (
        mute_server() as port,
        talking(OPENAI.stack(f"https://127.0.0.1:{port}/v1", **limits)) as wire,
    ):
        await turn(wire)
        (failed,) = wire.of(FAILED)
        assert failed["error"]["code"] == "provider_unreachable"


async def test_openai_s_key_goes_to_nobody_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-alone")
    async with hearing(OPENAI, api_key=None) as (fake, wire):
        await turn(wire)
        assert fake.keys == ["Bearer none"]


INCLUDE = ["item.input_audio_transcription.logprobs"]
BOTH = {"languages": ["de", "en"], "keywords": ["Bo", "Li Na"]}
SURE = [{"token": "what", "bytes": [119, 104, 97, 116], "logprob": -0.5}]


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("whisper-x", {}, {}),
        ("whisper-x", {"language": "de", "prompt": "Bo"}, {"language": ["de"], "prompt": ["Bo"]}),
        ("whisper-x", BOTH, {"language": ["de"], "prompt": ["Bo, Li Na"]}),
        ("gpt-4o-transcribe", {**BOTH, "prompt": "Names:"},
         {"language": ["de"], "prompt": ["Names: Bo, Li Na"]}),
        ("gpt-transcribe", BOTH, {"languages[]": ["de", "en"], "keywords[]": ["Bo", "Li Na"]}),
        ("gpt-transcribe", {"languages": ["de"], "prompt": "Bo"},
         {"language": ["de"], "prompt": ["Bo"]}),
        ("gpt-4o-transcribe-diarize", BOTH, {"language": ["de"]}),
        ("whisper-x", {"language": "en-US"}, {"language": ["en"]}),
        ("gpt-transcribe", {"languages": ["zh-CN", "zh-TW", "EN"]}, {"languages[]": ["zh", "en"]}),
        ("whisper-x", {"language": "auto"}, {}),
        ("whisper-x", {"language": "multi"}, {}),
    ],
)  # fmt: skip
async def test_languages_keywords_and_prompt_are_sent_as_the_model_takes_them(model, asked, sent):
    async with hearing(OPENAI, model=model) as (fake, wire):
        await wire.update(audio={"input": {"transcription": asked}})
        await turn(wire)
        (form,) = fake.asked
        assert {name: value for name, value in form.items() if name != "model"} == sent


async def test_the_configured_language_counts_where_the_client_names_none():
    async with hearing(OPENAI, language="fr") as (fake, wire):
        for languages in (None, ["de"], []):
            await wire.update(audio={"input": {"transcription": {"languages": languages}}})
            await turn(wire)
        assert [form["language"] for form in fake.asked] == [["fr"], ["de"], ["fr"]]


@pytest.mark.parametrize(
    ("model", "scored"),
    [
        ("gpt-4o-mini-transcribe", True),
        ("gpt-4o-transcribe-2025-03-20", True),
        ("gpt-4o-transcribe-diarize", False),
        ("gpt-transcribe", False),
        ("whisper-x", False),
    ],
)
async def test_log_probabilities_are_asked_of_the_models_that_give_them(model, scored):
    async with hearing(OPENAI, {"known": {"logprobs": SURE}}, model=model) as (fake, wire):
        await turn(wire)
        await wire.update(include=INCLUDE)
        await turn(wire)
        assert [form.get("include[]") for form in fake.asked] == [
            None,
            ["logprobs"] if scored else None,
        ]
        unasked, asked = wire.of(COMPLETED)
        assert "logprobs" not in unasked
        assert asked.get("logprobs") == (SURE if scored else None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([{"token": "\N{EURO SIGN}", "logprob": -1}], [0xE2, 0x82, 0xAC]),
        ([{"token": "a", "bytes": [97.0], "logprob": -0.5}], [97]),
        ([-0.5], None),
        ([{"token": "a"}], None),
        ({"a": -0.5}, None),
        (None, None),
    ],
)
async def test_log_probabilities_of_another_shape_are_none(given: Any, told: list[int] | None):
    model = "gpt-4o-transcribe"
    async with hearing(OPENAI, {"known": {"logprobs": given}}, model=model) as (_fake, wire):
        await wire.update(include=INCLUDE)
        await turn(wire)
        logprobs = wire.of(COMPLETED)[0].get("logprobs")
        assert (logprobs and logprobs[0]["bytes"]) == told


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"languages": [{"code": "de"}, {"code": "en"}]}, [{"code": "de"}, {"code": "en"}]),
        ({"languages": []}, []),
        ({"languages": ["de"]}, [{"code": "de"}]),
        ({"languages": "de"}, None),
        ({"languages": [None, {"name": "German"}]}, []),
        ({}, None),
    ],
)
async def test_the_languages_in_the_answer_are_told(known: dict[str, Any], told: Any):
    async with hearing(OPENAI, {"known": known}, model="gpt-transcribe") as (_fake, wire):
        await turn(wire)
        assert wire.of(COMPLETED)[0].get("languages") == told


async def test_a_model_that_tells_speakers_apart_takes_no_prompt():
    async with hearing(OPENAI, model="gpt-4o-transcribe-diarize") as (_fake, wire):
        transcription = {"transcription": {"prompt": "Bo"}}
        session = {"type": "realtime", "audio": {"input": transcription}}
        await wire.send("session.update", session=session)
        error = (await wire.until("error"))["error"]
        assert error["param"] == "session.audio.input.transcription.prompt"


def doubt(*values: Any) -> dict[str, Any]:
    return {"segments": [{"id": at, "no_speech_prob": one} for at, one in enumerate(values)]}


@pytest.mark.parametrize(
    ("known", "heard"),
    [
        (doubt(0.8), ""),
        (doubt(0.8, 0.9), ""),
        (doubt(0.8, 0.1), "Thank you."),
        (doubt(0.1), "Thank you."),
        ({}, "Thank you."),
        ({"segments": "none"}, "Thank you."),
        (doubt(None, "no"), "Thank you."),
    ],
)
async def test_a_thank_you_that_the_server_itself_doubts_is_no_transcript(known: Any, heard: str):
    behaviour = {"text": " Thank you.", "known": known}
    async with hearing(OPENAI, behaviour, model="whisper-x") as (_fake, wire):
        answer = await turn(wire)
        assert wire.of(COMPLETED)[0]["transcript"] == heard
        assert bool(answer["output"]) == bool(heard)


@pytest.mark.parametrize(("model", "asked"), [("whisper-1", "verbose_json"), ("whisper-x", None)])
async def test_only_whisper_1_is_asked_for_its_doubts(model: str, asked: str | None):
    async with hearing(OPENAI, {"known": doubt(0.1)}, model=model) as (fake, wire):
        await turn(wire)
        assert fake.asked[0].get("response_format", [None]) == [asked]
        assert wire.of(COMPLETED)[0]["transcript"] == "what was said"
