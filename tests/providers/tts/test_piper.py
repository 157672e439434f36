"""`piper`: Piper's real loading, phonemes and synthesis, on a voice that hums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from piper import PiperVoice

from config import TTSConfig
from providers.base import ProviderSetupError
from providers.tts.piper import PiperTTS
from session.ports import OPENAI_VOICES
from tests.providers import tiny_voices
from tests.providers.engines import answer, spoken_by, talking, voices, with_tts
from tests.providers.file_server import serving_files
from tests.providers.tiny_voices import PIPER_PITCH_HZ, PIPER_RATE, pitch_of
from tests.support.running_server import running

TEXT = "Hello there. How are you?"
ONE, SEVERAL = "en_US-one-low", "de_DE-several-low"
SPEAKERS = ("anna", "bert", "carl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("piper")
    tiny_voices.build_piper(folder / f"{ONE}.onnx")
    tiny_voices.build_piper(folder / f"{SEVERAL}.onnx", SPEAKERS)
    return folder


def settings(folder: Path, voice: str | None = None, **options: Any) -> dict[str, Any]:
    options = {"download_dir": str(folder), **options}
    return {"provider": "piper", "voice_id": voice, "options": options}


def expected_seconds(folder: Path, name: str = ONE) -> float:
    voice = PiperVoice.load(folder / f"{name}.onnx")
    spoken = [chunk.audio_int16_bytes for chunk in voice.synthesize(TEXT)]
    return len(b"".join(spoken)) / 2 / PIPER_RATE


async def test_an_answer_is_spoken_in_real_time_and_pitch(folder):
    async with talking(with_tts(TEXT, **settings(folder, ONE))) as (_server, wire):
        done, pcm = await answer(wire)
    assert done["status"] == "completed"
    # Piper makes 22.05 kHz, the wire has 24.
    assert len(pcm) / 48000 == pytest.approx(expected_seconds(folder), rel=0.01)
    assert pitch_of(pcm, 24000) == pytest.approx(PIPER_PITCH_HZ, rel=0.05)


async def test_speakers_are_voices_and_have_openais_names(folder):
    async with talking(with_tts(TEXT, **settings(folder, SEVERAL))) as (server, wire):
        heard = {}
        for voice in (f"{SEVERAL}#carl", OPENAI_VOICES[1], SEVERAL):
            pcm = await spoken_by(server, voice)
            heard[voice] = round(pitch_of(pcm, 24000) / PIPER_PITCH_HZ)
        await wire.send("response.create", response={"audio": {"output": {"voice": ONE}}})
        assert ONE in (await wire.until("error"))["error"]["message"]
        listed = await voices(server)
    assert heard == {f"{SEVERAL}#carl": 3, OPENAI_VOICES[1]: 2, SEVERAL: 1}
    assert {v["id"] for v in listed} == {
        *OPENAI_VOICES,
        SEVERAL,
        *(f"{SEVERAL}#{speaker}" for speaker in SPEAKERS),
    }
    assert {v["language"] for v in listed} == {"de-DE"}


async def test_a_table_gives_openais_names_other_voices(folder):
    tts = settings(folder, voices={"nova": f"{SEVERAL}#bert"})
    tts["model"] = str(folder / f"{ONE}.onnx")
    async with running(with_tts(TEXT, **tts)) as server:
        for voice, times in (("nova", 2), ("alloy", 1), (ONE, 1)):
            pcm = await spoken_by(server, voice)
            assert round(pitch_of(pcm, 24000) / PIPER_PITCH_HZ) == times


async def test_what_cannot_be_pronounced_is_silent_and_no_failure(folder):
    async with talking(with_tts("…1", **settings(folder, ONE))) as (_server, wire):
        done, _ = await answer(wire)
    assert done["status"] == "completed"


async def test_a_missing_voice_is_downloaded_with_its_configuration(folder, tmp_path, monkeypatch):
    with serving_files() as web:
        for file in (f"{ONE}.onnx", f"{ONE}.onnx.json"):
            path = f"/rhasspy/piper-voices/resolve/main/en/en_US/one/low/{file}"
            web.files[path] = (folder / file).read_bytes()
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        for _ in range(2):
            provider = PiperTTS(TTSConfig(**settings(tmp_path, ONE)))
            await provider.start()
            await provider.close()
        assert len(web.asked) == 2
    assert (tmp_path / f"{ONE}.onnx").read_bytes() == (folder / f"{ONE}.onnx").read_bytes()


async def refused(group: dict[str, Any]) -> str:
    with pytest.raises(ProviderSetupError) as error:
        await PiperTTS(TTSConfig(**{"provider": "piper", **group})).start()
    return str(error.value)


async def test_a_voice_that_cannot_be_had_says_where_to_put_it(tmp_path, monkeypatch):
    with serving_files() as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        why = await refused(settings(tmp_path, ONE))
    assert "HTTP 404" in why
    assert str(tmp_path / f"{ONE}.onnx.json") in why
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in await refused(settings(tmp_path, ONE))


@pytest.mark.parametrize(
    ("file", "content"),
    [(".onnx", b"garbage"), (".onnx.json", b"{}"), (".onnx.json", b"<html>")],
)
async def test_a_damaged_file_is_no_traceback(tmp_path, file, content):
    path = tiny_voices.build_piper(tmp_path / f"{ONE}.onnx")
    path.with_suffix(file).write_bytes(content)
    why = await refused(settings(tmp_path, ONE))
    assert "cannot be loaded" in why
    assert str(path) in why


async def test_a_model_of_another_kind_is_refused_at_the_start(tmp_path):
    path = tiny_voices.build_piper(tmp_path / f"{ONE}.onnx")
    model, _ = tiny_voices.build_kokoro(tmp_path, {"af_heart": 300})
    model.replace(path)
    assert "cannot speak" in await refused(settings(tmp_path, ONE))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"voice_id": "marvin"}, "en_US-lessac-medium"),
        ({"voice_id": f"{SEVERAL}#dora"}, f"{SEVERAL}#anna"),
        ({"voice_id": "/voices/x.onnx"}, "tts.model"),
        ({"model": "/nowhere/x.onnx"}, "/nowhere/x.onnx"),
        ({"api_base": "http://localhost:1"}, "tts.api_base"),
        ({"api_key": "k"}, "tts.api_key"),
        ({"options": {"speed": 2}}, "download_dir"),
        ({"options": {"voices": {"bob": ONE}}}, "alloy"),
        ({"options": {"use_cuda": True}}, "onnxruntime-gpu"),
    ],
)
async def test_what_it_cannot_use_is_refused(folder, monkeypatch, changed, named):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert named in await refused({**settings(folder), **changed})


async def test_a_voice_that_needs_another_package_says_which(folder, monkeypatch):
    def missing(*_: Any) -> None:
        raise ModuleNotFoundError("No module named 'unicode_rbnf'", name="unicode_rbnf")

    monkeypatch.setattr(PiperVoice, "phonemize", missing)
    assert "pip install" in await refused(settings(folder, ONE))
