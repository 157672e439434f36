"""Whisper in this process, by faster-whisper: about a hundred languages, on CPU or GPU, no key.

One model serves all sessions, and several turns at a time. Pipecat's service is the base class; by
itself it would load a model per session.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.stt_service import STTService
from pipecat.services.whisper.stt import WhisperSTTService, WhisperSTTSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import time_now_iso8601
from pipecat.utils.types import NOT_GIVEN, NotGiven
from pydantic import Field

from config import STTConfig
from providers.base import ProviderSetupError, STTProvider
from providers.frames import LANGUAGES, LOGPROBS
from providers.in_process.engine_pool import EnginePool
from providers.options import Options, parse_options, refuse
from providers.stt.whisper_files import REPOSITORIES, model_folder
from providers.stt.whisper_model import ScoredModel, TurnModel
from session.ports import TokenLogprob
from settings.provider_declarations import Declaration

CPU_MODEL = "small"
GPU_MODEL = "large-v3-turbo"
SAMPLE_RATE = 16000


class _WhisperOptions(Options):
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str | None = None
    """CTranslate2's compute type; None: int8 on a CPU, float16 on a GPU that supports it."""
    beam_size: int = Field(5, ge=1, le=20)
    no_speech_prob: float = Field(0.4, gt=0, le=1)
    """Segments with at least this probability of being no speech are dropped."""
    parallel: int = Field(2, ge=1, le=16)
    """Turns transcribed at a time."""
    cpu_threads: int = Field(0, ge=0)
    """Threads per turn; 0 leaves it to CTranslate2."""
    download_dir: Path | None = None


@dataclass
class _Settings(WhisperSTTSettings):
    """Pipecat's settings under the names by which a session sets them (`wishes.py`)."""

    prompt: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    languages: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    logprobs: bool | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is understood of a part of a turn."""

    text: str
    no_speech_prob: float
    language: str
    logprobs: tuple[TokenLogprob, ...]
    """Empty where nobody asked for them."""


class WhisperSTT(STTProvider):
    """`stt.provider = "whisper"`."""

    declaration = Declaration(kind="stt", name="whisper", extra=True, options=_WhisperOptions)
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "Choose a smaller stt.model (REALTIME_STT__MODEL) or a smaller "
        "stt.options.beam_size, or raise stt.timeout_s (REALTIME_STT__TIMEOUT_S).",
    }

    def __init__(self, config: STTConfig) -> None:
        """Check the settings; `start` loads the model.

        Raises:
            ProviderSetupError: A setting has no meaning here, or there is no such device.
        """
        refuse("stt", config, ("api_key", "api_base"))
        self._config = config
        self._options = parse_options("stt", config, _WhisperOptions)
        self._device = _device(self._options.device)
        self._compute_type = _compute_type(self._options.compute_type, self._device)
        self._name = config.model or (GPU_MODEL if self._device == "cuda" else CPU_MODEL)
        self._pool = EnginePool("whisper", self._options.parallel)
        self._model: WhisperModel | None = None

    @property
    def label(self) -> str:
        """Model and device."""
        # Clients see the label in errors, so it must not contain a path.
        return f"whisper {Path(self._name).name} ({self._device}, {self._compute_type})"

    async def start(self) -> None:
        """Find, load and warm up the model.

        Raises:
            ProviderSetupError: The model cannot be downloaded or loaded, or does not know
                `stt.language`.
        """
        folder = await model_folder(self._name, self._config, self._options.download_dir)
        try:
            model = await self._pool.run(lambda: self._load(folder))
        # CTranslate2 and the tokenizer raise errors of many types for broken files.
        except Exception as error:
            raise ProviderSetupError(
                f"The Whisper model in {folder} cannot be loaded on {self._device}: {error}. "
                "Delete the folder if a download was damaged; otherwise look at stt.model, "
                "stt.options.device and stt.options.compute_type."
            ) from error
        self.languages = _languages(self._name, model)
        language = self._config.language
        if language is not None and _code(language) not in self.languages:
            raise ProviderSetupError(
                f"stt.language '{language}' is none that whisper {self._name} knows: choose one of "
                f"{', '.join(sorted(self.languages))}, or another stt.model."
            )
        self._model = model

    async def close(self) -> None:
        """Release the model."""
        self._pool.close()
        self._model = None

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        if self._model is None:
            raise RuntimeError("WhisperSTT.start() must come before the first session.")
        return _WhisperService(self._model, self._pool, self._options, self._config.language)

    def _load(self, folder: Path) -> WhisperModel:
        model = TurnModel(
            str(folder),
            device=self._device,
            compute_type=self._compute_type,
            cpu_threads=self._options.cpu_threads,
            num_workers=self._options.parallel,
        )
        hiss = np.random.default_rng(0).normal(0, 0.001, SAMPLE_RATE).astype(np.float32)
        segments, _ = model.transcribe(hiss, beam_size=self._options.beam_size)
        list(segments)
        return model


class _WhisperService(WhisperSTTService):
    """Pipecat's service on the shared model; without a language, the model detects it."""

    Settings = _Settings

    def __init__(
        self, model: WhisperModel, pool: EnginePool, options: _WhisperOptions, language: str | None
    ) -> None:
        # Set first: the base's constructor calls `_load`, which uses it.
        self._shared = model
        super().__init__(
            settings=_Settings(
                no_speech_prob=options.no_speech_prob,
                prompt=None,
                languages=None,
                hotwords=None,
                logprobs=None,
            ),
        )
        settings: Any = self._settings
        # Pipecat's default is English; here the recogniser detects the language.
        settings.language = language
        self._pool = pool
        self._options = options

    def _load(self) -> None:
        self._model = self._shared

    def language_to_service_language(self, language: Language) -> str | None:
        """Return Whisper's code; the language has been checked before."""
        return _code(str(language))

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Transcribe one turn; failures are raised as they are, to keep their kind."""
        # Read now: these settings are the turn's, and the next turn replaces them.
        settings: Any = self._settings
        named = settings.languages or [settings.language or ""]
        candidates = tuple(dict.fromkeys(_code(str(language)) for language in named if language))
        wishes = {"initial_prompt": settings.prompt, "hotwords": settings.hotwords}
        scored, limit = bool(settings.logprobs), self._options.no_speech_prob
        parts: list[_Part] = []
        work = partial(self._transcribe, audio, candidates, wishes, scored=scored)
        async with aclosing(self._pool.stream(work)) as found:
            async for part in found:
                if part.no_speech_prob < limit:
                    parts.append(part)
        text = "".join(part.text for part in parts)
        frame = TranscriptionFrame(text.strip(), self._user_id, time_now_iso8601())
        if self._shared.model.is_multilingual and len(candidates) != 1:
            frame.metadata[LANGUAGES] = list(dict.fromkeys(part.language for part in parts))
        if scored:
            frame.metadata[LOGPROBS] = [one for part in parts for one in part.logprobs]
        yield frame

    def _transcribe(
        self, audio: bytes, candidates: tuple[str, ...], wishes: dict[str, Any], *, scored: bool
    ) -> Iterator[_Part]:
        """Transcribe a turn, on a thread.

        Args:
            audio: The turn.
            candidates: Languages that may be spoken; none: any.
            wishes: Further arguments.
            scored: Whether to give log probabilities.
        """
        samples = np.frombuffer(audio, np.int16).astype(np.float32) / 32768
        scores = ScoredModel(self._shared) if scored else None
        model = scores or self._shared
        segments: Iterable[Segment]
        segments, info = model.transcribe(
            samples,
            language=_spoken(model, samples, candidates),
            beam_size=self._options.beam_size,
            **wishes,
        )
        for segment in segments:
            logprobs = scores.logprobs(segment) if scores else ()
            yield _Part(segment.text, segment.no_speech_prob, info.language, logprobs)


def _device(wanted: str) -> Literal["cpu", "cuda"]:
    gpu = ctranslate2.get_cuda_device_count() > 0
    if wanted == "cuda" and not gpu:
        raise ProviderSetupError(
            "stt.options.device is cuda, but CTranslate2 finds no GPU: install the driver, CUDA 12 "
            "and cuDNN 9 (pip install nvidia-cublas-cu12 nvidia-cudnn-cu12), or use cpu."
        )
    return "cuda" if gpu and wanted != "cpu" else "cpu"


def _compute_type(wanted: str | None, device: str) -> str:
    supported = ctranslate2.get_supported_compute_types(device)
    if wanted is None:
        preferred = "int8" if device == "cpu" else "float16"
        return preferred if preferred in supported else "default"
    if wanted not in {*supported, "default", "auto"}:
        raise ProviderSetupError(
            f"stt.options.compute_type '{wanted}' is not supported on this {device}: choose "
            f"default, auto or one of {', '.join(sorted(supported))}."
        )
    return wanted


def _languages(name: str, model: WhisperModel) -> frozenset[str]:
    # The distilled models know English alone, but have a multilingual tokenizer.
    if name in REPOSITORIES and (name.endswith(".en") or name.startswith("distil-")):
        return frozenset({"en"})
    return frozenset(model.supported_languages)


def _spoken(model: WhisperModel, samples: Any, candidates: tuple[str, ...]) -> str | None:
    """Return the language to transcribe in; None: whatever the model detects."""
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    _, _, probabilities = model.detect_language(samples)
    known = dict(probabilities)
    return max(candidates, key=lambda language: known[language])


def _code(language: str) -> str:
    """Return `en` of `en-US`: Whisper knows no regions."""
    return language.lower().replace("_", "-").partition("-")[0]
