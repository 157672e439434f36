"""Whisper in this process, on CTranslate2: about a hundred languages, on CPU or GPU, no key.

One model serves all sessions, and several turns at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import ctranslate2
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from config import STTConfig
from flow.watchdog import Patience
from providers.base import ProviderSetupError, STTProvider
from providers.in_process.engine_pool import EnginePool
from providers.in_process.model_places import chosen_folder
from providers.options import Options, parse_options, refuse
from providers.stt.short_window import Part, ShortWindow, code
from providers.stt.turns import TurnSTTService
from providers.stt.whisper_files import model_folder
from providers.stt.whisper_loading import check_tokenizer, load_model, quickest
from providers.stt.whisper_models import CPU_MODEL, GPU_MODEL, REPOSITORIES
from providers.stt.whisper_turns import Hearing, WhisperTurns
from settings.installation import pip
from settings.localisation import _
from settings.provider_declarations import Declaration

GPU_PARTIAL_MS = 800


class _WhisperOptions(Options):
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str | None = None
    """CTranslate2's compute type; None: int8 on a CPU, float16 on a GPU that supports it."""
    beam_size: int = Field(5, ge=1, le=20)
    no_speech_prob: float | None = Field(None, gt=0, le=1)
    """A part of a turn that is no speech with at least this probability is dropped. None: it is
    also asked how likely the words are, which drops less speech and more noise."""
    parallel: int = Field(2, ge=1, le=16)
    """Turns transcribed at a time."""
    cpu_threads: int = Field(0, ge=0)
    """Threads per turn; 0 leaves it to CTranslate2."""
    partial_ms: int | None = Field(None, ge=0, le=60_000)
    """Milliseconds after which a turn that is being spoken is transcribed anew, if a thread is
    free; 0: only when it is over. None: 800 on a GPU, 0 on a CPU."""
    download_dir: Path | None = None


class WhisperSTT(STTProvider):
    """`stt.provider = "whisper"`."""

    declaration = Declaration(kind="stt", name="whisper", extra=True, options=_WhisperOptions)
    # Measured: of the words on which two partial transcripts agree, one in 350 is revised later.
    steady_interims = True
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
        self.parallel = self._options.parallel
        self._device = _device(self._options.device)
        self._compute_type = _compute_type(self._options.compute_type, self._device)
        self._name = config.model or (GPU_MODEL if self._device == "cuda" else CPU_MODEL)
        self._pool = EnginePool("whisper", self._options.parallel)
        self._hearing: Hearing | None = None
        self._lender: WhisperSTT | None = None

    @property
    def label(self) -> str:
        """Model and device."""
        # Clients see the label in errors, so it must not contain a path.
        return f"whisper {Path(self._name).name} ({self._device}, {self._compute_type})"

    def share(self, other: WhisperSTT) -> None:
        """Hear by the model of another one."""
        self._lender, self._pool = other, other._pool

    async def start(self) -> None:
        """Find, load and warm up the model.

        Raises:
            ProviderSetupError: The model cannot be downloaded or loaded, or does not know
                `stt.language`.
        """
        lent = self._lender and self._lender._hearing
        engine = lent.engine if lent else await self._loaded()
        self.languages = _languages(self._name, engine)
        language = self._config.language
        if language is not None and code(language) not in self.languages:
            raise ProviderSetupError(
                _(
                    "stt.language '{language}' is none that whisper {model} knows: choose one of "
                    "{known}, or another stt.model."
                ).format(
                    language=language, model=self._name, known=", ".join(sorted(self.languages))
                )
            )
        # A model for a single language has nothing to detect.
        (only,) = self.languages if len(self.languages) == 1 else (None,)
        self._hearing = Hearing(
            engine=engine,
            pool=self._pool,
            language=language or only,
            limit_s=Patience.of(self._config).first_s,
            is_noise=partial(_is_noise, self._options.no_speech_prob),
            partial_ms=self._partial_ms,
        )

    async def fetch(self) -> Path:
        """Download the model, unless it is there or is a folder."""
        given = self._options.download_dir
        cache = chosen_folder(self._config, given, "huggingface")
        return await model_folder(self._name, self._config, cache)

    async def _loaded(self) -> ShortWindow:
        folder = await self.fetch()
        try:
            return await self._pool.run(lambda: self._load(folder))
        # A broken file may be read as anything at all.
        except Exception as error:
            raise ProviderSetupError(
                _(
                    "The Whisper model in {folder} cannot be loaded on {device}: {reason}. Delete "
                    "the folder if a download was damaged; otherwise look at stt.model, "
                    "stt.options.device and stt.options.compute_type."
                ).format(folder=folder, device=self._device, reason=error)
            ) from error

    async def close(self) -> None:
        """Release the model."""
        if self._lender is None:
            self._pool.close()
        self._hearing = None

    def create(self) -> TurnSTTService:
        """Build the recogniser of one session."""
        if self._hearing is None:
            raise RuntimeError("WhisperSTT.start() must come before the first session.")
        return WhisperTurns(self._hearing)

    @property
    def _partial_ms(self) -> int:
        if self._options.partial_ms is None:
            return GPU_PARTIAL_MS if self._device == "cuda" else 0
        return self._options.partial_ms

    def _load(self, folder: Path) -> ShortWindow:
        check_tokenizer(folder)
        return load_model(
            folder,
            turns=self._options.parallel,
            device=self._device,
            compute_type=self._compute_type,
            threads_per_turn=self._options.cpu_threads,
            beam_size=self._options.beam_size,
        )


def _is_noise(limit: float | None, part: Part) -> bool:
    return part.is_noise if limit is None else part.no_speech_prob >= limit


def _device(wanted: str) -> Literal["cpu", "cuda"]:
    gpu = ctranslate2.get_cuda_device_count() > 0
    if wanted == "cuda" and not gpu:
        raise ProviderSetupError(
            _(
                "stt.options.device is cuda, but CTranslate2 finds no GPU: install the driver, "
                "CUDA 12 and cuDNN 9 ({pip} install nvidia-cublas-cu12 nvidia-cudnn-cu12), or use "
                "cpu."
            ).format(pip=pip())
        )
    return "cuda" if gpu and wanted != "cpu" else "cpu"


def _compute_type(wanted: str | None, device: str) -> str:
    if wanted is None:
        return quickest(device)
    supported = ctranslate2.get_supported_compute_types(device)
    if wanted not in {*supported, "default", "auto"}:
        raise ProviderSetupError(
            _(
                "stt.options.compute_type '{wanted}' is not supported on this {device}: choose "
                "default, auto or one of {supported}."
            ).format(wanted=wanted, device=device, supported=", ".join(sorted(supported)))
        )
    return wanted


def _languages(name: str, engine: ShortWindow) -> frozenset[str]:
    # The distilled models know English alone, but have a multilingual tokenizer.
    if name in REPOSITORIES and (name.endswith(".en") or name.startswith("distil-")):
        return frozenset({"en"})
    return engine.languages
