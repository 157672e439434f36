"""`--download` fetches the models of a stack ahead, into one folder, and needs no network later."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import main
from config import load_settings
from providers.sherpa.catalogue import RECOGNISERS, VOICES
from serving.first_downloads import first_downloads
from tests.providers import tiny_sherpa
from tests.providers.file_server import FileServer, serving_files
from tests.support.places import ROOT

KOKORO = "/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
MOONSHINE = "download.moonshine.ai/model/tiny-en/quantized/tiny-en"
PIPER = "/rhasspy/piper-voices/resolve/main/en/en_US/lessac/medium/en_US-lessac-medium"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in its caches, and in no folder that has a `.env`."""
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "MOONSHINE_VOICE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """What the models' sites have, as far as it is asked for here."""
    with serving_files() as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        monkeypatch.setenv("GITHUB_ENDPOINT", web.url)
        web.files |= {
            f"{KOKORO}/kokoro-v1.0.onnx": b"\x08a model",
            f"{KOKORO}/voices-v1.0.bin": b"voices",
            f"{PIPER}.onnx": b"\x08a voice",
            f"{PIPER}.onnx.json": b"{}",
        }
        yield web


def stages(monkeypatch: pytest.MonkeyPatch, **providers: str) -> None:
    for setting, value in providers.items():
        monkeypatch.setenv(f"REALTIME_{setting.upper()}", value)


@pytest.mark.parametrize(
    ("voice", "folder", "files"),
    [
        ("kokoro", "kokoro-onnx", {"kokoro-v1.0.onnx", "voices-v1.0.bin"}),
        ("piper", "piper", {"en_US-lessac-medium.onnx", "en_US-lessac-medium.onnx.json"}),
    ],
)
@pytest.mark.parametrize("place", ["models.dir", "XDG_CACHE_HOME", "home"])
def test_a_voice_is_fetched_once_into_the_folder_that_is_named(
    voice: str,
    folder: str,
    files: set[str],
    place: str,
    home: Path,
    mirror: FileServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages(monkeypatch, tts__provider=voice)
    kept = home / ".cache" / "pipecat" / folder
    if place == "models.dir":
        stages(monkeypatch, models__dir="~/of one's own")
        kept = home / "of one's own" / folder
    elif place == "XDG_CACHE_HOME":
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / "caches"))
        kept = home / "caches" / "pipecat" / folder
    for _ in range(2):
        main.main(["--download"])
        assert str(kept) in capsys.readouterr().out
    assert {file.name for file in kept.iterdir()} == files
    assert len(mirror.asked) == 2
    assert first_downloads(load_settings()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_even_if_the_mirror_is_silent(
    number: signal.Signals, tmp_path: Path, mirror: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    half, go_on = threading.Event(), threading.Event()

    def fall_silent() -> None:
        half.set()
        go_on.wait()

    mirror.half_way = fall_silent
    stages(monkeypatch, tts__provider="kokoro", models__dir=str(tmp_path / "models"))
    command = [sys.executable, str(ROOT / "main.py"), "--download"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert half.wait(60)
            process.send_signal(number)
            assert process.wait(timeout=60) == 128 + number
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
            go_on.set()
    assert not list(tmp_path.rglob("kokoro-v1.0.onnx"))


def test_a_stacks_models_go_there_too(
    tmp_path: Path,
    mirror: FileServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages(monkeypatch, tts__provider="kokoro", models__dir=str(tmp_path / "models"))
    stages(monkeypatch, stacks__small__tts__provider="piper")
    main.main(["--download"])
    printed = capsys.readouterr().out
    assert [line.partition(":")[0] for line in printed.splitlines()] == [
        "kokoro kokoro-v1.0",
        "piper en_US-lessac-medium",
    ]
    assert {folder.name for folder in (tmp_path / "models").iterdir()} == {"kokoro-onnx", "piper"}


def test_recognisers_are_looked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    stages(monkeypatch, models__dir=str(models))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    snapshot = models / "huggingface" / "models--Systran--faster-whisper-small" / "snapshots" / "1"
    moonshine = models / "moonshine_voice" / MOONSHINE
    sherpa = models / "sherpa-onnx"
    for name in ("config.json", "model.bin", "tokenizer.json"):
        snapshot.mkdir(parents=True, exist_ok=True)
        (snapshot / name).touch()
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("1")
    moonshine.mkdir(parents=True)
    for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
        (moonshine / name).touch()
    for file in RECOGNISERS["sense-voice"].addresses(sherpa):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for provider, model, folder in (
        ("whisper", "small", snapshot),
        ("moonshine", "tiny", moonshine),
        ("sherpa", "sense-voice", RECOGNISERS["sense-voice"].folder(sherpa)),
    ):
        stages(monkeypatch, stt__provider=provider, stt__model=model)
        main.main(["--download"])
        assert f": {folder}\n" in capsys.readouterr().out


def test_sherpas_models_are_tried_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = tiny_sherpa.build_sense_voice(tmp_path / "source", about={"lang_ja": None})
    model = RECOGNISERS["sense-voice"]
    stages(monkeypatch, stt__provider="sherpa", models__dir=str(tmp_path / "models"))
    with serving_files() as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        for file, address in model.addresses(strange).items():
            path = address.removeprefix("https://huggingface.co")
            web.files[path] = (strange / file.name).read_bytes()
        with pytest.raises(SystemExit, match=r"'lang_ja' does not exist"):
            main.main(["--download"])


def test_a_profile_is_named_behind_it_and_services_are_left_alone(
    mirror: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    main.main(["--download", "hosted"])
    assert "nothing to download" in capsys.readouterr().out
    main.main(["--download", "embedded"])
    assert "nothing to download" in capsys.readouterr().out
    assert mirror.asked == []


def test_ollama_is_told_apart(
    mirror: FileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages(monkeypatch, stt__provider="embedded")
    main.main(["--download", "local"])
    printed = capsys.readouterr().out
    assert "ollama pull llama3.2" in printed
    assert "kokoro kokoro-v1.0: " in printed


def test_a_failure_ends_it_with_one_line(
    mirror: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    del mirror.files[f"{KOKORO}/voices-v1.0.bin"]
    stages(monkeypatch, tts__provider="kokoro")
    with pytest.raises(SystemExit, match=r"^error: .*voices-v1\.0\.bin .*HTTP 404"):
        main.main(["--download"])


def test_a_file_is_no_folder_for_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    stages(monkeypatch, models__dir=str(tmp_path / "file"))
    with pytest.raises(SystemExit, match=r"models\.dir: .*file is no folder"):
        main.main(["--download"])


def test_a_stages_own_folder_counts_before_it(
    tmp_path: Path, mirror: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages(monkeypatch, models__dir=str(tmp_path / "models"), tts__provider="sherpa")
    stages(monkeypatch, tts__options=f'{{"download_dir": "{tmp_path / "own"}"}}')
    for file, address in VOICES["kokoro-v1.1-zh"].addresses(tmp_path / "own").items():
        path = address.removeprefix("https://huggingface.co").removeprefix("https://github.com")
        mirror.files[path] = b"x"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    main.main(["--download"])
    assert mirror.asked == []
    assert not (tmp_path / "models").exists()
