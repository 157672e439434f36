"""`sherpa` speaks: sherpa-onnx's real library, on voices that hum."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from config import TTSConfig
from providers.base import ProviderSetupError
from providers.sherpa.catalogue import VOICES
from providers.tts.sherpa import SherpaTTS
from session.ports import OPENAI_VOICES
from tests.providers import tiny_sherpa_voices as tiny
from tests.providers.engines import answer, spoken_by, talking, voices, with_tts
from tests.providers.file_server import serving_files
from tests.providers.tiny_sherpa_voices import KOKORO_STEP, MELO_PITCH_HZ, SPEAKERS
from tests.providers.tiny_voices import pitch_of
from tests.support.running_server import running

TEXT = "Hello there."


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny.build_kokoro(tmp_path_factory.mktemp("kokoro"))


def settings(folder: Path, voice: str | None = None, **options: Any) -> dict[str, Any]:
    return {"provider": "sherpa", "model": str(folder), "voice_id": voice, "options": options}


async def test_each_speaker_is_a_voice_with_its_pitch(folder):
    async with running(with_tts(TEXT, **settings(folder))) as server:
        heard = {name: pitch_of(await spoken_by(server, name), 24000) for name in SPEAKERS}
    assert heard == {name: pytest.approx(pitch, rel=0.05) for name, pitch in SPEAKERS.items()}


async def test_openais_names_stand_for_the_chinese_voices_which_know_both_languages(folder):
    async with talking(with_tts(TEXT, **settings(folder))) as (server, wire):
        listed = {voice["id"]: voice for voice in await voices(server)}
        await wire.send("response.create", response={"audio": {"output": {"voice": "hal"}}})
        assert "hal" in (await wire.until("error"))["error"]["message"]
    assert listed.keys() == {*OPENAI_VOICES, *SPEAKERS}
    assert (listed["nova"]["speaks_as"], listed["nova"]["language"]) == ("zf_001", "zh")
    assert listed["onyx"]["speaks_as"] == "zm_009"
    assert listed["af_maple"]["language"] == "en-US"


def seconds(pcm: bytes) -> float:
    return len(pcm) / 48000


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # Both ends of an utterance, the words' sounds, spaces and the mark.
        ("Hello there.", 2 + 4 + 1 + 3 + 1),
        ("你好", 2 + 5),
        # What is in no lexicon is spelled, and an ending that is unknown left out.
        ("Hello xyz.", 2 + 4 + 1 + 5 + 1),
        ("Hello there's.", 2 + 4 + 1 + 3 + 1),
    ],
)
async def test_every_word_is_said(folder, text, tokens):
    async with talking(with_tts(text, **settings(folder))) as (_server, wire):
        done, pcm = await answer(wire)
    assert done["status"] == "completed"
    assert seconds(pcm) == pytest.approx(tokens * KOKORO_STEP / 24000, abs=0.06)


async def test_what_it_does_not_know_is_printed_nowhere(folder, capfd):
    async with talking(with_tts("Hello qqqq 饕餮 there 🙂.", **settings(folder))) as (
        _server,
        wire,
    ):
        done, pcm = await answer(wire)
    assert done["status"] == "completed"
    assert pcm
    printed = capfd.readouterr()
    assert "qqqq" not in printed.err + printed.out
    assert "饕" not in printed.err + printed.out


async def test_a_text_without_a_word_makes_no_sound(folder):
    async with talking(with_tts("🙂", **settings(folder))) as (_server, wire):
        done, pcm = await answer(wire)
    assert (done["status"], pcm) == ("completed", b"")


async def test_a_melo_of_another_rate_speaks_in_its_pitch(tmp_path):
    melo = tiny.build_melo(tmp_path)
    async with talking(with_tts("Hello 你好.", **settings(melo))) as (server, wire):
        done, pcm = await answer(wire)
        listed = await voices(server)
    assert done["status"] == "completed"
    assert pitch_of(pcm, 24000) == pytest.approx(MELO_PITCH_HZ, rel=0.05)
    assert {voice["speaks_as"] for voice in listed} == {"0"}


async def test_in_a_chinese_text_its_own_rules_read_numbers(tmp_path):
    folder = tiny.build_kokoro(tmp_path)
    tiny.build_rule(folder / "number-zh.fst", "1", "a")
    async with talking(with_tts("你好1", **settings(folder))) as (_server, wire):
        done, pcm = await answer(wire)
    assert done["status"] == "completed"
    said, both_ends = 5 + 1, 2 * 2
    assert seconds(pcm) == pytest.approx((said + both_ends) * KOKORO_STEP / 24000, abs=0.06)


async def test_a_voice_is_downloaded_once_by_its_name(folder, tmp_path, monkeypatch):
    model = VOICES["kokoro-v1.1-zh"]
    with serving_files() as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        for name in model.layout.names:
            file = folder / name
            if name in model.layout.rules:
                file = tiny.build_rule(tmp_path / name, "1", "a")
            web.files[f"/{model.repository}/resolve/main/{name}"] = file.read_bytes()
        config = TTSConfig(provider="sherpa", options={"download_dir": str(tmp_path)})
        for _ in range(2):
            provider = SherpaTTS(config)
            await provider.start()
            await provider.close()
        assert len(web.asked) == len(model.layout.names)


async def refused(**group: Any) -> str:
    with pytest.raises(ProviderSetupError) as error:
        await SherpaTTS(TTSConfig(**{"provider": "sherpa", **group})).start()
    return str(error.value)


async def test_no_download_where_the_hub_is_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    why = await refused(options={"download_dir": str(tmp_path)})
    assert "HF_HUB_OFFLINE" in why
    assert str(tmp_path) in why


async def test_a_damaged_or_strange_folder_is_named_and_the_server_lives(folder, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    (damaged / "voices.bin").write_bytes(b"garbage")
    # sherpa-onnx would end this process for it.
    why = await refused(**settings(damaged))
    assert str(damaged) in why
    assert "Corrupted" in why
    (damaged / "model.int8.onnx").write_bytes(b"garbage" * 100)
    assert "model.int8.onnx is no ONNX file" in await refused(**settings(damaged))
    (tmp_path / "empty").mkdir()
    assert "not one file tokens.txt" in await refused(**settings(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"voice_id": "hal"}, "zf_001"),
        ({"model": "kokoro-v9"}, "melo-zh-en (178 MB)"),
        ({"model": "/nowhere"}, "/nowhere"),
        ({"options": {"pitch": 2}}, "speed"),
        ({"options": {"device": "cuda"}}, "CPUs"),
        ({"api_base": "http://localhost:1"}, "tts.api_base"),
        ({"api_key": "k"}, "tts.api_key"),
    ],
)
async def test_what_it_cannot_use_is_refused(folder, changed, named):
    assert named in await refused(**{**settings(folder), **changed})
