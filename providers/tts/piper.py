"""Piper's voices in this process: small, quick on a CPU, in some fifty languages, no key.

A voice is a download of its own, so only those that the settings name are loaded, once for all
sessions. Some hold several speakers, which are named `VOICE#SPEAKER`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from piper import PiperVoice, SynthesisConfig
from piper.download_voices import URL_FORMAT, VOICE_PATTERN
from pydantic import Field

from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider, VoiceInfo
from providers.in_process.downloads import fetch, hub_is_offline, mirrored
from providers.in_process.engine_pool import EnginePool
from providers.in_process.model_places import model_folder
from providers.in_process.stoppable_session import StoppableSession
from providers.options import Options, parse_options, refuse
from providers.tts.local import LocalTTSService
from session.ports import OPENAI_VOICES
from settings.installation import pip
from settings.localisation import _
from settings.provider_declarations import Declaration

DEFAULT_VOICE = "en_US-lessac-medium"
CACHE = Path("pipecat", "piper")
"""Where voices are kept in the user's cache: the folder that Pipecat uses too."""
WARM_UP = "1 2 3"
"""Text for the warm-up that every language can read."""

_EXTRAS = {"pinyin": "zh", "japanese": "ja", "thai": "th"}
"""A voice's kind of phonemes → the extra of piper-tts that it needs."""


class _PiperOptions(Options):
    download_dir: Path | None = None
    """The folder that Pipecat uses too."""
    voices: dict[str, str] = Field(default_factory=dict)
    """OpenAI's voice name → Piper voice; the others stand for the default voice."""
    use_cuda: bool = False
    parallel: int = Field(2, ge=1, le=16)
    """Clauses spoken at a time."""


@dataclass(frozen=True, slots=True)
class _Speaker:
    voice: PiperVoice
    number: int | None
    """Which of the voice's speakers; None: its only one, or its own default."""

    def speak(self, text: str) -> Iterator[bytes]:
        """Speak `text`, a sentence at a time."""
        for chunk in self.voice.synthesize(text, SynthesisConfig(speaker_id=self.number)):
            yield chunk.audio_int16_bytes


class PiperTTS(TTSProvider):
    """`tts.provider = "piper"`."""

    declaration = Declaration(kind="tts", name="piper", extra=True, options=_PiperOptions)
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.CONNECTIVITY: "Choose a smaller voice (…-low, …-x_low) in tts.voice_id, or "
        "raise tts.timeout_s (REALTIME_TTS__TIMEOUT_S).",
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the settings; `start` loads the voices.

        Raises:
            ProviderSetupError: A setting has no meaning here, or there is no GPU.
        """
        refuse("tts", config, ("api_key", "api_base", "gap_timeout_s"))
        self._config = config
        self._options = options = parse_options("tts", config, _PiperOptions)
        own = None if config.voice_id in OPENAI_VOICES else config.voice_id
        if own is not None and own.endswith(".onnx"):
            raise ProviderSetupError(
                _(
                    "tts.voice_id '{own}' is a file: name it in tts.model (REALTIME_TTS__MODEL)."
                ).format(own=own)
            )
        for name in options.voices:
            if name not in OPENAI_VOICES:
                raise ProviderSetupError(
                    _(
                        "tts.options.voices has '{name}', which is none of "
                        "OpenAI's names: choose from {voices}."
                    ).format(name=name, voices=", ".join(OPENAI_VOICES))
                )
        if (
            options.use_cuda
            and "CUDAExecutionProvider" not in onnxruntime.get_available_providers()
        ):
            raise ProviderSetupError(
                _(
                    "tts.options.use_cuda is set, but onnxruntime finds no "
                    "GPU: {pip} install onnxruntime-gpu in place of onnxruntime, "
                    "or unset it."
                ).format(pip=pip())
            )
        self._default = config.model or own or DEFAULT_VOICE
        self._wanted = [self._default, *([own] if own else []), *options.voices.values()]
        self.parallel = options.parallel
        self._pool = EnginePool("piper", options.parallel)
        self._speakers: dict[str, _Speaker] = {}

    @property
    def label(self) -> str:
        """The default voice."""
        return f"piper {_name(self._default)}"

    async def fetch(self) -> Path:
        """Download the voices that are not there yet."""
        paths = await self._files()
        return paths[_base(self._default)].parent

    async def _files(self) -> dict[str, Path]:
        """Return each voice's model, downloading what is missing."""
        paths = {_base(wanted): self._path(_base(wanted)) for wanted in self._wanted}
        await self._download(paths.values())
        return paths

    async def start(self) -> None:
        """Download, load and warm up the voices.

        Raises:
            ProviderSetupError: A voice cannot be downloaded or loaded, or lacks a speaker.
        """
        paths = await self._files()
        speakers: dict[str, _Speaker] = {}
        for base, path in paths.items():
            speakers |= await self._pool.run(partial(self._load, _name(base), path))
        names = [_name(wanted) for wanted in self._wanted]
        for name in names:
            if name not in speakers:
                known = sorted(other for other in speakers if other.startswith(_base(name)))
                raise ProviderSetupError(
                    _("The Piper voice '{name}' has no such speaker; it has {known}.").format(
                        name=name, known=", ".join(known)
                    )
                )
        self.named_voices = {
            **_spread(names[0], speakers),
            **{name: _name(voice) for name, voice in self._options.voices.items()},
        }
        self.voices = frozenset(speakers)
        self._speakers = speakers

    async def close(self) -> None:
        """Release the voices."""
        self._pool.close()
        self._speakers = {}

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        own = self.named_voices.get(voice, voice)
        speaker = self._speakers[own]
        return LocalTTSService(self._pool, speaker.speak, speaker.voice.config.sample_rate, own)

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices with the languages that their names begin with."""
        return [
            VoiceInfo(voice.id, voice.speaks_as, _language(voice.speaks_as))
            for voice in super().list_voices()
        ]

    def _path(self, base: str) -> Path:
        if base.endswith(".onnx"):
            path = Path(base).expanduser()
            for file in (path, Path(f"{path}.json")):
                if not file.is_file():
                    raise ProviderSetupError(
                        _(
                            "The Piper voice {path} (tts.model) needs the file "
                            "{file}, which is not there."
                        ).format(path=path, file=file)
                    )
            return path
        if not VOICE_PATTERN.match(base):
            raise ProviderSetupError(
                _(
                    "'{base}' is no Piper voice: tts.voice_id takes a name "
                    "such as {example} "
                    "(https://rhasspy.github.io/piper-samples lists them), "
                    "tts.model also a path that ends in .onnx."
                ).format(base=base, example=DEFAULT_VOICE)
            )
        folder = model_folder(self._config, self._options.download_dir, CACHE)
        return folder / f"{base}.onnx"

    async def _download(self, paths: Iterable[Path]) -> None:
        files: dict[Path, str] = {}
        for path in paths:
            for extension in (".onnx.json", ".onnx"):
                file = path.with_suffix(extension)
                if not file.is_file():
                    files[file] = _address(path.stem, extension)
        if files and hub_is_offline():
            file, address = next(iter(files.items()))
            raise ProviderSetupError(
                _(
                    "The Piper voice in {file} is missing, and HF_HUB_OFFLINE "
                    "forbids to download it: unset that variable, or fetch "
                    "{address} by other means and save it there."
                ).format(file=file, address=mirrored(address))
            )
        await fetch(files, self._config)

    def _load(self, name: str, path: Path) -> dict[str, _Speaker]:
        try:
            voice = PiperVoice.load(path, use_cuda=self._options.use_cuda, download_dir=path.parent)
        # onnxruntime and the configuration raise errors of many types for broken files.
        except Exception as error:
            raise ProviderSetupError(
                _(
                    "The Piper voice {path} cannot be loaded: {error}. Delete "
                    "it and its .json if a download was damaged."
                ).format(path=path, error=error)
            ) from error
        stoppable: Any = StoppableSession(voice.session)
        voice.session = stoppable
        try:
            for _audio in voice.synthesize(WARM_UP):
                pass
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get(voice.config.phoneme_type.value)
            package = f"'piper-tts[{extra}]'" if extra else str(error.name)
            raise ProviderSetupError(
                _(
                    "The Piper voice {name} needs the package '{missing}': {pip} install {package}"
                ).format(name=name, missing=error.name, pip=pip(), package=package)
            ) from error
        # A model of another kind loads as well, and fails only now.
        except Exception as error:
            raise ProviderSetupError(
                _("The Piper voice {path} cannot speak: {error}").format(path=path, error=error)
            ) from error
        several = voice.config.speaker_id_map if voice.config.num_speakers > 1 else {}
        return {name: _Speaker(voice, None)} | {
            f"{name}#{speaker}": _Speaker(voice, number) for speaker, number in several.items()
        }


def _base(wanted: str) -> str:
    """Return a voice's name or path without its speaker: what has to be loaded."""
    return wanted.partition("#")[0]


def _name(wanted: str) -> str:
    """Return the name that clients use; of a path, the file's name."""
    base, mark, speaker = wanted.partition("#")
    return f"{Path(base).stem if base.endswith('.onnx') else base}{mark}{speaker}"


def _spread(default: str, speakers: Mapping[str, _Speaker]) -> dict[str, str]:
    """Give OpenAI's names to the speakers of the default voice, or to its only one."""
    several = [name for name in speakers if name.startswith(f"{default}#")] or [default]
    return {name: several[place % len(several)] for place, name in enumerate(OPENAI_VOICES)}


def _address(voice: str, extension: str) -> str:
    parts = VOICE_PATTERN.match(voice)
    assert parts is not None, "only checked names are downloaded"
    family, region = parts["lang_family"], parts["lang_region"]
    return URL_FORMAT.format(
        lang_family=family,
        lang_code=f"{family}_{region}",
        voice_name=parts["voice_name"],
        voice_quality=parts["voice_quality"],
        extension=extension,
    )


def _language(voice: str) -> str | None:
    found = re.match(r"([a-z]{2,3})_([A-Z]{2})-", voice)
    return f"{found[1]}-{found[2]}" if found else None
