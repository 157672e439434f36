"""`whisper`: CTranslate2's real loading and decoding, on a model that says one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipecat.frames.frames import InterimTranscriptionFrame, TranscriptionFrame

from config import STTConfig
from pipeline_manager import PipelineManager
from providers.base import ProviderSetupError
from providers.frames import TurnAudioFrame, TurnCommittedFrame, TurnStartedFrame
from providers.stt.short_window import Part, ShortWindow, Wishes
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
    """What the engine is asked, and in which language it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Wishes] = []
        self.samples: list[int] = []
        self.languages: list[str] = []
        self.loaded = 0
        self.error: Exception | None = None
        real = ShortWindow.transcribe
        init = ShortWindow.__init__

        def load(engine: Any, *args: Any, **kwargs: Any) -> None:
            self.loaded += 1
            init(engine, *args, **kwargs)

        def transcribe(engine: Any, samples: Any, wishes: Wishes) -> Iterator[Part]:
            self.asked.append(wishes)
            self.samples.append(len(samples))
            if self.error is not None:
                raise self.error
            for part in real(engine, samples, wishes):
                self.languages.append(part.language)
                # The tiny model always says the same: the prompt tells whose turn it was.
                yield replace(part, text=part.text + wishes.prompt)

        monkeypatch.setattr(ShortWindow, "__init__", load)
        monkeypatch.setattr(ShortWindow, "transcribe", transcribe)


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
    assert calls.asked == [Wishes()]
    # Exactly the turn, in 16 kHz: no padding.
    assert calls.samples == [len(speech("flite-slt_s01")) // 2 + 16 * 400]


async def test_language_and_prompt_reach_the_model_and_can_be_taken_back(model, calls):
    stt = {**settings(model), "language": "fr"}
    async with running(with_stt(**stt)) as server, client(server.url) as wire:
        for transcription in ({"language": "de-AT", "prompt": "Bo"}, {"language": "zh"}, {}):
            await listen(wire, **{"prompt": "", "language": None} | transcription)
            await commit(wire)
            await wire.until(HEARD)
    assert [asked.prompt for asked in calls.asked] == ["Bo", "", ""]
    assert calls.languages == ["de", "zh", "fr"]


async def test_keywords_are_hot_words(model, calls):
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        for keywords in (["Bo", "Li Na"], []):
            await listen(wire, keywords=keywords)
            await commit(wire)
            await wire.until(HEARD)
    assert [asked.hot_words for asked in calls.asked] == ["Bo, Li Na", ""]


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
        ({}, "fr", [{"code": "fr"}]),
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
    assert calls.languages == [used]


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
    # The tiny model is sure of every word.
    assert [one["logprob"] for one in logprobs] == [pytest.approx(0, abs=1e-3)] * 5


async def test_log_probabilities_of_a_long_turn_go_on_behind_its_first_half_minute(model):
    done = await scores(model, speech_24k() + bytes(48000 * 31))
    words = tiny_whisper.SENTENCE.split()
    assert [one["token"].strip() for one in done["logprobs"]] == [*words, *words]
    assert done["transcript"].split() == [*words, *words]


async def test_a_token_may_be_a_part_of_a_character(tmp_path):
    _word, one = (await scores(tiny_whisper.build(tmp_path, "a \xc3")))["logprobs"]
    assert (one["token"], one["bytes"]) == (" \N{REPLACEMENT CHARACTER}", [0x20, 0xC3])


async def test_what_is_dropped_has_no_log_probability_and_no_language(model):
    done = await scores(model, no_speech_prob=1e-30)
    assert (done["transcript"], done["logprobs"], done["languages"]) == ("", [], [])


@pytest.mark.parametrize(
    ("no_speech_prob", "heard"), [(0.6, ""), (0.1, "Thank you.")], ids=["doubted", "believed"]
)
async def test_a_thank_you_of_which_the_model_is_unsure_is_no_transcript(
    model, monkeypatch, no_speech_prob, heard
):
    def transcribe(_engine: Any, _samples: Any, _wishes: Wishes) -> Iterator[Part]:
        yield Part(" Thank you.", "en", no_speech_prob, -0.5)

    monkeypatch.setattr(ShortWindow, "transcribe", transcribe)
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire)
        done = await wire.until(HEARD)
    assert (done["transcript"], done["languages"]) == (heard, [{"code": "en"}] if heard else [])


async def test_nobody_asked_for_log_probabilities(model, calls):
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire)
        assert "logprobs" not in await wire.until(HEARD)
    assert [asked.logprobs for asked in calls.asked] == [False]


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
    try:
        async with running_stage(provider.create()) as pipeline:
            audio = speech("flite-slt_s01")
            await pipeline.push(
                TurnCommittedFrame("a", audio, TranscriptionSettings(("de",), "-a")),
                TurnCommittedFrame("b", audio, TranscriptionSettings(("fr",), "-b")),
            )
            for recognition_id in ("a", "b"):
                frames = await pipeline.stage.until(TranscriptionFrame, 1, recognition_id)
                assert frames[0].text.endswith(f"-{recognition_id}")
    finally:
        await provider.close()
    assert sorted(calls.languages) == ["de", "fr"]


async def test_the_event_loop_turns_while_the_model_works(model, monkeypatch):
    watch = LoopWatch()
    monkeypatch.setattr(ShortWindow, "warm_up", watch.before(ShortWindow.warm_up))
    monkeypatch.setattr(ShortWindow, "transcribe", watch.before(ShortWindow.transcribe))
    async with running(with_stt(**settings(model))) as server, client(server.url) as wire:
        await listen(wire)
        assert watch.turns == 1
        await commit(wire)
        await wire.until(HEARD)
    assert watch.turns == 2


async def test_an_open_turn_is_transcribed_while_it_is_spoken(model, calls):
    provider = WhisperSTT(STTConfig(**settings(model, partial_ms=200)))
    await provider.start()
    audio = speech("flite-slt_s01")
    try:
        async with running_stage(provider.create()) as pipeline:
            await pipeline.push(TurnStartedFrame("turn"), TurnAudioFrame("turn", audio[:9600]))
            (partial,) = await pipeline.stage.until(InterimTranscriptionFrame)
            assert partial.text == tiny_whisper.SENTENCE
            await pipeline.push(TurnCommittedFrame("turn", audio))
            await pipeline.stage.until(TranscriptionFrame)
    finally:
        await provider.close()
    assert calls.samples == [4800, len(audio) // 2]


async def test_on_a_cpu_an_open_turn_waits_for_its_end(model, calls):
    provider = WhisperSTT(STTConfig(**settings(model)))
    await provider.start()
    audio = speech("flite-slt_s01")
    try:
        async with running_stage(provider.create()) as pipeline:
            await pipeline.push(TurnStartedFrame("turn"), TurnAudioFrame("turn", audio))
            await pipeline.push(TurnCommittedFrame("turn", audio))
            await pipeline.stage.until(TranscriptionFrame)
    finally:
        await provider.close()
    assert calls.samples == [len(audio) // 2]


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
    real = ShortWindow.transcribe

    def slow(*args: Any, **kwargs: Any) -> Any:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        yield from real(*args, **kwargs)

    stt = {**settings(model), "timeout_s": 0.2, "connect_timeout_s": 0.1, "retries": 0}
    short = speech_24k()[:24000]
    async with running(with_stt(**stt)) as server, client(server.url) as wire:
        await listen(wire)
        monkeypatch.setattr(ShortWindow, "transcribe", slow)
        await commit(wire, short)
        message = (await wire.until(UNHEARD))["error"]["message"]
        assert "stt.model" in message
        assert "stt.timeout_s" in message
        release.set()
        monkeypatch.setattr(ShortWindow, "transcribe", real)
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
