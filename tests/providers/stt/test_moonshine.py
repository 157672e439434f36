"""`moonshine`: the real native library, on a model that says one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from moonshine_voice import Transcriber
from moonshine_voice.moonshine_api import moonshine_get_stt_dependencies_string

from audio.pcm import silence
from config import STTConfig
from providers.base import ProviderSetupError
from providers.stt.moonshine import MoonshineSTT
from tests.providers import tiny_moonshine
from tests.providers.engines import HEARD, UNHEARD, LoopWatch, commit, listen, with_stt
from tests.providers.file_server import serving_files
from tests.support.running_server import running
from tests.support.wire_client import client

TINY_EN = "download.moonshine.ai/model/tiny-en/quantized/tiny-en"


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    cache: Path = tmp_path_factory.mktemp("moonshine")
    tiny_moonshine.build(cache / TINY_EN)
    return cache


def settings(cache: Path, **group: Any) -> dict[str, Any]:
    options = {"download_dir": str(cache)}
    return {"provider": "moonshine", "model": "tiny", "options": options, **group}


async def test_turns_of_two_sessions_are_transcribed_by_one_model(cache, monkeypatch):
    loaded: list[Any] = []
    real = Transcriber.__init__

    def load(self: Any, *args: Any, **kwargs: Any) -> None:
        loaded.append(args)
        real(self, *args, **kwargs)

    monkeypatch.setattr(Transcriber, "__init__", load)
    async with (
        running(with_stt(**settings(cache))) as server,
        client(server.url) as one,
        client(server.url) as two,
    ):
        for wire in (one, two):
            # What it does not understand is left out; it takes no keywords.
            await listen(wire, languages=["de", "en-GB"], keywords=["Bo"], delay="low")
        for wire in (one, two, one, two):
            await commit(wire)
        for wire in (one, two):
            for _ in range(2):
                assert (await wire.until(HEARD))["transcript"] == tiny_moonshine.SENTENCE
    assert len(loaded) == 1


async def test_silence_has_no_words(cache):
    async with running(with_stt(**settings(cache))) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire, silence(1000))
        assert (await wire.until(HEARD))["transcript"] == ""


async def test_the_event_loop_turns_while_the_model_works(cache, monkeypatch):
    watch = LoopWatch()
    real = Transcriber.transcribe_without_streaming
    monkeypatch.setattr(Transcriber, "transcribe_without_streaming", watch.before(real))
    async with running(with_stt(**settings(cache))) as server, client(server.url) as wire:
        await listen(wire)
        assert watch.turns == 1
        await commit(wire)
        await wire.until(HEARD)
    assert watch.turns == 2


async def test_another_language_and_a_prompt_are_refused_by_name(cache):
    async with running(with_stt(**settings(cache))) as server, client(server.url) as wire:
        for transcription, named in (
            ({"language": "de"}, "de"),
            ({"languages": ["de", "fr"]}, "'de', 'fr'"),
            ({"prompt": "Bo"}, "moonshine"),
        ):
            session = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
            await wire.send("session.update", session=session)
            assert named in (await wire.until("error"))["error"]["message"]


async def test_a_failure_names_the_model_and_the_next_turn_works(cache, monkeypatch):
    async with running(with_stt(**settings(cache))) as server, client(server.url) as wire:
        await listen(wire)
        with monkeypatch.context() as broken:
            real = "transcribe_without_streaming"
            broken.setattr(Transcriber, real, lambda *_: (_ for _ in ()).throw(OSError("broken")))
            await commit(wire)
            message = (await wire.until(UNHEARD))["error"]["message"]
        assert "STT moonshine tiny (en) failed: broken" in message
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"] == tiny_moonshine.SENTENCE


async def test_a_missing_model_is_downloaded(cache, tmp_path, monkeypatch):
    with serving_files() as web:
        for file in (cache / TINY_EN).iterdir():
            web.files[f"/tiny-en/{file.name}"] = file.read_bytes()
        redirect(monkeypatch, web.url)
        provider = MoonshineSTT(STTConfig(**settings(tmp_path)))
        await provider.start()
        await provider.close()
        assert sorted(asked.rpartition("/")[2] for asked in web.asked) == sorted(
            file.name for file in (cache / TINY_EN).iterdir()
        )


async def test_a_download_that_fails_names_file_address_and_place(tmp_path, monkeypatch):
    with serving_files() as web:
        redirect(monkeypatch, web.url)
        provider = MoonshineSTT(STTConfig(**settings(tmp_path)))
        with pytest.raises(ProviderSetupError) as failed:
            await provider.start()
    assert f"{web.url}/tiny-en/encoder_model.ort" in str(failed.value)
    assert str(tmp_path / TINY_EN / "encoder_model.ort") in str(failed.value)


def redirect(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let the library's own list of files name the loopback server instead of its host."""
    real = moonshine_get_stt_dependencies_string

    def listed(*args: Any) -> str:
        host = "https://download.moonshine.ai/model/tiny-en/quantized"
        return str(real(*args)).replace(f'"url":"{host}', f'"url":"{url}')

    monkeypatch.setattr("providers.stt.moonshine.moonshine_get_stt_dependencies_string", listed)


async def test_a_damaged_model_is_no_traceback(tmp_path):
    (tiny_moonshine.build(tmp_path / TINY_EN) / "encoder_model.ort").write_bytes(b"garbage")
    provider = MoonshineSTT(STTConfig(**settings(tmp_path)))
    with pytest.raises(ProviderSetupError, match="cannot be loaded"):
        await provider.start()


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ({"model": "huge"}, "tiny-streaming"),
        ({"language": "fr"}, "stt.language 'fr'"),
        ({"language": "ko", "model": "base"}, "choose one of tiny"),
        ({"options": {"threads": 2}}, "download_dir"),
        ({"api_base": "http://localhost:1"}, "stt.api_base"),
    ],
)
def test_what_it_cannot_use_is_refused(group, named):
    with pytest.raises(ProviderSetupError, match=named):
        MoonshineSTT(STTConfig(provider="moonshine", **group))


@pytest.mark.parametrize(
    ("language", "label"),
    [(None, "small-streaming (en)"), ("zh", "tiny-streaming (zh)"), ("uk", "base (uk)")],
)
def test_each_language_has_a_default_model(language, label):
    assert label in MoonshineSTT(STTConfig(provider="moonshine", language=language)).label
