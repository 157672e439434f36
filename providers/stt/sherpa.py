"""Recognisers of sherpa-onnx in this process: Chinese, English and more, on a CPU, no key.

Some write while they hear, others take whole turns, at once at a pause. One model serves all
sessions, and several turns at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from config import STTConfig
from flow.watchdog import Patience
from providers.base import ProviderSetupError, STTProvider
from providers.in_process.engine_pool import EnginePool
from providers.options import Options, parse_options, refuse
from providers.sherpa.catalogue import ENGLISH, RECOGNISERS, default_recogniser
from providers.sherpa.engines import Recipe, has_cuda
from providers.sherpa.layouts import Layout, Recogniser, recogniser_in
from providers.sherpa.model_files import check_name, find
from providers.sherpa.onnx_metadata import read_metadata
from providers.stt.sherpa_services import Engine, StreamedTurns, WholeTurns
from settings.localisation import _
from settings.provider_declarations import Declaration

BEAM_SEARCH = "modified_beam_search"
TAIL_MS = 660
"""What the library's own examples put behind an utterance."""

_FACTORIES: Mapping[Recogniser, str] = {
    Recogniser.SENSE_VOICE: "from_sense_voice",
    Recogniser.PARAFORMER: "from_paraformer",
    Recogniser.TRANSDUCER: "from_transducer",
    Recogniser.NEMO_TRANSDUCER: "from_transducer",
    Recogniser.ZIPFORMER_CTC: "from_zipformer_ctc",
    Recogniser.NEMO_CTC: "from_nemo_ctc",
    Recogniser.WHISPER: "from_whisper",
    Recogniser.MOONSHINE: "from_moonshine",
    Recogniser.STREAMING_TRANSDUCER: "from_transducer",
    Recogniser.STREAMING_PARAFORMER: "from_paraformer",
    Recogniser.STREAMING_CTC: "from_zipformer2_ctc",
}
_TRANSDUCERS = (Recogniser.TRANSDUCER, Recogniser.STREAMING_TRANSDUCER)
"""Those that can search for several transcripts at a time, and be told which words to expect."""
_STREAMING_TYPES = ("conformer", "lstm", "zipformer", "zipformer2", "")
_SPACE = "\u2581"
"""What the tokens of models that cut words begin with, at the beginning of a word."""
_TOLD_LANGUAGE = (Recogniser.SENSE_VOICE, Recogniser.WHISPER)


class _SherpaOptions(Options):
    device: Literal["cpu", "cuda"] = "cpu"
    parallel: int = Field(2, ge=1, le=16)
    """Pieces of turns recognised at a time."""
    threads: int = Field(1, ge=1, le=64)
    """Threads for each of them."""
    decoding_method: Literal["greedy_search", "modified_beam_search"] | None = None
    """None: greedy. The other one is for transducers, which then obey `keywords` too."""
    use_itn: bool | None = None
    """SenseVoice: whether it writes punctuation, and numbers in figures; None: yes."""
    tail_ms: int | None = Field(None, ge=0, le=3000)
    """Silence after a turn, without which a model that writes while it hears may lose the last
    word; None: 660 ms."""
    download_dir: Path | None = None


class SherpaSTT(STTProvider):
    """`stt.provider = "sherpa"`."""

    declaration = Declaration(kind="stt", name="sherpa", extra=True, options=_SherpaOptions)
    accepts_prompt = False
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "Choose a smaller stt.model (REALTIME_STT__MODEL), or raise "
        "stt.options.parallel or stt.timeout_s (REALTIME_STT__TIMEOUT_S).",
    }

    def __init__(self, config: STTConfig) -> None:
        """Check the settings; `start` loads the model.

        Raises:
            ProviderSetupError: A setting has no meaning here, or there is no such model.
        """
        refuse("stt", config, ("api_key", "api_base"))
        self._config = config
        self._options = options = parse_options("stt", config, _SherpaOptions)
        self._language = _code(config.language) if config.language else None
        self._name = config.model or default_recogniser(self._language)
        check_name("stt", self._name, RECOGNISERS)
        published = RECOGNISERS.get(self._name)
        if published is not None:
            self._check_language(published.languages)
            self._check_options(published.layout.kind)
            self.languages = published.languages
        if self._language is not None:
            # A model is told its language once for all sessions, or knows only this one.
            self.languages = frozenset({self._language})
        if options.device == "cuda" and not has_cuda():
            raise ProviderSetupError(
                _(
                    "stt.options.device is cuda, but the installed sherpa-onnx is for CPUs: "
                    "install one for GPUs (https://k2-fsa.github.io/sherpa/onnx/cuda.html), or "
                    "use cpu."
                )
            )
        self.parallel = options.parallel
        self._pool = EnginePool("sherpa", options.parallel)
        self._engine: Engine | None = None
        self._service: type[WholeTurns | StreamedTurns] = WholeTurns

    @property
    def label(self) -> str:
        """The model's name; of a folder, without what it lies in."""
        return f"sherpa {Path(self._name).name}"

    async def fetch(self) -> Path:
        """Download the model, unless it is there or is a folder."""
        folder, _layout = await self._found()
        return folder

    async def _found(self) -> tuple[Path, Layout[Recogniser]]:
        """Return where the model is and what it is made of; a new one has been tried."""
        given = self._options.download_dir
        found = await find(self._config, self._name, RECOGNISERS, recogniser_in, given)
        folder, layout = found.folder, found.layout
        self._check_options(layout.kind)
        if found.new and (reason := await self._pool.run(self._recipe(folder, layout).try_out)):
            raise ProviderSetupError(_unusable(folder, reason))
        return folder, layout

    async def start(self) -> None:
        """Find, load and warm up the model.

        Raises:
            ProviderSetupError: The model cannot be downloaded or loaded.
        """
        folder, layout = await self._found()
        recipe = self._recipe(folder, layout)
        try:
            recogniser = await self._pool.run(recipe.build)
            await self._pool.run(lambda: recipe.warm_up(recogniser))
        # sherpa-onnx passes on errors of many types for damaged files.
        except Exception as error:
            raise ProviderSetupError(_unusable(folder, error)) from error
        options, kind = self._options, layout.kind
        beams = options.decoding_method == BEAM_SEARCH
        tokens = _tokens(folder / layout.parts["tokens"])
        cut = "bpe_vocab" in layout.parts
        self._engine = Engine(
            recogniser,
            self._pool,
            Patience.of(self._config).first_s,
            biased=beams and (cut or not any(token.startswith(_SPACE) for token in tokens)),
            characters=frozenset() if cut else frozenset((*tokens, " ")),
            detects=self._language is None and kind in _TOLD_LANGUAGE,
            shouts=_shouts(tokens),
            tail_ms=TAIL_MS if options.tail_ms is None else options.tail_ms,
        )
        self._service = StreamedTurns if kind.streaming else WholeTurns

    async def close(self) -> None:
        """Release the model."""
        self._pool.close()
        self._engine = None

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        if self._engine is None:
            raise RuntimeError("SherpaSTT.start() must come before the first session.")
        return self._service(self._engine)

    def _check_language(self, known: frozenset[str] | None) -> None:
        if self._language is not None and known is not None and self._language not in known:
            raise ProviderSetupError(
                _(
                    "stt.language '{language}' is none that sherpa's model {model} knows: choose "
                    "one of {known}, or another stt.model."
                ).format(
                    language=self._config.language,
                    model=Path(self._name).name,
                    known=", ".join(sorted(known)),
                )
            )

    def _check_options(self, kind: Recogniser) -> None:
        """Refuse options that have no effect on a kind of model."""
        options = self._options
        useless = {
            "decoding_method": options.decoding_method == BEAM_SEARCH and kind not in _TRANSDUCERS,
            "use_itn": options.use_itn is not None and kind is not Recogniser.SENSE_VOICE,
            "tail_ms": options.tail_ms is not None and not kind.streaming,
        }
        for name in (name for name, is_useless in useless.items() if is_useless):
            raise ProviderSetupError(
                _(
                    "stt.options.{name} has no effect on the model {model}, which is of the kind "
                    "{kind}: unset it, or choose another stt.model."
                ).format(name=name, model=Path(self._name).name, kind=kind.value)
            )

    def _recipe(self, folder: Path, layout: Layout[Recogniser]) -> Recipe:
        """Return how to load the model; raises `ProviderSetupError` for an unknown language."""
        kind, options = layout.kind, self._options
        files = {part: str(folder / name) for part, name in layout.parts.items()}
        arguments: dict[str, Any] = {"num_threads": options.threads, "provider": options.device}
        if kind is Recogniser.PARAFORMER:
            files["paraformer"] = files.pop("model")
        elif kind is Recogniser.SENSE_VOICE:
            arguments["language"] = self._language or "auto"
            arguments["use_itn"] = options.use_itn is not False
        elif kind is Recogniser.WHISPER:
            about = read_metadata(folder / layout.parts["encoder"])
            codes = about.get("all_language_codes", "").split(",")
            known = frozenset(codes) if about.get("is_multilingual") == "1" else ENGLISH
            self._check_language(known)
            self.languages = self.languages or known
            arguments["language"] = self._language or ("en" if known == ENGLISH else "")
        elif kind is Recogniser.NEMO_TRANSDUCER:
            arguments["model_type"] = "nemo_transducer"
        elif kind in _TRANSDUCERS:
            arguments["decoding_method"] = options.decoding_method or "greedy_search"
            arguments["model_type"] = _transducer_type(folder / layout.parts["encoder"], kind)
            if "bpe_vocab" in files:
                arguments["modeling_unit"] = "cjkchar+bpe"
        mode = "online" if kind.streaming else "offline"
        return Recipe(mode, _FACTORIES[kind], {**files, **arguments})


def _code(language: str) -> str:
    """Return `zh` of `zh-CN`: no model knows regions."""
    return language.lower().replace("_", "-").partition("-")[0]


def _transducer_type(encoder: Path, kind: Recogniser) -> str:
    """Return what an encoder says that it is; without it, it would be loaded twice to find out."""
    told = read_metadata(encoder).get("model_type", "")
    known = _STREAMING_TYPES if kind.streaming else ("transducer",)
    return told if told in known else known[-1]


def _shouts(tokens: list[str]) -> bool:
    """Return whether a model has Latin letters, and all of them are capitals."""
    words = "".join(token for token in tokens if not token.startswith("<"))
    latin = {letter for letter in words if letter.isascii() and letter.isalpha()}
    return bool(latin) and not any(letter.islower() for letter in latin)


def _tokens(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.rpartition(" ")[0] for line in lines]


def _unusable(folder: Path, reason: object) -> str:
    return _(
        "The model in {folder} cannot be loaded: {reason}. Delete the folder if a download was "
        "damaged; otherwise look at stt.model and stt.options.device."
    ).format(folder=folder, reason=str(reason).rstrip("."))
