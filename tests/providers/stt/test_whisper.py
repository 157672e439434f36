"""`whisper`: faster-whisper's real loading and decoding, on a model that says one sentence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faster_whisper import WhisperModel
from pipecat.frames.frames import TranscriptionFrame

from config import STTConfig
from hearing.recogniser_pipeline import SegmentTurns
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError
from providers.frames import TurnCommittedFrame
from providers.stt.whisper import WhisperSTT
from session.ports import TranscriptionSettings
from tests.providers import tiny_whisper
from tests.providers.engines import HEARD, UNHEARD, LoopWatch, commit, listen, with_stt
from tests.providers.stage import running as running_stage
from tests.providers.stage import speech
from tests.support.running_server import running
from tests.support.wire_client import client
from tests.support.wire_client import speech as speech_24k


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_whisper.build(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def english(tmp_path_factory) -> Path:
    return tiny_whisper.build(tmp_path_factory.mktemp("english"), multilingual=False)


class Calls:
    """What faster-whisper is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        self.loaded = 0
        self.error: Exception | None = None
        real = WhisperModel.transcribe
        init = WhisperModel.__init__

        def load(model: Any, *args: Any, **kwargs: Any) -> None:
            self.loaded += 1
            init(model, *args, **kwargs)

        def transcribe(model: Any, audio: Any, **kwargs: Any) -> Any:
            self.asked.append({**kwargs, "samples": len(audio)})
            if self.error is not None:
                raise self.error
            segments, info = real(model, audio, **kwargs)
            # The tiny model always says the same: the prompt tells whose turn it was.
            tag = kwargs.get("initial_prompt") or ""
            return (replace(segment, text=segment.text + tag) for segment in segments), info

        monkeypatch.setattr(WhisperModel, "__init__", load)
        monkeypatch.setattr(WhisperModel, "transcribe", transcribe)


@pytest.fixture
def calls(monkeypatch) -> Calls:
    return Calls(monkeypatch)


def settings(model: Path, **options: Any) -> dict[str, Any]:
    return {"provider": "whisper", "model": str(model), "options": {"device": "cpu", **options}}


async def test_a_turn_is_transcribed_and_the_language_is_left_to_the_model(model, calls):
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == tiny_whisper.SENTENCE
    warm_up, turn = calls.asked
    assert warm_up["samples"] == 16000
    assert (turn["language"], turn["initial_prompt"], turn["beam_size"]) == (None, None, 5)
    # Exactly the turn, in 16 kHz: no padding.
    assert turn["samples"] == len(speech("flite-slt_s01")) // 2 + 16 * 400


async def test_language_and_prompt_reach_the_model_and_can_be_taken_back(model, calls):
    stt = {**settings(model, beam_size=1), "language": "fr"}
    async with running(with_stt(**stt)) as server, client(server.url) as wire:
        for transcription in ({"language": "de-AT", "prompt": "Bo"}, {"language": "zh"}, {}):
            await listen(wire, **{"prompt": "", "language": None} | transcription)
            await commit(wire)
            await wire.until(HEARD)
    asked = [(c["language"], c["initial_prompt"] or None, c["beam_size"]) for c in calls.asked[1:]]
    assert asked == [("de", "Bo", 1), ("zh", None, 1), ("fr", None, 1)]


async def test_keywords_are_hot_words(model, calls):
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        for keywords in (["Bo", "Li Na"], []):
            await listen(wire, keywords=keywords)
            await commit(wire)
            await wire.until(HEARD)
    assert [call["hotwords"] for call in calls.asked[1:]] == ["Bo, Li Na", None]


async def test_many_keywords_and_a_long_prompt_leave_room_for_the_words(model):
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire, keywords=["x" * 9] * 100, prompt="x" * 1000)
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == tiny_whisper.SENTENCE


@pytest.fixture(scope="module")
def french(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("french")
    return tiny_whisper.build(folder, likely=("fr", "en", "de"))


@pytest.mark.parametrize(
    ("asked", "used", "told"),
    [
        ({}, None, [{"code": "fr"}]),
        ({"languages": ["de-AT", "en"]}, "en", [{"code": "en"}]),
        ({"languages": ["de", "fr"]}, "fr", [{"code": "fr"}]),
        ({"language": "de", "languages": ["it"]}, "de", [{"code": "de"}]),
        ({"languages": ["de"]}, "de", None),
        ({"languages": ["en-US", "en-GB"]}, "en", None),
        ({"languages": ["tlh", "de"]}, "de", None),
    ],
)
async def test_the_likeliest_of_the_languages_is_used_and_told(french, calls, asked, used, told):
    async with running(with_stt(**settings(french))) as server, client(server.url) as wire:
        await listen(wire, **asked)
        await commit(wire)
        assert (await wire.until(HEARD)).get("languages") == told
    assert calls.asked[1]["language"] == used


async def test_a_model_for_english_alone_detects_nothing(english):
    async with running(with_stt(**settings(english))) as server, client(server.url) as wire:
        await listen(wire, languages=["de", "en"])
        await commit(wire)
        assert "languages" not in await wire.until(HEARD)


INCLUDE = ["item.input_audio_transcription.logprobs"]


async def scores(folder: Path, pcm: bytes | None = None, **options: Any) -> dict[str, Any]:
    """Return a transcript for which log probabilities were asked."""
    stt = with_stt(**settings(folder, **options))
    async with running(stt) as server, client(server.url) as wire:
        await listen(wire)
        await wire.update(include=INCLUDE)
        await commit(wire, pcm)
        return await wire.until(HEARD)


async def test_log_probabilities_are_those_of_the_tokens(model):
    done = await scores(model)
    logprobs = done["logprobs"]
    assert "".join(one["token"] for one in logprobs) == f" {done['transcript']}"
    assert [bytes(one["bytes"]) for one in logprobs] == [one["token"].encode() for one in logprobs]
    # The tiny model expects a timestamp before the first word, and is sure of all others.
    first, *others = (one["logprob"] for one in logprobs)
    assert first < -5
    assert others == [pytest.approx(0, abs=1e-3)] * 4


async def test_log_probabilities_of_a_long_turn_go_on_behind_its_first_half_minute(model):
    done = await scores(model, speech_24k() + bytes(48000 * 31))
    words = tiny_whisper.SENTENCE.split()
    assert [one["token"].strip() for one in done["logprobs"]] == [*words, *words]
    assert done["transcript"].split() == [*words, *words]


async def test_a_token_may_be_a_part_of_a_character(tmp_path):
    (one,) = (await scores(tiny_whisper.build(tmp_path, "\xc3")))["logprobs"]
    assert (one["token"], one["bytes"]) == (" \N{REPLACEMENT CHARACTER}", [0x20, 0xC3])


async def test_what_is_dropped_has_no_log_probability_and_no_language(model):
    done = await scores(model, no_speech_prob=1e-30)
    assert (done["transcript"], done["logprobs"], done["languages"]) == ("", [], [])


async def test_nobody_asked_for_log_probabilities(model, monkeypatch):
    monkeypatch.setattr("providers.stt.whisper.ScoredModel", None)
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire)
        assert "logprobs" not in await wire.until(HEARD)


async def test_two_sessions_share_one_model_and_each_gets_its_own_words(model, calls):
    async with (
        running(with_stt(**settings(model))) as server,
        client(server.url) as one,
        client(server.url) as two,
    ):
        for wire, prompt in ((one, "-one"), (two, "-two")):
            await listen(wire, prompt=prompt)
        for wire in (one, two, one, two):
            await commit(wire)
        for wire, prompt in ((one, "-one"), (two, "-two")):
            for _ in range(2):
                assert (await wire.until(HEARD))["transcript"] == tiny_whisper.SENTENCE + prompt
    assert calls.loaded == 1


async def test_turns_committed_at_once_keep_their_own_language_and_prompt(model, calls):
    provider = WhisperSTT(STTConfig(**settings(model)))
    await provider.start()
    service = provider.create()
    turns = SegmentTurns(service, None, 30)  # type: ignore[arg-type]
    try:
        async with running_stage(turns) as pipeline:
            audio = speech("flite-slt_s01")
            await pipeline.push(
                TurnCommittedFrame("a", audio, TranscriptionSettings(("de",), "-a")),
                TurnCommittedFrame("b", audio, TranscriptionSettings(("fr",), "-b")),
            )
            await pipeline.stage.until(TranscriptionFrame, 2)
            for recognition_id in ("a", "b"):
                frames = await pipeline.stage.until(TranscriptionFrame, 1, recognition_id)
                assert frames[0].text.endswith(f"-{recognition_id}")
    finally:
        await provider.close()
    assert sorted(call["language"] for call in calls.asked[1:]) == ["de", "fr"]


async def test_the_event_loop_turns_while_the_model_works(model, monkeypatch):
    watch = LoopWatch()
    real = WhisperModel.generate_with_fallback
    monkeypatch.setattr(WhisperModel, "generate_with_fallback", watch.before(real))
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        warm_up = watch.turns
        await commit(wire)
        await wire.until(HEARD)
    assert warm_up > 0
    assert watch.turns > warm_up


async def test_what_is_probably_no_speech_is_dropped(model):
    stt = settings(model, no_speech_prob=1e-30)
    async with running(with_stt(**stt)) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == ""


async def test_a_failure_names_the_model_and_the_next_turn_works(model, calls):
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        calls.error = RuntimeError("CUDA failed with error out of memory")
        await commit(wire)
        error = (await wire.until(UNHEARD))["error"]
        assert f"STT whisper {model.name} (cpu, int8) failed" in error["message"]
        assert "out of memory" in error["message"]
        calls.error = None
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == tiny_whisper.SENTENCE


async def test_a_model_that_is_too_slow_says_how_to_make_it_faster(model, monkeypatch):
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = WhisperModel.generate_segments

    def slow(*args: Any, **kwargs: Any) -> Any:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        yield from real(*args, **kwargs)

    stt = {**settings(model), "timeout_s": 0.2, "connect_timeout_s": 0.1, "retries": 0}
    short = speech_24k()[:24000]
    async with running(with_stt(**stt)) as server, client(server.url) as wire:
        await listen(wire)
        monkeypatch.setattr(WhisperModel, "generate_segments", slow)
        await commit(wire, short)
        message = (await wire.until(UNHEARD))["error"]["message"]
        assert "stt.model" in message
        assert "stt.timeout_s" in message
        release.set()
        monkeypatch.setattr(WhisperModel, "generate_segments", real)
        await commit(wire, short)
        assert (await wire.until(HEARD))["transcript"] == tiny_whisper.SENTENCE


async def test_a_model_for_english_alone_refuses_other_languages(english):
    async with running(with_stt(**settings(english))) as server, client(server.url) as wire:
        await wire.send(
            "session.update",
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"language": "de"}}},
            },
        )
        assert "de" in (await wire.until("error"))["error"]["message"]
        await listen(wire, language="en")
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == tiny_whisper.SENTENCE


async def starting(**stt: Any) -> str:
    """Return why the provider does not start."""
    provider = PipelineManager(with_stt(provider="whisper", **stt)).stt
    with pytest.raises(ProviderSetupError) as refused:
        await provider.start()
    await provider.close()
    return str(refused.value)


async def test_an_unknown_model_lists_the_known_ones():
    reason = await starting(model="huge")
    assert "stt.model 'huge'" in reason
    assert "large-v3-turbo" in reason


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json"])
async def test_a_folder_that_lacks_a_file_names_it(tmp_path, name):
    (tiny_whisper.build(tmp_path) / name).unlink()
    assert name in await starting(model=str(tmp_path))


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json"])
async def test_a_damaged_file_is_no_traceback(tmp_path, name):
    (tiny_whisper.build(tmp_path) / name).write_bytes(b"\x00garbage")
    reason = await starting(model=str(tmp_path))
    assert str(tmp_path) in reason
    assert "cannot be loaded" in reason


async def test_a_language_the_model_does_not_know_is_refused(english):
    assert "stt.language 'de'" in await starting(model=str(english), language="de")


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ({"options": {"device": "tpu"}}, "stt.options.device"),
        ({"options": {"device": "cpu", "compute_type": "int3"}}, "int8"),
        ({"options": {"beams": 2}}, "beam_size"),
        ({"options": {"parallel": 0}}, "stt.options.parallel"),
        ({"api_base": "http://localhost:1"}, "stt.api_base"),
        ({"api_key": "k"}, "stt.api_key"),
    ],
)
def test_what_it_cannot_use_is_refused(group, named):
    with pytest.raises(ProviderSetupError, match=named):
        WhisperSTT(STTConfig(provider="whisper", **group))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    with pytest.raises(ProviderSetupError, match="use cpu"):
        WhisperSTT(STTConfig(provider="whisper", options={"device": "cuda"}))


def test_the_default_model_is_multilingual_and_fits_the_device(monkeypatch):
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    assert "whisper small (cpu" in WhisperSTT(STTConfig(provider="whisper")).label
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda _device: {"float16"})
    assert "large-v3-turbo (cuda, float16)" in WhisperSTT(STTConfig(provider="whisper")).label
