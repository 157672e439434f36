"""Kokoro's voices in this process: 54 voices in nine languages from one model, no key.

One model serves all sessions. A clause is one pass of the model, so its audio comes at once; a
longer text takes several passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from kokoro_onnx import Kokoro
from kokoro_onnx.chunker import pause_after, split_phonemes
from kokoro_onnx.config import SAMPLE_RATE
from kokoro_onnx.session import resolve_providers
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider, VoiceInfo
from providers.frames import WordTimesFrame
from providers.in_process.downloads import fetch
from providers.in_process.engine_pool import EnginePool
from providers.in_process.model_places import model_folder
from providers.in_process.onnx_graph import computed_from, outputs
from providers.in_process.onnx_outputs import with_output
from providers.in_process.stoppable_session import StoppableSession
from providers.options import Options, parse_options, refuse
from providers.tts.local import LocalTTSService
from providers.tts.phoneme_places import WordsInPhonemes
from settings.localisation import _
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "kokoro-v1.0"
MODELS = {"kokoro-v1.0": "310 MB", "kokoro-v1.0.fp16": "169 MB", "kokoro-v1.0.int8": "88 MB"}
"""Published models → their size."""
VOICES_FILE = "voices-v1.0.bin"
CACHE = Path("pipecat", "kokoro-onnx")
"""Where files are kept in the user's cache: the folder that Pipecat uses too."""
RELEASE = "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0"
SENTENCE_PAUSE_S, CLAUSE_PAUSE_S = 0.25, 0.1
"""Silence added after a sentence and a clause: Kokoro's own is trimmed."""

NAMED_VOICES: Mapping[str, str] = {
    "alloy": "af_alloy",
    "ash": "am_michael",
    "ballad": "bm_fable",
    "cedar": "am_fenrir",
    "coral": "af_bella",
    "echo": "am_echo",
    "fable": "bm_george",
    "marin": "af_heart",
    "nova": "af_nova",
    "onyx": "am_onyx",
    "sage": "af_sarah",
    "shimmer": "bf_emma",
    "verse": "am_puck",
}
"""OpenAI's names → the voices that come closest."""

_LANGUAGES = {
    "a": ("en-us", "en-US"),
    "b": ("en-gb", "en-GB"),
    "e": ("es", "es"),
    "f": ("fr-fr", "fr"),
    "h": ("hi", "hi"),
    "i": ("it", "it"),
    "j": ("ja", "ja"),
    "p": ("pt-br", "pt-BR"),
    "z": ("cmn", "zh"),
}
"""First letter of a voice's name → its language, for espeak-ng and as BCP 47."""
_OTHER = ("en-us", None)
_PUNCTUATION = str.maketrans(
    dict(zip("，、；：。！？", (f"{mark} " for mark in ",,;:.!?"), strict=True))
)
"""Chinese and Japanese marks → those that Kokoro was trained with."""
_DURATION = "duration"
"""The output of newer exports that says how many frames each phoneme lasts."""
_DURATION_STEPS = (("Div",), ("Round",), ("Clip", "Max"))
"""How the published models reckon it from the speed, and keep it to themselves."""
_LANGUAGE_FLAG = re.compile(r"\([a-z]{2,3}(?:-[a-z]+)*\)")
"""espeak-ng's marks of a language change, such as `(en)`; Kokoro would pronounce them."""


class _KokoroOptions(Options):
    download_dir: Path | None = None
    voices_path: Path | None = None
    parallel: int = Field(2, ge=1, le=16)
    """Clauses spoken at a time."""


class KokoroTTS(TTSProvider):
    """`tts.provider = "kokoro"`."""

    declaration = Declaration(kind="tts", name="kokoro", extra=True, options=_KokoroOptions)
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "Set tts.model to kokoro-v1.0.int8 (REALTIME_TTS__MODEL), or "
        "raise tts.timeout_s (REALTIME_TTS__TIMEOUT_S).",
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the settings; `start` loads the model.

        Raises:
            ProviderSetupError: A setting has no meaning here.
        """
        refuse("tts", config, ("api_key", "api_base", "gap_timeout_s"))
        self._config = config
        self._options = parse_options("tts", config, _KokoroOptions)
        self._model = config.model or DEFAULT_MODEL
        if self._model not in MODELS and not self._model.endswith(".onnx"):
            known = ", ".join(f"{name} ({size})" for name, size in MODELS.items())
            raise ProviderSetupError(
                _(
                    "tts.model '{model}' is no Kokoro model: choose one of "
                    "{known}, or a path that ends in .onnx."
                ).format(model=self._model, known=known)
            )
        self.parallel = self._options.parallel
        self._pool = EnginePool("kokoro", self._options.parallel)
        self._kokoro: Kokoro | None = None
        self._lender: KokoroTTS | None = None

    @property
    def label(self) -> str:
        """The model's name; of a file, without its folder."""
        return f"kokoro {Path(self._model).name.removesuffix('.onnx')}"

    def share(self, other: KokoroTTS) -> None:
        """Speak by the model of another one."""
        self._lender, self._pool = other, other._pool

    async def start(self) -> None:
        """Download, load and warm up the model.

        Raises:
            ProviderSetupError: The model cannot be downloaded or loaded, or has no voice
                `tts.voice_id`.
        """
        lent = self._lender and self._lender._kokoro
        kokoro = lent or await self._loaded()
        own = kokoro.get_voices()
        self.voices = frozenset(own)
        self.named_voices = {
            name: voice if voice in self.voices else own[place % len(own)]
            for place, (name, voice) in enumerate(NAMED_VOICES.items())
        }
        wanted = self._config.voice_id
        if wanted is not None and wanted not in self.voices | NAMED_VOICES.keys():
            raise ProviderSetupError(
                _(
                    "tts.voice_id '{wanted}' is no voice of Kokoro: choose one "
                    "of {known} (REALTIME_TTS__VOICE_ID)."
                ).format(wanted=wanted, known=", ".join(own))
            )
        self._kokoro = kokoro

    async def fetch(self) -> Path:
        """Download the model and its voices, unless they are there."""
        model, _voices = await self._files()
        return model.parent

    async def _loaded(self) -> Kokoro:
        model, voices = await self._files()
        try:
            return await self._pool.run(partial(_load, model, voices))
        # onnxruntime and numpy raise errors of many types for broken files.
        except Exception as error:
            raise ProviderSetupError(
                _(
                    "Kokoro cannot be loaded from {model} and {voices}: "
                    "{error}. Delete them if a download was damaged."
                ).format(model=model, voices=voices, error=error)
            ) from error

    async def close(self) -> None:
        """Release the model."""
        if self._lender is None:
            self._pool.close()
        self._kokoro = None

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        if self._kokoro is None:
            raise RuntimeError("KokoroTTS.start() must come before the first response.")
        own = self.named_voices.get(voice, voice)
        return LocalTTSService(self._pool, partial(_speak, self._kokoro, own), SAMPLE_RATE, own)

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices with their languages."""
        return [
            VoiceInfo(voice.id, voice.speaks_as, _LANGUAGES.get(voice.speaks_as[0], _OTHER)[1])
            for voice in super().list_voices()
        ]

    async def _files(self) -> tuple[Path, Path]:
        """Return the files of the model and its voices, downloading what is not configured."""
        folder = model_folder(self._config, self._options.download_dir, CACHE)
        model, voices = folder / f"{self._model}.onnx", folder / VOICES_FILE
        wanted = {model: f"{RELEASE}/{model.name}", voices: f"{RELEASE}/{VOICES_FILE}"}
        if self._model.endswith(".onnx"):
            del wanted[model]
            model = _given("tts.model", Path(self._model))
        if self._options.voices_path is not None:
            del wanted[voices]
            voices = _given("tts.options.voices_path", self._options.voices_path)
        await fetch(wanted, self._config)
        return model, voices


def _given(setting: str, path: Path) -> Path:
    path = path.expanduser()
    if not path.is_file():
        raise ProviderSetupError(
            _(
                "{setting} names {path}, which is not there: unset it to "
                "download what Kokoro needs, or get the file from {release}."
            ).format(setting=setting, path=path, release=RELEASE.replace("download", "tag"))
        )
    return path


def _load(model: Path, voices: Path) -> Kokoro:
    kokoro = _with_durations(model, voices) or Kokoro(str(model), str(voices))
    stoppable: Any = StoppableSession(kokoro.sess)
    kokoro.sess = stoppable
    for _made in _speak(kokoro, kokoro.get_voices()[0], "Ready."):
        pass
    return kokoro


def _with_durations(model: Path, voices: Path) -> Kokoro | None:
    """Load a model so that it tells how long its phonemes last.

    Returns:
        None: it tells already, or there is nothing to tell.
    """
    content = model.read_bytes()
    durations = computed_from(content, "speed", _DURATION_STEPS)
    if durations is None or len(outputs(content)) > 1:
        return None
    content = with_output(content, durations, _DURATION)
    session = onnxruntime.InferenceSession(content, providers=resolve_providers())
    # The library asks the session for the model's file, and else the session would keep the bytes.
    session._model_path, session._model_bytes = str(model), None
    kokoro: Kokoro = Kokoro.from_session(session, str(voices))
    return kokoro


def _speak(kokoro: Kokoro, voice: str, text: str) -> Iterator[bytes | WordTimesFrame]:
    language, _ = _LANGUAGES.get(voice[0], _OTHER)
    # `create_timed` would raise an error for a text with nothing to pronounce.
    phonemes = _phonemes(kokoro, language, text)
    read = partial(_phonemes, kokoro, language)
    words = WordsInPhonemes(text, phonemes, read) if kokoro.has_timings else None
    for batch in split_phonemes(phonemes):
        # With timings it would make the pauses within the batch longer.
        samples, rate, timings = kokoro.create_timed(
            batch, voice, lang=language, is_phonemes=True, sentence_pause=0, clause_pause=0
        )
        if words is not None:
            starts = [one.start * 1000 for one in timings if not one.phoneme.isspace()]
            if begun := words.spoken(starts):
                yield WordTimesFrame(begun)
        pause = int(rate * pause_after(batch, SENTENCE_PAUSE_S, CLAUSE_PAUSE_S))
        sound = (np.clip(samples, -1, 1) * 32767).astype("<i2")
        yield sound.tobytes() + bytes(2 * pause)


def _phonemes(kokoro: Kokoro, language: str, text: str) -> str:
    readable = " ".join(text.translate(_PUNCTUATION).split())
    return _LANGUAGE_FLAG.sub("", kokoro.tokenizer.phonemize(readable, language))
