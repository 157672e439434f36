"""Voices that need no key, no network and no download: espeak-ng, and flite where installed.

espeak-ng speaks every language, robotically; flite's one voice is clearer but knows English alone.
So a voice here is a pair: the engine for Latin script, and espeak-ng's timbre for all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal
from unicodedata import category

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, Resampler
from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider
from providers.options import Options, parse_options, refuse, variable
from providers.tts import flite
from providers.tts.espeak import Espeak, EspeakVoice
from providers.tts.script_runs import Script, split_runs
from providers.tts.speech_engine import SpeechEngine, SynthesisError
from providers.tts.voice_base import ClauseVoice
from settings.provider_declarations import Declaration

MAX_CHUNK_BYTES = WIRE_RATE * BYTES_PER_SAMPLE // 10
"""Longest audio frame: 100 ms."""

_ANOTHER = "another voice, such as REALTIME_TTS__PROVIDER=openai"
_WARM_UP = "Ready."


@dataclass(frozen=True, slots=True)
class Voice:
    """The engines' voices behind a voice's name."""

    espeak: str
    """espeak voice for Latin script, and for the scripts of its language."""
    variant: str = ""
    """espeak variant: the timbre, in every language."""
    flite: bool = False
    """Prefer flite for Latin script."""

    @property
    def language(self) -> str:
        """The espeak language code, such as `en` of `gmw/en-US`."""
        return self.espeak.rpartition("/")[2].partition("-")[0]

    def in_language(self, identifier: str) -> str:
        """Return the espeak voice that reads another language with this timbre."""
        return f"{identifier}+{self.variant}" if self.variant else identifier


NAMED_VOICES: Mapping[str, Voice] = {
    "alloy": Voice("gmw/en-US", "f2", flite=True),
    "ash": Voice("gmw/en-US", "m1"),
    "ballad": Voice("gmw/en", "m3"),
    "cedar": Voice("gmw/en-US", "m5"),
    "coral": Voice("gmw/en-US", "f4", flite=True),
    "echo": Voice("gmw/en-US", "benjamin"),
    "fable": Voice("gmw/en-GB-x-rp", "m2"),
    "marin": Voice("gmw/en-US", "anika", flite=True),
    "nova": Voice("gmw/en", "f5"),
    "onyx": Voice("gmw/en-US", "m8"),
    "sage": Voice("gmw/en-US", "f3"),
    "shimmer": Voice("gmw/en-US", "f5"),
    "verse": Voice("gmw/en-US", "victor"),
}
"""OpenAI's voice names → voices, as distinct as espeak-ng can make them."""

_SLT = Voice("gmw/en-US", "f2", flite=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that one voice of one engine speaks."""

    engine: SpeechEngine
    voice: str
    text: str


class VoiceBox:
    """The engines and every voice they have."""

    def __init__(self, espeak: SpeechEngine, languages: Iterable[EspeakVoice]) -> None:
        """Start with espeak alone.

        Args:
            espeak: The engine that reads every script.
            languages: Its voices.
        """
        self.espeak = espeak
        self.flite: SpeechEngine | None = None
        self._languages = _by_name(languages)
        self.voices = {name: Voice(target) for name, target in self._languages.items()}
        self.voices.update(NAMED_VOICES)

    def add_flite(self, engine: SpeechEngine, everywhere: bool) -> None:
        """Let flite read Latin script.

        Args:
            engine: The engine.
            everywhere: Whether for all named voices, not only those that prefer it.
        """
        self.flite = engine
        self.voices[flite.VOICE] = _SLT
        if everywhere:
            for name, voice in NAMED_VOICES.items():
                self.voices[name] = Voice(voice.espeak, voice.variant, flite=True)

    def plan(self, text: str, voice: Voice) -> list[Piece]:
        """Cut `text` into pieces and give each to a voice that can read it."""
        pieces: list[Piece] = []
        for run in split_runs(text):
            if not any(_is_spoken(char) for char in run.text):
                continue
            engine, name = self._reader(run.script, voice)
            if pieces and (pieces[-1].engine, pieces[-1].voice) == (engine, name):
                pieces[-1] = replace(pieces[-1], text=pieces[-1].text + run.text)
            else:
                pieces.append(Piece(engine, name, run.text))
        return pieces

    def _reader(self, script: Script | None, voice: Voice) -> tuple[SpeechEngine, str]:
        """Return the engine that reads `script` for `voice`, and the name of the engine's voice."""
        if script is None and voice.flite and self.flite is not None:
            return self.flite, flite.VOICE
        if script is None or script.readable_in(voice.language):
            return self.espeak, voice.in_language(voice.espeak)
        target = self._languages.get(script.language, voice.espeak)
        return self.espeak, voice.in_language(target)

    def close(self) -> None:
        """End the engines' threads."""
        self.espeak.close()
        if self.flite is not None:
            self.flite.close()


class EmbeddedTTSService(ClauseVoice):
    """The voice of one response."""

    def __init__(self, box: VoiceBox, voice: str) -> None:
        """Speak with `voice`, one of `box.voices`."""
        super().__init__(voice)
        self._box = box
        self._sound = box.voices[voice]

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Speak `text`: 16-bit mono PCM at 24 kHz, in pieces of at most 100 ms."""
        async with aclosing(self._pieces(text)) as stream:
            async for pcm in stream:
                for start in range(0, len(pcm), MAX_CHUNK_BYTES):
                    yield pcm[start : start + MAX_CHUNK_BYTES]
                # The engines are far faster than real time: yield, so that the chunk is sent and
                # other sessions run before the next one.
                await asyncio.sleep(0)

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        for piece in self._box.plan(text, self._sound):
            resampler = Resampler(piece.engine.sample_rate, WIRE_RATE)
            async with aclosing(piece.engine.synthesize(piece.text, piece.voice)) as stream:
                async for pcm in stream:
                    yield resampler.push(pcm)
            yield resampler.flush()


class EmbeddedTTSOptions(Options):
    """`tts.options`."""

    engine: Literal["auto", "espeak", "flite"] = "auto"
    """Engine for Latin script; `auto`: flite for the voices that prefer it, if installed."""


class EmbeddedTTS(TTSProvider):
    """The engines of the process, shared by all sessions."""

    declaration = Declaration(kind="tts", name="embedded", options=EmbeddedTTSOptions)
    named_voices: Mapping[str, str] = {
        name: voice.in_language(voice.espeak) for name, voice in NAMED_VOICES.items()
    }

    def __init__(self, config: TTSConfig) -> None:
        """Check the settings; `start` loads the engines.

        Raises:
            ProviderSetupError: A setting has no meaning here.
        """
        refuse("tts", config, ("model", "api_base"), f"choose {_ANOTHER}")
        self._engine = parse_options("tts", config, EmbeddedTTSOptions).engine
        self._voice_id = config.voice_id
        self._box: VoiceBox | None = None

    @property
    def label(self) -> str:
        """`embedded`, and once started the engines in use."""
        if self._box is None:
            return "embedded"
        return "embedded (flite slt + espeak-ng)" if self._box.flite else "embedded (espeak-ng)"

    async def start(self) -> None:
        """Load the engines and warm them up.

        Raises:
            ProviderSetupError: An engine is missing, or `tts.voice_id` is no voice of theirs.
        """
        box = self._load()
        try:
            self._check_voice(box)
            await _warm_up(box)
        except BaseException:
            box.close()
            raise
        self.voices = frozenset(box.voices)
        self._box = box

    async def close(self) -> None:
        """End the engines' threads."""
        if self._box is not None:
            self._box.close()
            self._box = None

    def create(self, voice: str) -> EmbeddedTTSService:
        """Build the voice of one response.

        Args:
            voice: One of `voices`.
        """
        if self._box is None:
            raise RuntimeError("EmbeddedTTS.start() must come before the first response.")
        return EmbeddedTTSService(self._box, voice)

    def _check_voice(self, box: VoiceBox) -> None:
        if self._voice_id is not None and self._voice_id not in box.voices:
            raise ProviderSetupError(
                f"tts.voice_id '{self._voice_id}' is no embedded voice: choose one of "
                f"{', '.join(sorted(NAMED_VOICES))}, or an espeak-ng voice such as de or cmn "
                f"({variable('tts', 'voice_id')})."
            )

    def _load(self) -> VoiceBox:
        found = None if self._engine == "espeak" else flite.find()
        if self._engine == "flite" and found is None:
            raise ProviderSetupError(
                "tts.options.engine is flite, but flite with its voice slt is not installed: "
                f"install it (Debian: apt install flite) or unset {variable('tts', 'options')}."
            )
        try:
            espeak = Espeak()
        except (ModuleNotFoundError, SynthesisError) as error:
            raise ProviderSetupError(
                f"The embedded voice cannot be loaded ({error}): pip install espeakng-loader, or "
                f"choose {_ANOTHER}."
            ) from error
        box = VoiceBox(espeak, espeak.list_voices())
        if found is not None:
            box.add_flite(found, everywhere=self._engine == "flite")
        return box


async def _warm_up(box: VoiceBox) -> None:
    """Synthesise a word with each engine: the first synthesis of a process is slow."""
    try:
        for piece in (*box.plan(_WARM_UP, Voice("gmw/en-US")), *box.plan(_WARM_UP, _SLT)):
            async with aclosing(piece.engine.synthesize(piece.text, piece.voice)) as stream:
                async for _ in stream:
                    pass
    except SynthesisError as error:
        raise ProviderSetupError(f"The embedded voice cannot speak: {error}") from error


def _by_name(voices: Iterable[EspeakVoice]) -> dict[str, str]:
    """Return every name by which espeak's voices can be called → identifier.

    A voice answers to its identifier (`gmw/en-US`), the last part of it (`en-US`), and its
    language tags (`en-us`) unless another voice has a better priority for them.
    """
    tags: dict[str, tuple[int, str]] = {}
    names: dict[str, str] = {}
    for voice in voices:
        names[voice.identifier] = voice.identifier
        names[voice.identifier.rpartition("/")[2]] = voice.identifier
        for priority, tag in voice.languages:
            if tag not in tags or priority < tags[tag][0]:
                tags[tag] = (priority, voice.identifier)
    return {tag: target for tag, (_, target) in tags.items()} | names


def _is_spoken(char: str) -> bool:
    """Whether `char` is more than punctuation, a space or a mark."""
    return category(char)[0] in "LNS"
