"""The interpreter: a spoken file in, its translation out."""

from __future__ import annotations

from pathlib import Path

from tests.examples.programs import LOUD, loudness, refused_python, run_python, spoken_file
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.translating import echoing


def arguments(server: RunningServer, source: Path, language: str = "es") -> list[str]:
    files = ["--wav-in", str(source), "--wav-out", "out.wav"]
    return ["--url", f"{server.http}/v1", "--to", language, "--captions", *files]


async def test_a_file_is_translated_into_a_file(tmp_path: Path) -> None:
    source = spoken_file(tmp_path / "in.wav", 24000)
    settings = echoing(llm={"text": "hola"}, tts={"ms_per_character": 60})
    async with running(settings) as server:
        said = await run_python("translate", *arguments(server, source), folder=tmp_path)
    assert said == "\n[hello there]\nhola\n"
    assert loudness(tmp_path / "out.wav", 24000) > LOUD


async def test_what_cannot_be_is_said_in_a_sentence(tmp_path: Path) -> None:
    source = spoken_file(tmp_path / "in.wav", 16000)
    async with running(scripted_settings(llm={"provider": "embedded"})) as server:
        why = await refused_python("translate", *arguments(server, source), folder=tmp_path)
        assert "cannot be translated: it must be a WAV file, mono, 16 bits, 24000 Hz" in why
        nowhere = ["--url", "http://127.0.0.1:9/v1", "--to", "es", "--wav-out", "out.wav"]
        source = spoken_file(tmp_path / "right.wav", 24000)
        why = await refused_python("translate", *nowhere, "--wav-in", str(source), folder=tmp_path)
        assert why.startswith("http://127.0.0.1:9/v1 does not translate: ")


async def test_a_model_that_cannot_translate_is_named(tmp_path: Path) -> None:
    source = spoken_file(tmp_path / "in.wav", 24000)
    async with running(scripted_settings(llm={"provider": "embedded"})) as server:
        why = await refused_python("translate", *arguments(server, source), folder=tmp_path)
    assert "cannot translate" in why
