"""`POST /v1/audio/transcriptions` as the official SDK calls it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, InternalServerError, NotFoundError

from audio.pcm import wav
from tests.providers import tiny_whisper
from tests.providers.held import BROKEN, HeldRecogniser
from tests.support.model_server import Models, models
from tests.support.places import DATA
from tests.support.running_server import scripted_settings

FILE = ("speech.wav", (DATA / "flite-slt_s01.wav").read_bytes())


async def transcribed(server: Models, **changed: Any) -> Any:
    fields = {"file": FILE, "model": "whisper-1", **changed}
    return await server.sdk.audio.transcriptions.create(**fields)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper")
    return tiny_whisper.build(folder, likely=("fr", "en"))


def whisper(tiny: Path) -> Any:
    options = {"device": "cpu"}
    return scripted_settings(
        stt={"provider": "whisper", "model": str(tiny), "options": options, "timeout_s": 60}
    )


async def test_the_words_come_as_json_and_as_text():
    async with models() as server:
        answer = await transcribed(server)
        assert answer.text == "hello there"
        assert answer.usage.type == "duration"
        assert answer.usage.seconds == pytest.approx(2.4, abs=1)
        assert await transcribed(server, response_format="text") == "hello there\n"
        assert await server.counted("stt", "completed") == 2


async def test_what_whisper_tells_beyond_words_is_in_the_answer(tiny):
    async with models(whisper(tiny)) as server:
        answer = await transcribed(server, model="gpt-4o-transcribe", include=["logprobs"])
        assert answer.text == tiny_whisper.SENTENCE
        assert [one.code for one in answer.languages] == ["fr"]
        assert "".join(one.token for one in answer.logprobs).strip() == tiny_whisper.SENTENCE
        assert 0 <= answer.segments[0]["no_speech_prob"] <= 1
        verbose = await transcribed(server, response_format="verbose_json")
        assert (verbose.language, verbose.text) == ("french", tiny_whisper.SENTENCE)
        (segment,) = verbose.segments
        assert (segment.start, segment.end) == (0, verbose.duration)
        assert segment.avg_logprob == pytest.approx(0, abs=0.1)
        told = await transcribed(server, response_format="verbose_json", language="de")
        assert told.language == "german"
        # A path is nobody's business.
        assert tiny.name in [one.id for one in (await server.sdk.models.list()).data]


async def test_the_answer_may_come_as_events(tiny):
    async with models(whisper(tiny)) as server:
        stream = await transcribed(server, model="gpt-4o-transcribe", stream=True)
        events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[0].delta == events[1].text == tiny_whisper.SENTENCE


async def test_a_client_that_goes_stops_the_engine_and_frees_its_place():
    recogniser = HeldRecogniser()
    async with models(stt=recogniser) as server:
        call = asyncio.create_task(transcribed(server))
        await recogniser.begun.wait()
        call.cancel()
        async with asyncio.timeout(30):
            await recogniser.stopped.wait()
        await server.idle()
        assert await server.counted("stt", "abandoned") == 1
        recogniser.go_on.set()
        assert (await transcribed(server)).text == "held"


async def test_who_finds_no_place_is_told_at_once_to_come_back():
    recogniser = HeldRecogniser()
    async with models(scripted_settings(model_server={"queue": 0}), stt=recogniser) as server:
        first = asyncio.create_task(transcribed(server))
        await recogniser.begun.wait()
        with pytest.raises(InternalServerError) as refused:
            await transcribed(server)
        assert refused.value.status_code == 503
        assert refused.value.response.headers["retry-after"] == "1"
        assert "works on 1 calls, and 0 wait" in refused.value.message
        recogniser.go_on.set()
        assert (await first).text == "held"


async def test_a_failure_names_the_reason():
    recogniser = HeldRecogniser(BROKEN)
    recogniser.go_on.set()
    async with models(stt=recogniser) as server:
        with pytest.raises(InternalServerError) as failed:
            await transcribed(server)
        assert failed.value.code == "provider_error"
        assert "STT held failed: the engine broke" in failed.value.message
        assert await server.counted("stt", "failed") == 1


async def test_a_recogniser_that_gives_no_result_fails():
    settings = scripted_settings(
        stt={"provider": "scripted", "timeout_s": 0.05, "connect_timeout_s": 0.05, "retries": 0}
        | {"options": {"fail": "hang"}}
    )
    async with models(settings) as server:
        with pytest.raises(InternalServerError, match=r"no result within .*stt\.timeout_s") as late:
            await transcribed(server, file=("a.wav", wav(bytes(4800), 24000)))
        assert late.value.status_code == 504


@pytest.mark.parametrize(
    ("changed", "status", "named"),
    [
        ({"model": "tts-1"}, NotFoundError, "ask for 'scripted'"),
        ({"model": "gpt-4o-transcribe-diarize"}, NotFoundError, "not served"),
        ({"response_format": "srt"}, BadRequestError, "when a word was said"),
        ({"temperature": 0.5}, BadRequestError, "'temperature'"),
        ({"timestamp_granularities": ["word"]}, BadRequestError, "'word'"),
        ({"file": ("a.wav", b"no sound")}, BadRequestError, "no WAV"),
        ({"file": ("a.wav", b"")}, BadRequestError, "'file': it is empty"),
        ({"file": ("a.wav", wav(bytes(2 * 24000 * 8)))}, BadRequestError, "audio_minutes"),
        ({"extra_body": {"hotwords": "Bo"}}, BadRequestError, "'hotwords'"),
    ],
)
async def test_what_is_not_done_is_refused_by_name(changed, status, named):
    async with models(scripted_settings(model_server={"audio_minutes": 0.1})) as server:
        with pytest.raises(status, match=named):
            await transcribed(server, **changed)
        assert await server.counted("stt", "refused") == 1


async def test_a_file_that_is_too_large_is_refused():
    async with models(scripted_settings(model_server={"file_mib": 0.01})) as server:
        for size in (11_000, 400_000):
            with pytest.raises(APIStatusError, match=r"model_server\.file_mib") as refused:
                await transcribed(server, file=("a.wav", wav(bytes(size))))
            assert refused.value.status_code == 413


async def test_what_the_recogniser_does_not_know_is_refused():
    recogniser = HeldRecogniser()
    recogniser.languages = frozenset({"en"})
    recogniser.accepts_prompt = False
    recogniser.go_on.set()
    async with models(stt=recogniser) as server:
        with pytest.raises(BadRequestError, match="'fr' is none that held understands"):
            await transcribed(server, language="fr")
        with pytest.raises(BadRequestError, match="held takes no prompt"):
            await transcribed(server, prompt="Bo")
        with pytest.raises(BadRequestError, match="held takes no keywords"):
            await transcribed(server, model="gpt-transcribe", keywords=["Bo"])
        assert (await transcribed(server, language="en-GB")).text == "held"


async def test_a_body_that_is_no_form_is_refused():
    async with models() as server:
        answer = await server.post("/v1/audio/transcriptions", json={"file": "x"})
        assert answer.status_code == 415
        broken = await server.post(
            "/v1/audio/transcriptions",
            content=b"--b\r\n",
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert broken.status_code == 400
