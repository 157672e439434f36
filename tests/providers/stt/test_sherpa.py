"""`sherpa` hears: sherpa-onnx's real library, on models that say what is written in them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from sherpa_onnx import OfflineRecognizer, OnlineRecognizer

from audio.pcm import silence
from config import STTConfig
from providers.base import ProviderSetupError
from providers.sherpa.catalogue import RECOGNISERS
from providers.stt.sherpa import SherpaSTT
from tests.providers import tiny_sherpa
from tests.providers.engines import HEARD, UNHEARD, LoopWatch, commit, listen, with_stt
from tests.providers.file_server import serving_files
from tests.providers.tiny_sherpa import SAID, STREAMED
from tests.support.running_server import running
from tests.support.wire_client import client

DELTA = "conversation.item.input_audio_transcription.delta"
ENGLISH, CHINESE = " ".join(SAID["en"]), "".join(SAID["zh"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return tiny_sherpa.build_sense_voice(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def streaming(tmp_path_factory) -> Path:
    return tiny_sherpa.build_streaming(tmp_path_factory.mktemp("streaming"))


def settings(folder: Path, **group: Any) -> dict[str, Any]:
    return {"provider": "sherpa", "model": str(folder), **group}


def counted(monkeypatch: pytest.MonkeyPatch, owner: type[Any], factory: str) -> list[Any]:
    """Count what a class method of the library makes."""
    made: list[Any] = []
    real = getattr(owner, factory)

    def make(**kwargs: Any) -> Any:
        made.append(kwargs)
        return real(**kwargs)

    monkeypatch.setattr(owner, factory, make)
    return made


async def test_whole_turns_of_two_sessions_are_heard_by_one_model(whole, monkeypatch):
    loaded = counted(monkeypatch, OfflineRecognizer, "from_sense_voice")
    async with (
        running(with_stt(**settings(whole))) as server,
        client(server.url) as one,
        client(server.url) as two,
    ):
        for wire in (one, two):
            # The model finds out the language; keywords have no effect on it.
            await listen(wire, languages=["de", "en-GB"], keywords=["Bo"], delay="low")
        for wire in (one, two, one, two):
            await commit(wire)
        for wire in (one, two):
            for _ in range(2):
                heard = await wire.until(HEARD)
                assert heard["transcript"] == f"{CHINESE}."
                assert heard["languages"] == [{"code": "zh"}]
    assert len(loaded) == 1


@pytest.mark.parametrize(
    ("language", "options", "said"),
    [("en", {}, f"{ENGLISH}."), ("zh-CN", {"use_itn": False}, CHINESE)],
)
async def test_the_configured_language_and_its_way_to_write_count(whole, language, options, said):
    group = settings(whole, language=language, options=options)
    async with running(with_stt(**group)) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire)
        heard = await wire.until(HEARD)
    assert heard["transcript"] == said
    assert "languages" not in heard


async def test_a_turn_without_speech_has_no_words_and_no_language(tmp_path):
    silent = tiny_sherpa.build_sense_voice(tmp_path, detected="ja")
    async with running(with_stt(**settings(silent))) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire, silence(1000))
        heard = await wire.until(HEARD)
    assert (heard["transcript"], heard["languages"]) == ("", [])


async def test_a_long_turn_is_heard_in_pieces(whole):
    group = settings(whole, language="en")
    async with running(with_stt(**group)) as server, client(server.url) as wire:
        await listen(wire)
        await commit(wire, silence(70_000))
        assert (await wire.until(HEARD))["transcript"] == " ".join([f"{ENGLISH}."] * 3)


async def test_words_come_while_they_are_spoken_and_the_last_is_not_lost(streaming, monkeypatch):
    loaded = counted(monkeypatch, OnlineRecognizer, "from_zipformer2_ctc")
    async with (
        running(with_stt(**settings(streaming))) as server,
        client(server.url) as wire,
        client(server.url) as other,
    ):
        for one in (wire, other):
            await listen(one)
        # Four chunks and a half; the model hears 130 ms beyond each.
        for one in (wire, other):
            await commit(one, silence(1440))
        for one in (wire, other):
            heard = await one.until(HEARD)
            deltas = [event["delta"] for event in one.of(DELTA)]
            assert heard["transcript"].startswith(" ".join(STREAMED[:5]))
            assert "".join(deltas) == heard["transcript"]
            assert len(deltas) > 1
    assert len(loaded) == 1


async def test_without_silence_behind_it_the_last_word_would_be_lost(streaming):
    words: list[int] = []
    for tail_ms in (0, 660):
        group = settings(streaming, options={"tail_ms": tail_ms})
        async with running(with_stt(**group)) as server, client(server.url) as wire:
            await listen(wire)
            await commit(wire, silence(1440))
            words.append(len((await wire.until(HEARD))["transcript"].split()))
    assert words[0] == 4
    assert words[1] > words[0]


@pytest.mark.parametrize(
    ("options", "keywords", "said"),
    [
        ({}, ["好"], "你号"),
        ({"decoding_method": "modified_beam_search"}, [], "你号"),
        ({"decoding_method": "modified_beam_search"}, ["Bo", "你好"], "你好"),
    ],
)
async def test_a_transducer_that_searches_obeys_keywords(tmp_path, capfd, options, keywords, said):
    group = settings(tiny_sherpa.build_transducer(tmp_path), options=options)
    async with running(with_stt(**group)) as server, client(server.url) as wire:
        await listen(wire, keywords=keywords)
        await commit(wire, silence(500))
        assert (await wire.until(HEARD))["transcript"] == said
    assert "Bo" not in capfd.readouterr().err


async def test_turns_that_were_dropped_leave_no_words_behind(streaming):
    async with running(with_stt(**settings(streaming))) as server, client(server.url) as wire:
        await listen(wire)
        await wire.append(silence(1000), step=9600)
        await wire.send("input_audio_buffer.clear")
        await commit(wire, silence(700))
        # The script begins anew for every turn.
        assert (await wire.until(HEARD))["transcript"].startswith(f"{STREAMED[0]} {STREAMED[1]}")


@pytest.mark.parametrize(
    ("build", "owner", "method"),
    [
        (tiny_sherpa.build_sense_voice, OfflineRecognizer, "decode_stream"),
        (tiny_sherpa.build_streaming, OnlineRecognizer, "decode_stream"),
    ],
)
async def test_the_event_loop_turns_while_the_model_works(
    tmp_path, monkeypatch, build, owner, method
):
    async with running(with_stt(**settings(build(tmp_path)))) as server:
        watch = LoopWatch()
        monkeypatch.setattr(owner, method, watch.before(getattr(owner, method)))
        async with client(server.url) as wire:
            await listen(wire)
            await commit(wire)
            await wire.until(HEARD)
    assert watch.turns >= 1


@pytest.mark.parametrize("build", [tiny_sherpa.build_sense_voice, tiny_sherpa.build_streaming])
async def test_a_failure_names_the_model_and_the_next_turn_works(tmp_path, monkeypatch, build):
    folder = build(tmp_path / "tiny-one")
    owner = OfflineRecognizer if build is tiny_sherpa.build_sense_voice else OnlineRecognizer
    async with running(with_stt(**settings(folder))) as server, client(server.url) as wire:
        await listen(wire)
        with monkeypatch.context() as broken:

            def fail(*_: Any) -> None:
                raise RuntimeError("no memory left")

            broken.setattr(owner, "decode_stream", fail)
            await commit(wire)
            message = (await wire.until(UNHEARD))["error"]["message"]
        assert "STT sherpa tiny-one failed: no memory left" in message
        await commit(wire)
        assert (await wire.until(HEARD))["transcript"]


async def test_another_language_and_a_prompt_are_refused_by_name(whole):
    group = settings(whole, language="zh")
    async with running(with_stt(**group)) as server, client(server.url) as wire:
        for transcription, named in (({"language": "de"}, "de"), ({"prompt": "Bo"}, "sherpa")):
            session = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
            await wire.send("session.update", session=session)
            assert named in (await wire.until("error"))["error"]["message"]


async def test_a_model_is_downloaded_once_by_its_name(whole, tmp_path, monkeypatch, capsys):
    with serving_files() as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        for name in ("model.int8.onnx", "tokens.txt"):
            path = f"/{RECOGNISERS['sense-voice'].repository}/resolve/main/{name}"
            web.files[path] = (whole / name).read_bytes()
        config = STTConfig(provider="sherpa", options={"download_dir": str(tmp_path)})
        for _ in range(2):
            provider = SherpaSTT(config)
            assert provider.label == "sherpa sense-voice"
            await provider.start()
            await provider.close()
        assert len(web.asked) == 2
    assert "sense-voice, 240 MB" in capsys.readouterr().err


async def test_a_download_that_is_another_model_is_told_and_the_server_lives(tmp_path, monkeypatch):
    strange = tiny_sherpa.build_sense_voice(tmp_path / "source", about={"lang_ja": None})
    with serving_files() as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        for name in ("model.int8.onnx", "tokens.txt"):
            path = f"/{RECOGNISERS['sense-voice'].repository}/resolve/main/{name}"
            web.files[path] = (strange / name).read_bytes()
        why = await refused(options={"download_dir": str(tmp_path / "cache")})
    assert "'lang_ja' does not exist" in why
    assert str(tmp_path / "cache") in why


async def refused(**group: Any) -> str:
    with pytest.raises(ProviderSetupError) as error:
        await SherpaSTT(STTConfig(provider="sherpa", **group)).start()
    return str(error.value)


async def test_no_download_where_the_hub_is_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    why = await refused(options={"download_dir": str(tmp_path)})
    assert "HF_HUB_OFFLINE" in why
    assert str(tmp_path) in why


async def test_a_damaged_or_strange_folder_is_named_and_the_server_lives(whole, tmp_path):
    assert "not one file *tokens.txt" in await refused(model=str(tmp_path))
    shutil.copytree(whole, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.int8.onnx").write_bytes(b"garbage" * 100)
    assert "model.int8.onnx is no ONNX file" in await refused(model=str(tmp_path / "damaged"))
    # sherpa-onnx would end this process for it.
    strange = tiny_sherpa.build_sense_voice(tmp_path / "strange", about={"vocab_size": None})
    assert "'vocab_size' does not exist" in await refused(model=str(strange))


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ({"model": "huge"}, "sense-voice (240 MB)"),
        ({"model": "/nowhere"}, "/nowhere"),
        ({"model": "sense-voice", "language": "fr"}, "stt.language 'fr'"),
        ({"options": {"decoding_method": "modified_beam_search"}}, "decoding_method"),
        ({"model": "streaming-zh-en", "options": {"use_itn": True}}, "use_itn"),
        ({"options": {"tail_ms": 100}}, "tail_ms"),
        ({"options": {"beam_size": 2}}, "decoding_method"),
        ({"options": {"device": "cuda"}}, "CPUs"),
        ({"api_base": "http://localhost:1"}, "stt.api_base"),
        ({"api_key": "k"}, "stt.api_key"),
    ],
)
async def test_what_it_cannot_use_is_refused(group, named):
    assert named in await refused(**group)


@pytest.mark.parametrize(
    ("language", "label"),
    [
        (None, "sense-voice"),
        ("zh-TW", "sense-voice"),
        ("ja", "sense-voice"),
        ("en", "parakeet"),
        ("de", "parakeet"),
        ("ar", "whisper-small"),
    ],
)
def test_each_language_has_a_default_model(language, label):
    provider = SherpaSTT(STTConfig(provider="sherpa", language=language))
    assert provider.label == f"sherpa {label}"
