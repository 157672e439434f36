"""The recogniser that needs no key, no hub and no network: Whisper, from a Python package.

Where that package is missing, pocketsphinx hears, which comes with the server: US English, and far
worse. Either is ready moments after the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from loguru import logger
from pydantic import Field

from config import STTConfig
from flow.watchdog import Patience
from providers.base import ProviderSetupError, STTProvider
from providers.in_process.engine_pool import EnginePool
from providers.options import Options, parse_options, refuse, variable
from providers.stt.packaged_models import MODELS, TINY_EN, DamagedModel, PackagedModel
from providers.stt.sphinx_pool import SphinxPool
from providers.stt.sphinx_process import RecogniserError
from providers.stt.sphinx_turns import SphinxSTTService
from providers.stt.turns import TurnSTTService
from settings.installation import REQUIREMENTS, reinstall
from settings.localisation import _, in_english
from settings.provider_declarations import Declaration

if TYPE_CHECKING:
    # It imports CTranslate2, which may be missing.
    from providers.stt.whisper_turns import Hearing

DEFAULT_WORKERS = 2
MAX_WORKERS = 8


class EmbeddedSTTOptions(Options):
    """`stt.options`."""

    engine: Literal["auto", "whisper", "pocketsphinx"] = "auto"
    """`auto`: Whisper if its packages are installed, else pocketsphinx."""
    workers: int = Field(DEFAULT_WORKERS, ge=1, le=MAX_WORKERS)
    """Turns decoded at a time: threads of Whisper, processes of pocketsphinx."""


class _Whisper:
    """A model from packages, and its threads."""

    accepts_prompt = True
    noise_reduced = False

    def __init__(self, model: PackagedModel, config: STTConfig, workers: int) -> None:
        self._model = model
        self._config = config
        self._workers = workers
        self._pool = EnginePool("whisper", workers)
        self._hearing: Hearing | None = None
        self._lender: _Whisper | None = None
        self.languages = frozenset({"en"}) if model is TINY_EN else None

    @property
    def label(self) -> str:
        return self._model.label

    def share(self, other: _Whisper) -> None:
        self._lender, self._pool = other, other._pool

    async def start(self) -> None:
        """Load the model; raises whatever keeps it from running."""
        self._hearing = await self._pool.run(self._load)
        self.languages = self._hearing.engine.languages

    async def close(self) -> None:
        if self._lender is None:
            self._pool.close()
        self._hearing = None

    def create(self) -> TurnSTTService:
        from providers.stt.whisper_turns import WhisperTurns

        if self._hearing is None:
            raise RuntimeError("EmbeddedSTT.start() must come before the first session.")
        return WhisperTurns(self._hearing)

    def _load(self) -> Hearing:
        from providers.stt.whisper_loading import load_model
        from providers.stt.whisper_turns import Hearing

        lent = self._lender and self._lender._hearing
        engine = lent.engine if lent else load_model(self._model.checked(), turns=self._workers)
        limit_s = Patience.of(self._config).first_s
        return Hearing(
            engine=engine, pool=self._pool, language=self._config.language, limit_s=limit_s
        )


class _Sphinx:
    """The processes of pocketsphinx."""

    accepts_prompt = False
    noise_reduced = True
    languages = frozenset({"en"})

    def __init__(self, workers: int, remark: Callable[[], str] = str) -> None:
        self.pool = SphinxPool(workers)
        self._lent = False
        self._remark = remark

    @property
    def label(self) -> str:
        return _("pocketsphinx, US English") + self._remark()

    async def start(self) -> None:
        """Start the processes and wait until each has loaded its model."""
        if find_spec("pocketsphinx") is None:
            raise ProviderSetupError(
                _(
                    "The embedded recogniser needs {install}; its older engine, pocketsphinx, has "
                    "no wheel for this version of Python: use Python 3.11 to 3.13 ({reinstall}), "
                    "or configure {another}."
                ).format(install=TINY_EN.install, reinstall=reinstall(), another=_another())
            )
        if self._lent:
            return
        try:
            await self.pool.start()
        except (RecogniserError, OSError) as error:
            raise ProviderSetupError(
                _(
                    "The embedded recogniser cannot start ({reason}): reinstall pocketsphinx, or "
                    "configure {another}."
                ).format(reason=error, another=_another())
            ) from error

    async def close(self) -> None:
        if not self._lent:
            await self.pool.close()

    def create(self) -> TurnSTTService:
        return SphinxSTTService(self.pool)

    def shared(self) -> _Sphinx:
        """Return the same engine, which only the owner of its processes ends."""
        guest = _Sphinx(0, self._remark)
        guest.pool, guest._lent = self.pool, True
        return guest


class EmbeddedSTT(STTProvider):
    """`stt.provider = "embedded"`."""

    declaration = Declaration(kind="stt", name="embedded", options=EmbeddedSTTOptions)
    # Of the words on which two interim results of pocketsphinx agree, one in six is revised later;
    # Whisper has none here, as each would cost as much as the whole turn.
    steady_interims = False

    def __init__(self, config: STTConfig) -> None:
        """Choose the engine; `start` starts it.

        Raises:
            ProviderSetupError: A setting has no meaning here, or a package is missing.
        """
        refuse("stt", config, ("api_base",), _("configure {another}").format(another=_another()))
        self._options = parse_options("stt", config, EmbeddedSTTOptions)
        self.parallel = self._options.workers
        self._config = config
        self._lender: EmbeddedSTT | None = None
        self._engine = self._choose()
        self._check_language()

    @property
    def languages(self) -> frozenset[str] | None:  # type: ignore[override]
        """The languages of the engine."""
        return self._engine.languages

    @property
    def accepts_prompt(self) -> bool:  # type: ignore[override]
        """Whether the engine takes a prompt."""
        return self._engine.accepts_prompt

    @property
    def noise_reduced(self) -> bool:  # type: ignore[override]
        """Whether the engine understands more of filtered audio."""
        return self._engine.noise_reduced

    @property
    def label(self) -> str:
        """Provider, engine and language; and how to get the better engine."""
        return f"embedded ({self._engine.label})"

    @property
    def pids(self) -> list[int]:
        """Process ids of pocketsphinx's workers, for supervision; Whisper has none."""
        return self._engine.pool.pids if isinstance(self._engine, _Sphinx) else []

    def share(self, other: EmbeddedSTT) -> None:
        """Hear by the engine of another one."""
        self._lender = other

    async def start(self) -> None:
        """Load the model, or start the processes.

        Raises:
            ProviderSetupError: The engine cannot start, and there is no other.
        """
        if self._lender is not None:
            self._borrow(self._lender._engine)
        try:
            await self._engine.start()
        # CTranslate2 cannot be imported on some machines, and raises RuntimeError for the rest.
        except (DamagedModel, ImportError, OSError, RuntimeError, ValueError) as error:
            await self._engine.close()
            await self._fall_back(error)
        self._check_language()

    async def close(self) -> None:
        """Release the model, or end the processes."""
        await self._engine.close()

    def create(self) -> TurnSTTService:
        """Build the recogniser of one session."""
        return self._engine.create()

    def _borrow(self, lent: _Whisper | _Sphinx) -> None:
        """Hear by an engine that has started, which may be the one that was fallen back to."""
        if isinstance(lent, _Sphinx):
            self._engine = lent.shared()
        elif isinstance(self._engine, _Whisper):
            self._engine.share(lent)

    def _choose(self) -> _Whisper | _Sphinx:
        options, name = self._options, self._config.model
        if options.engine == "pocketsphinx":
            refuse("stt", self._config, ("model",), _("unset stt.options.engine"))
            return _Sphinx(options.workers)
        model = TINY_EN if name is None else MODELS.get(name)
        if model is None:
            raise ProviderSetupError(
                _(
                    "stt.model '{name}' is none of the embedded recogniser's: choose one of "
                    "{known} ({variable}), or configure REALTIME_STT__PROVIDER=whisper."
                ).format(name=name, known=", ".join(MODELS), variable=variable("stt", "model"))
            )
        lacking = model.lacking()
        if lacking is None:
            return _Whisper(model, self._config, options.workers)
        if self._must_be_whisper:
            raise ProviderSetupError(
                _(
                    "{model} needs the package '{package}': {install}; or configure {another}."
                ).format(
                    model=model.label, package=lacking, install=model.install, another=_another()
                )
            )
        source = "requirements/embedded.txt" if REQUIREMENTS.is_dir() else TINY_EN.install
        return _Sphinx(options.workers, lambda: _("; clearer with {source}").format(source=source))

    @property
    def _must_be_whisper(self) -> bool:
        return self._options.engine == "whisper" or self._config.model is not None

    async def _fall_back(self, error: Exception) -> None:
        model = TINY_EN if self._config.model is None else MODELS[self._config.model]

        def cannot_load() -> str:
            told = _("{model} cannot be loaded ({reason}): {install} --force-reinstall")
            return told.format(model=model.label, reason=error, install=model.install)

        if self._must_be_whisper:
            raise ProviderSetupError(
                _("{reason}, or configure {another}.").format(
                    reason=cannot_load(), another=_another()
                )
            ) from error
        with in_english():
            logger.warning(f"{cannot_load()}. pocketsphinx hears instead.")
        self._engine = _Sphinx(
            self._options.workers, lambda: _("; Whisper cannot be loaded, the log says why")
        )
        await self._engine.start()

    def _check_language(self) -> None:
        language, known = self._config.language, self.languages
        if language is None or known is None:
            return
        if language.lower().replace("_", "-").partition("-")[0] not in known:
            raise ProviderSetupError(
                _(
                    "stt.language '{language}' is not understood by {label}: unset {variable}, "
                    "start with --profile offline for other languages than English, or configure "
                    "{another}."
                ).format(
                    language=language,
                    label=self.label,
                    variable=variable("stt", "language"),
                    another=_another(),
                )
            )


def _another() -> str:
    return _("another recogniser, such as REALTIME_STT__PROVIDER=openai")
