"""The models that a stack downloads as it starts for the first time, and how large they are.

Providers fetch their models by themselves. But who is asked whether to install some packages should
know what follows. It is said before the providers can be imported, so some sizes are here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import Settings, STTConfig, TTSConfig
from providers.in_process.hub import hub_cache, is_cached
from providers.in_process.model_places import chosen_folder, model_folder
from providers.sherpa.catalogue import (
    CACHE,
    DEFAULT_VOICE,
    RECOGNISERS,
    VOICES,
    Model,
    default_recogniser,
)
from providers.stt.whisper_models import CPU_MODEL, REPOSITORIES, megabytes

_KOKORO_MB = {"kokoro-v1.0": 310, "kokoro-v1.0.fp16": 169, "kokoro-v1.0.int8": 88}
_KOKORO_VOICES_MB = 28
_KOKORO_FOLDER = Path("pipecat", "kokoro-onnx")
_PIPER_MB = {"x_low": 28, "low": 63, "medium": 63, "high": 114}
"""The end of a Piper voice's name → its size."""
_PIPER_FOLDER = Path("pipecat", "piper")
_PIPER_VOICE = "en_US-lessac-medium"
_MOONSHINE_MB = 142
"""Of the model for English that is used unless another is chosen."""
_MOONSHINE_FOLDER = Path("moonshine_voice")


@dataclass(frozen=True, slots=True)
class FirstDownload:
    """A model that is not there yet."""

    name: str
    megabytes: int


def first_downloads(settings: Settings) -> list[FirstDownload]:
    """Return what the next start will download, as far as it is known here."""
    return [*_of_recogniser(settings.stt), *_of_voice(settings.tts)]


def _of_recogniser(config: STTConfig) -> Iterator[FirstDownload]:
    if config.provider == "whisper":
        name = config.model or CPU_MODEL
        size = megabytes(name)
        cache = chosen_folder(config, _given(config), "huggingface") or hub_cache()
        if size and not is_cached(REPOSITORIES.get(name, name), "model.bin", cache):
            yield FirstDownload(f"Whisper {name}", size)
    elif config.provider == "sherpa":
        name = config.model or default_recogniser((config.language or "").lower()[:2] or None)
        yield from _of_sherpa(name, RECOGNISERS, config)
    elif config.provider == "moonshine":
        there = any(_folder(config, _MOONSHINE_FOLDER).rglob("encoder.ort"))
        if config.model is None and config.language in (None, "en") and not there:
            yield FirstDownload("Moonshine small-streaming", _MOONSHINE_MB)


def _of_voice(config: TTSConfig) -> Iterator[FirstDownload]:
    if config.provider == "kokoro":
        name, folder = config.model or "kokoro-v1.0", _folder(config, _KOKORO_FOLDER)
        size = 0 if (folder / f"{name}.onnx").is_file() else _KOKORO_MB.get(name, 0)
        voices = [config.options.get("voices_path"), folder / "voices-v1.0.bin"]
        size += 0 if any(path and Path(path).is_file() for path in voices) else _KOKORO_VOICES_MB
        if size:
            yield FirstDownload(f"Kokoro {name}", size)
    elif config.provider == "piper":
        name = (config.model or config.voice_id or _PIPER_VOICE).partition("#")[0]
        known = _PIPER_MB.get(name.rpartition("-")[2])
        if known and not (_folder(config, _PIPER_FOLDER) / f"{name}.onnx").is_file():
            yield FirstDownload(f"Piper {name}", known)
    elif config.provider == "sherpa":
        yield from _of_sherpa(config.model or DEFAULT_VOICE, VOICES, config)


def _of_sherpa(
    name: str, models: Mapping[str, Model[Any]], config: STTConfig | TTSConfig
) -> Iterator[FirstDownload]:
    model = models.get(name)
    if model and not all(file.is_file() for file in model.addresses(_folder(config, CACHE))):
        yield FirstDownload(name, model.megabytes)


def _folder(config: STTConfig | TTSConfig, usual: Path) -> Path:
    return model_folder(config, _given(config), usual)


def _given(config: STTConfig | TTSConfig) -> Path | None:
    named = config.options.get("download_dir")
    return Path(named) if named else None
