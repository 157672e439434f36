"""Voices of sherpa-onnx in this process: Chinese and English from one model, on a CPU, no key.

One model serves all sessions, and its speakers are its voices. A clause is spoken a sentence at a
time, and the library speaks on several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider, VoiceInfo
from providers.in_process.engine_pool import EnginePool
from providers.options import Options, parse_options, refuse
from providers.sherpa.catalogue import DEFAULT_VOICE, VOICES
from providers.sherpa.engines import Recipe, has_cuda
from providers.sherpa.layouts import Layout, Voice, speaker_names, voice_in
from providers.sherpa.model_files import check_name, find
from providers.tts.lead_in import LeadIn
from providers.tts.local import LocalTTSService
from providers.tts.sherpa_text import Lexicon
from session.ports import OPENAI_VOICES
from settings.localisation import _
from settings.provider_declarations import Declaration

WARM_UP = "Hello, 你好."
"""Has words for every voice; those that it does not know are left out."""
_MEN = frozenset(("ash", "ballad", "cedar", "echo", "fable", "onyx", "verse"))
"""OpenAI's names that a man's voice comes closest to."""
_LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-BR",
    "z": "zh",
}
"""First letter of one of Kokoro's names → its language; the second one says `f` or `m`."""


class _SherpaOptions(Options):
    device: Literal["cpu", "cuda"] = "cpu"
    parallel: int = Field(2, ge=1, le=16)
    """Clauses spoken at a time."""
    threads: int = Field(1, ge=1, le=64)
    """Threads for each of them."""
    speed: float = Field(1, ge=0.5, le=2)
    """Pace of the voice; a client's `speed` is on top of it."""
    download_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class _Model:
    """A loaded model."""

    engine: Any
    """An `OfflineTts`."""
    lexicon: Lexicon
    speed: float

    def speak(self, speaker: int, text: str) -> Iterator[bytes]:
        """Speak a text, on a thread."""
        readable = self.lexicon.readable(text)
        if not readable:
            return
        made: list[Any] = []

        def take(samples: Any, _progress: float) -> int:
            # The array is the library's own memory, and is gone when this returns.
            made.append((np.clip(samples, -1, 1) * 32767).astype("<i2"))
            return 1

        # What it returns is a list of numbers, which would hold up the other threads.
        self.engine.generate(readable, sid=speaker, speed=self.speed, callback=take)
        lead_in = LeadIn(self.engine.sample_rate)
        for sound in made:
            if audible := lead_in.push(sound.tobytes()):
                yield audible


class SherpaTTS(TTSProvider):
    """`tts.provider = "sherpa"`."""

    declaration = Declaration(kind="tts", name="sherpa", extra=True, options=_SherpaOptions)
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "Choose another tts.model (REALTIME_TTS__MODEL), or raise "
        "tts.options.threads or tts.timeout_s (REALTIME_TTS__TIMEOUT_S).",
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the settings; `start` loads the model.

        Raises:
            ProviderSetupError: A setting has no meaning here, or there is no such model.
        """
        refuse("tts", config, ("api_key", "api_base", "gap_timeout_s"))
        self._config = config
        self._options = options = parse_options("tts", config, _SherpaOptions)
        self._name = config.model or DEFAULT_VOICE
        check_name("tts", self._name, VOICES)
        if options.device == "cuda" and not has_cuda():
            raise ProviderSetupError(
                _(
                    "tts.options.device is cuda, but the installed sherpa-onnx is for CPUs: "
                    "install one for GPUs (https://k2-fsa.github.io/sherpa/onnx/cuda.html), or "
                    "use cpu."
                )
            )
        self.parallel = options.parallel
        self._pool = EnginePool("sherpa", options.parallel)
        self._model: _Model | None = None
        self._lender: SherpaTTS | None = None
        self._speakers: Sequence[str] = ()

    @property
    def label(self) -> str:
        """The model's name; of a folder, without what it lies in."""
        return f"sherpa {Path(self._name).name}"

    def share(self, other: SherpaTTS) -> None:
        """Speak by the model of another one."""
        self._lender, self._pool = other, other._pool

    async def fetch(self) -> Path:
        """Download the model, unless it is there or is a folder."""
        folder, _layout = await self._found()
        return folder

    async def _found(self) -> tuple[Path, Layout[Voice]]:
        """Return where the model is and what it is made of; a new one has been tried."""
        given = self._options.download_dir
        found = await find(self._config, self._name, VOICES, voice_in, given)
        folder, layout = found.folder, found.layout
        if found.new and (reason := await self._pool.run(self._recipe(folder, layout).try_out)):
            raise ProviderSetupError(_unusable(folder, reason))
        return folder, layout

    async def start(self) -> None:
        """Find, load and warm up the model.

        Raises:
            ProviderSetupError: The model cannot be downloaded or loaded, or has no voice
                `tts.voice_id`.
        """
        lender = self._lender
        if lender is not None and lender._model is not None:
            model, self._speakers = lender._model, lender._speakers
        else:
            model, self._speakers = await self._loaded()
        self.voices = frozenset(self._speakers)
        self.named_voices = _spread(self._speakers)
        wanted = self._config.voice_id
        if wanted is not None and wanted not in self.voices | self.named_voices.keys():
            raise ProviderSetupError(
                _(
                    "tts.voice_id '{wanted}' is no voice of {model}: choose one of {voices} "
                    "(REALTIME_TTS__VOICE_ID)."
                ).format(wanted=wanted, model=self.label, voices=", ".join(self._speakers))
            )
        self._model = model

    async def _loaded(self) -> tuple[_Model, Sequence[str]]:
        """Return the model and the names of its speakers."""
        folder, layout = await self._found()
        recipe = self._recipe(folder, layout)
        try:
            model = await self._pool.run(lambda: self._load(recipe, folder, layout))
        # sherpa-onnx passes on errors of many types for damaged files.
        except Exception as error:
            raise ProviderSetupError(_unusable(folder, error)) from error
        network = folder / next(iter(layout.parts.values()))
        return model, _named(speaker_names(network), max(1, model.engine.num_speakers))

    async def close(self) -> None:
        """Release the model."""
        if self._lender is None:
            self._pool.close()
        self._model = None

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        if self._model is None:
            raise RuntimeError("SherpaTTS.start() must come before the first response.")
        own = self.named_voices.get(voice, voice)
        speak = partial(self._model.speak, self._speakers.index(own))
        return LocalTTSService(self._pool, speak, self._model.engine.sample_rate, own)

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices, with their languages where their names tell them."""
        return [
            VoiceInfo(voice.id, voice.speaks_as, _language(voice.speaks_as))
            for voice in super().list_voices()
        ]

    def _load(self, recipe: Recipe, folder: Path, layout: Layout[Voice]) -> _Model:
        lexicon = Lexicon(folder / name for name in layout.lexicons)
        model = _Model(recipe.build(), lexicon, self._options.speed)
        for _sound in model.speak(0, WARM_UP):
            pass
        return model

    def _recipe(self, folder: Path, layout: Layout[Voice]) -> Recipe:
        model = {part: str(folder / name) for part, name in layout.parts.items()}
        model["lexicon"] = ",".join(str(folder / name) for name in layout.lexicons)
        around = {
            "num_threads": self._options.threads,
            "provider": self._options.device,
            "rule_fsts": ",".join(str(folder / name) for name in layout.rules),
        }
        return Recipe("tts", layout.kind.name.lower(), model, around)


def _named(names: Sequence[str], count: int) -> Sequence[str]:
    """Return the names of `count` speakers; the numbers where a model does not name them all."""
    return names if len(names) == count else tuple(str(number) for number in range(count))


def _spread(speakers: Sequence[str]) -> dict[str, str]:
    """Give OpenAI's names to speakers: to one of the same name, else to as many as there are.

    A Chinese voice speaks English as well, but hardly the other way round: so where there are any,
    they get the names.
    """
    chinese = [name for name in speakers if _language(name) == "zh"]
    choice = chinese or list(speakers)
    men = [name for name in choice if name[1:3] == "m_"]
    women = [name for name in choice if name[1:3] == "f_"]
    spread: dict[str, str] = {}
    for place, openai in enumerate(OPENAI_VOICES):
        alike = (men if openai in _MEN else women) or choice
        same = (name for name in alike if name[3:] == openai)
        spread[openai] = next(same, alike[place % len(alike)])
    return spread


def _language(speaker: str) -> str | None:
    return _LANGUAGES.get(speaker[0]) if speaker[1:3] in ("f_", "m_") else None


def _unusable(folder: Path, reason: object) -> str:
    return _(
        "The voice in {folder} cannot be loaded: {reason}. Delete the folder if a download was "
        "damaged; otherwise look at tts.model and tts.options.device."
    ).format(folder=folder, reason=str(reason).rstrip("."))
