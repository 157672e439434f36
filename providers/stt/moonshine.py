"""Moonshine in this process: small models that are quick on a CPU, one language each, no key.

One model serves all sessions, one turn at a time: each call of its C library overwrites the results
of the one before. Pipecat's service is the base class; by itself it would load a model per session.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path

import numpy as np
from loguru import logger
from moonshine_voice import (
    ModelArch,
    Transcriber,
    model_arch_to_string,
)
from moonshine_voice.download_file import get_cache_dir
from moonshine_voice.errors import MoonshineError
from moonshine_voice.moonshine_api import (
    moonshine_get_stt_catalog_string,
    moonshine_get_stt_dependencies_string,
)
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.moonshine.stt import MoonshineSTTService
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import time_now_iso8601

from config import STTConfig
from providers.base import ProviderSetupError, STTProvider
from providers.in_process.downloads import fetch
from providers.in_process.engine_pool import EnginePool
from providers.in_process.model_places import chosen_folder
from providers.options import Options, parse_options, refuse
from settings.localisation import _
from settings.provider_declarations import Declaration

DEFAULT_LANGUAGE = "en"
PREFERRED = ModelArch.SMALL_STREAMING
"""Used if published for the language; else the library's own choice."""
SAMPLE_RATE = 16000


class _MoonshineOptions(Options):
    download_dir: Path | None = None
    """Unset: the library's own folder, which MOONSHINE_VOICE_CACHE changes."""


class MoonshineSTT(STTProvider):
    """`stt.provider = "moonshine"`."""

    declaration = Declaration(kind="stt", name="moonshine", extra=True, options=_MoonshineOptions)
    accepts_prompt = False
    parallel = 1
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "Set stt.model to tiny-streaming (REALTIME_STT__MODEL), or "
        "raise stt.timeout_s (REALTIME_STT__TIMEOUT_S).",
    }

    def __init__(self, config: STTConfig) -> None:
        """Check the settings; `start` loads the model.

        Raises:
            ProviderSetupError: A setting has no meaning here, or there is no such model.
        """
        refuse("stt", config, ("api_key", "api_base"))
        self._config = config
        self._given = parse_options("stt", config, _MoonshineOptions).download_dir
        self._language = (config.language or DEFAULT_LANGUAGE).lower()
        self._arch = _choose(self._language, config.model)
        self.languages = frozenset({self._language})
        self._pool = EnginePool("moonshine", 1)
        self._transcriber: Transcriber | None = None

    @property
    def label(self) -> str:
        """Model and language."""
        return f"moonshine {model_arch_to_string(self._arch)} ({self._language})"

    async def fetch(self) -> Path:
        """Download the model's files that are not there yet."""
        cache = chosen_folder(self._config, self._given, "moonshine_voice") or get_cache_dir()
        folder, files = _files(self._language, self._arch, cache)
        await fetch(files, self._config)
        return folder

    async def start(self) -> None:
        """Download, load and warm up the model.

        Raises:
            ProviderSetupError: The model cannot be downloaded or loaded.
        """
        if self._language != "en" and self._arch in (ModelArch.TINY, ModelArch.BASE):
            logger.warning(
                f"{self.label} is licensed for non-commercial use: https://www.moonshine.ai/license"
            )
        folder = await self.fetch()
        try:
            self._transcriber = await self._pool.run(partial(_load, folder, self._arch))
        except MoonshineError as error:
            raise ProviderSetupError(
                _(
                    "The Moonshine model in {folder} cannot be loaded: "
                    "{error}. Delete the folder if a download was damaged."
                ).format(folder=folder, error=error)
            ) from error

    async def close(self) -> None:
        """Release the model."""
        self._pool.close()
        self._transcriber = None

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        if self._transcriber is None:
            raise RuntimeError("MoonshineSTT.start() must come before the first session.")
        return _MoonshineService(self._transcriber, self._pool)


class _MoonshineService(MoonshineSTTService):
    """Pipecat's service on the shared model."""

    def __init__(self, transcriber: Transcriber, pool: EnginePool) -> None:
        # Set first: the base's constructor calls `_load`, which uses it.
        self._shared = transcriber
        super().__init__()
        self._pool = pool

    def _load(self) -> Transcriber:
        return self._shared

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Transcribe one turn; failures are raised as they are, to keep their kind."""
        lines: list[str] = []
        work = partial(_transcribe, self._shared, audio)
        async with aclosing(self._pool.stream(work)) as found:
            async for line in found:
                lines.append(line)
        yield TranscriptionFrame(" ".join(lines).strip(), self._user_id, time_now_iso8601())


def _transcribe(transcriber: Transcriber, audio: bytes) -> Iterable[str]:
    samples = np.frombuffer(audio, np.int16).astype(np.float32) / 32768
    transcript = transcriber.transcribe_without_streaming(samples.tolist(), SAMPLE_RATE)
    return [line.text for line in transcript.lines]


def _load(folder: Path, arch: ModelArch) -> Transcriber:
    transcriber = Transcriber(folder, arch)
    _transcribe(transcriber, bytes(2 * SAMPLE_RATE))
    return transcriber


def _choose(language: str, model: str | None) -> ModelArch:
    catalog = json.loads(moonshine_get_stt_catalog_string())["languages"]
    published = {
        entry["code"]: [ModelArch(found["model_arch"]) for found in entry["models"]]
        for entry in catalog
    }
    if language not in published:
        raise ProviderSetupError(
            _(
                "stt.language '{language}' has no Moonshine model: choose one "
                "of {languages} (REALTIME_STT__LANGUAGE), or another "
                "recogniser, such as REALTIME_STT__PROVIDER=whisper."
            ).format(language=language, languages=", ".join(sorted(published)))
        )
    available = published[language]
    if model is None:
        return PREFERRED if PREFERRED in available else available[0]
    names = {model_arch_to_string(arch): arch for arch in available}
    if model not in names:
        raise ProviderSetupError(
            _(
                "stt.model '{model}' is not published for the language "
                "'{language}': choose one of {names} (REALTIME_STT__MODEL)."
            ).format(model=model, language=language, names=", ".join(names))
        )
    return names[model]


def _files(language: str, arch: ModelArch, cache: Path) -> tuple[Path, dict[Path, str]]:
    """Return the folder of a model as the library lays it out, and its files → addresses."""
    asked = {"model_arch": int(arch)}
    group = json.loads(moonshine_get_stt_dependencies_string(language, asked))["groups"][0]
    folder = cache / group["base_url"].removeprefix("https://")
    return folder, {folder / file["name"]: file["url"] for file in group["files"]}
