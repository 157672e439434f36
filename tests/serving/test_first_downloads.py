"""What a stack will download is known before its providers can be imported, unless it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import Settings, STTConfig, TTSConfig
from providers.sherpa.catalogue import VOICES
from providers.stt.whisper_models import REPOSITORIES, megabytes
from serving.first_downloads import FirstDownload, first_downloads


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in its caches."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def heard_by(provider: str, model: str | None = None, **settings: str) -> list[FirstDownload]:
    return first_downloads(Settings(stt=STTConfig(provider=provider, model=model, **settings)))


def spoken_by(provider: str, model: str | None = None) -> list[FirstDownload]:
    return first_downloads(Settings(tts=TTSConfig(provider=provider, model=model)))


def test_whisper_is_counted_unless_it_is_in_the_hubs_cache(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert heard_by("whisper") == [FirstDownload("Whisper small", 484)]
    cached = "hub/models--Systran--faster-whisper-small/snapshots/1"
    for cache in (home / ".cache" / "huggingface", home / "elsewhere"):
        (cache / cached).mkdir(parents=True)
        (cache / cached / "model.bin").touch()
        assert heard_by("whisper") == []
        assert heard_by("whisper", "Systran/faster-whisper-small") == []
        assert heard_by("whisper", "medium") == [FirstDownload("Whisper medium", 1528)]
        monkeypatch.setenv("HF_HOME", str(home / "elsewhere"))


def test_every_whisper_model_that_has_a_name_has_a_size() -> None:
    assert all(megabytes(name) for name in REPOSITORIES)
    assert megabytes("distil-small.en") == 332
    assert megabytes("large-v2") == megabytes("Systran/faster-whisper-large-v3") == 3090
    assert megabytes("turbo") == 1620
    assert megabytes("somebody/a-model") is None


def test_kokoro_is_counted_by_what_of_it_is_there(home: Path) -> None:
    assert spoken_by("kokoro") == [FirstDownload("Kokoro kokoro-v1.0", 338)]
    assert spoken_by("kokoro", "kokoro-v1.0.int8") == [
        FirstDownload("Kokoro kokoro-v1.0.int8", 116)
    ]
    folder = home / ".cache" / "pipecat" / "kokoro-onnx"
    folder.mkdir(parents=True)
    (folder / "voices-v1.0.bin").touch()
    assert spoken_by("kokoro") == [FirstDownload("Kokoro kokoro-v1.0", 310)]
    (folder / "kokoro-v1.0.onnx").touch()
    assert spoken_by("kokoro") == []


def test_sherpas_models_are_those_of_its_catalogue(home: Path) -> None:
    assert heard_by("sherpa") == [FirstDownload("sense-voice", 240)]
    assert heard_by("sherpa", language="de-DE") == [FirstDownload("parakeet", 670)]
    assert heard_by("sherpa", str(home)) == []
    assert spoken_by("sherpa") == [FirstDownload("kokoro-v1.1-zh", 175)]
    cache = home / ".cache" / "open-realtime-server" / "sherpa-onnx"
    for file in VOICES["kokoro-v1.1-zh"].addresses(cache):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert spoken_by("sherpa") == []


def test_others_are_counted_as_far_as_they_are_known() -> None:
    assert spoken_by("piper") == [FirstDownload("Piper en_US-lessac-medium", 63)]
    assert spoken_by("piper", "de_DE-thorsten-high") == [
        FirstDownload("Piper de_DE-thorsten-high", 114)
    ]
    assert spoken_by("piper", "/voices/mine.onnx") == []
    assert heard_by("moonshine") == [FirstDownload("Moonshine small-streaming", 142)]
    assert heard_by("embedded") == spoken_by("embedded") == []
