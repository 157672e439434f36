"""Voices that need no key, no network and no download: hibari, espeak-ng, and others if installed.

hibari sounds like a person but knows English alone, as does flite, which is simpler; Kokoro speaks
Chinese; espeak-ng speaks every language, robotically, and its Chinese nobody understands. So a
voice here is several: one of the engines for English, one for Chinese, and espeak-ng's timbre for
all other languages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Literal
from unicodedata import category

from loguru import logger

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, Resampler
from config import TTSConfig
from providers.base import ProviderSetupError, TTSProvider
from providers.options import Options, parse_options, refuse, variable
from providers.tts import flite, hibari, packaged_kokoro
from providers.tts.espeak import Espeak, EspeakVoice
from providers.tts.latin_language import ENGLISH, guess_language
from providers.tts.script_runs import Script, split_runs
from providers.tts.speech_engine import SpeechEngine, SynthesisError
from providers.tts.voice_base import ClauseVoice
from settings.localisation import _
from settings.provider_declarations import Declaration

MAX_CHUNK_BYTES = WIRE_RATE * BYTES_PER_SAMPLE // 10
"""Longest audio frame: 100 ms."""

_WARM_UP = "Ready."
_WARM_UP_CHINESE = "好。"
_MANDARIN = "sit/cmn"
"""espeak's voice of standard Chinese."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The engines' voices behind a voice's name."""

    espeak: str
    """espeak voice for Latin script, and for the scripts of its language."""
    variant: str = ""
    """espeak variant: the timbre, in every language."""
    flite: bool = False
    """Prefer flite for English."""
    hibari: str | None = None
    """hibari's voice for English, which is preferred to all others."""
    kokoro: str = packaged_kokoro.WOMAN
    """Kokoro's style for Chinese, unless the voice is a Chinese one of espeak."""

    @property
    def language(self) -> str:
        """The espeak language code, such as `en` of `gmw/en-US`."""
        return self.espeak.rpartition("/")[2].partition("-")[0]

    def in_language(self, identifier: str) -> str:
        """Return the espeak voice that reads another language with this timbre."""
        return f"{identifier}+{self.variant}" if self.variant else identifier


NAMED_VOICES: Mapping[str, Voice] = {
    "alloy": Voice("gmw/en-US", "f2", flite=True, hibari="alloy"),
    "ash": Voice("gmw/en-US", "m1", hibari="ash", kokoro=packaged_kokoro.MAN),
    "ballad": Voice("gmw/en", "m3", hibari="ballad", kokoro=packaged_kokoro.MAN),
    "cedar": Voice("gmw/en-US", "m5", hibari="cedar", kokoro=packaged_kokoro.MAN),
    "coral": Voice("gmw/en-US", "f4", flite=True, hibari="coral"),
    "echo": Voice("gmw/en-US", "benjamin", hibari="echo", kokoro=packaged_kokoro.MAN),
    "fable": Voice("gmw/en-GB-x-rp", "m2", hibari="fable", kokoro=packaged_kokoro.MAN),
    "marin": Voice("gmw/en-US", "anika", flite=True, hibari="marin"),
    "nova": Voice("gmw/en", "f5", hibari="nova"),
    "onyx": Voice("gmw/en-US", "m8", hibari="onyx", kokoro=packaged_kokoro.MAN),
    "sage": Voice("gmw/en-US", "f3", hibari="sage"),
    "shimmer": Voice("gmw/en-US", "f5", hibari="shimmer"),
    "verse": Voice("gmw/en-US", "victor", hibari="verse", kokoro=packaged_kokoro.MAN),
}
"""OpenAI's voice names → voices, as distinct as the engines can make them."""

_PLAIN = Voice("gmw/en-US")
_SLT = Voice("gmw/en-US", "f2", flite=True)
_HEART = Voice("gmw/en-US", "f2", hibari=hibari.VOICE)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that one voice of one engine speaks."""

    engine: SpeechEngine
    voice: str
    text: str
    language: str | None = None
    """Of Latin script, as guessed; None for other scripts."""


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
        self.hibari: SpeechEngine | None = None
        self.kokoro: SpeechEngine | None = None
        self._languages = _by_name(languages)
        self.voices = {name: Voice(target) for name, target in self._languages.items()}
        self.voices.update(NAMED_VOICES)

    def add_flite(self, engine: SpeechEngine, everywhere: bool) -> None:
        """Let flite read English.

        Args:
            engine: The engine.
            everywhere: Whether for all named voices, not only those that prefer it.
        """
        self.flite = engine
        self.voices[flite.VOICE] = _SLT
        if everywhere:
            for name, voice in NAMED_VOICES.items():
                self.voices[name] = Voice(voice.espeak, voice.variant, flite=True)

    def add_hibari(self, engine: SpeechEngine) -> None:
        """Let hibari read English, for all named voices."""
        self.hibari = engine
        self.voices[hibari.VOICE] = _HEART

    def add_kokoro(self, engine: SpeechEngine) -> None:
        """Let Kokoro read Chinese, for all voices but espeak's own Chinese ones."""
        self.kokoro = engine

    def plan(self, text: str, voice: Voice, before: str = ENGLISH) -> list[Piece]:
        """Cut `text` into pieces and give each to a voice that can read it.

        Args:
            text: A clause or more.
            voice: Who speaks.
            before: The language of the Latin text before, for one that does not tell its own.
        """
        pieces: list[Piece] = []
        for run in split_runs(text):
            if not any(_is_spoken(char) for char in run.text):
                continue
            if run.script is None:
                before = guess_language(run.text, before)
                engine, name = self._latin_reader(before, voice)
                piece = Piece(engine, name, run.text, before)
            else:
                engine, name = self._reader(run.script, voice)
                piece = Piece(engine, name, run.text)
            if pieces and (pieces[-1].engine, pieces[-1].voice) == (piece.engine, piece.voice):
                piece = replace(piece, text=pieces.pop().text + piece.text)
            pieces.append(piece)
        return pieces

    def by_espeak(self, piece: Piece, voice: Voice) -> Piece:
        """Return the same piece for espeak."""
        return replace(piece, engine=self.espeak, voice=voice.in_language(voice.espeak))

    def _latin_reader(self, language: str, voice: Voice) -> tuple[SpeechEngine, str]:
        """Return the engine that reads Latin script, and the name of the engine's voice."""
        if voice.language == ENGLISH and language != ENGLISH:
            target = self._languages.get(language, voice.espeak)
            return self.espeak, voice.in_language(target)
        if voice.hibari is not None and self.hibari is not None:
            return self.hibari, voice.hibari
        if voice.flite and self.flite is not None:
            return self.flite, flite.VOICE
        return self.espeak, voice.in_language(voice.espeak)

    def _reader(self, script: Script, voice: Voice) -> tuple[SpeechEngine, str]:
        """Return the engine that reads another script, and the name of the engine's voice."""
        if script.readable_in(voice.language):
            return self.espeak, voice.in_language(voice.espeak)
        if script.language == packaged_kokoro.LANGUAGE and self.kokoro is not None:
            return self.kokoro, voice.kokoro
        target = self._languages.get(script.language, voice.espeak)
        return self.espeak, voice.in_language(target)

    def english_voice(self, name: str) -> str:
        """Return what a voice speaks English by, such as `hibari/alloy` or `gmw/en-US+m1`."""
        engine, own = self._latin_reader(ENGLISH, self.voices[name])
        return own if engine is self.espeak else f"{engine.name}/{own}"

    def close(self) -> None:
        """End the engines' threads."""
        for engine in (self.espeak, self.flite, self.hibari, self.kokoro):
            if engine is not None:
                engine.close()


class EmbeddedTTSService(ClauseVoice):
    """The voice of one response."""

    def __init__(self, box: VoiceBox, voice: str) -> None:
        """Speak with `voice`, one of `box.voices`."""
        super().__init__(voice)
        self._box = box
        self._sound = box.voices[voice]
        self._language = ENGLISH

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
        for piece in self._box.plan(text, self._sound, self._language):
            self._language = piece.language or self._language
            if piece.engine is self._box.espeak and piece.voice.startswith(_MANDARIN):
                _warn_of_chinese()
            said = False
            async with aclosing(_spoken(piece)) as stream:
                async for pcm in stream:
                    said = True
                    yield pcm
            # An engine for English has nothing to say of signs that it does not know.
            if not said and piece.engine is not self._box.espeak:
                async with aclosing(_spoken(self._box.by_espeak(piece, self._sound))) as stream:
                    async for pcm in stream:
                        yield pcm


@cache
def _warn_of_chinese() -> None:
    """Say it once in the life of the server."""
    logger.warning(
        "Chinese is being spoken by espeak-ng, whose Chinese is not intelligible: install Kokoro "
        "(pip install --no-deps --require-hashes -r requirements/offline.txt) or choose "
        "another voice, such as REALTIME_TTS__PROVIDER=openai."
    )


async def _spoken(piece: Piece) -> AsyncGenerator[bytes, None]:
    """Speak a piece: PCM at 24 kHz."""
    resampler = Resampler(piece.engine.sample_rate, WIRE_RATE)
    async with aclosing(piece.engine.synthesize(piece.text, piece.voice)) as stream:
        async for pcm in stream:
            yield resampler.push(pcm)
    if rest := resampler.flush():
        yield rest


class EmbeddedTTSOptions(Options):
    """`tts.options`."""

    engine: Literal["auto", "hibari", "espeak", "flite"] = "auto"
    """Engine for English; `auto`: hibari if installed, else flite for the voices that prefer it.
    `espeak` and `flite` also keep Chinese from Kokoro."""
    preload: bool = False
    """Load Kokoro at the start, and not with the first Chinese text, which then waits 2 s."""


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
        refuse(
            "tts",
            config,
            ("model", "api_base"),
            _("choose another voice, such as REALTIME_TTS__PROVIDER=openai"),
        )
        options = parse_options("tts", config, EmbeddedTTSOptions)
        self._engine = options.engine
        self._preload = options.preload
        self._voice_id = config.voice_id
        self._box: VoiceBox | None = None
        self._missing: list[Exception] = []

    @property
    def label(self) -> str:
        """`embedded`, and once started the engines in use."""
        if self._box is None:
            return "embedded"
        if self._box.hibari is not None:
            engines = "hibari + espeak-ng"
        else:
            engines = "flite slt + espeak-ng" if self._box.flite is not None else "espeak-ng"
        if self._box.kokoro is not None:
            engines += _(", Chinese by Kokoro, experimental")
        return "; ".join((f"embedded ({engines})", *map(str, self._missing)))

    async def start(self) -> None:
        """Load the engines and warm them up.

        Raises:
            ProviderSetupError: An engine is missing, or `tts.voice_id` is no voice of theirs.
        """
        box = await asyncio.to_thread(self._load)
        try:
            self._check_voice(box)
            await _warm_up(box, self._preload)
        except BaseException:
            box.close()
            raise
        self.voices = frozenset(box.voices)
        self.named_voices = {name: box.english_voice(name) for name in NAMED_VOICES}
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
                _(
                    "tts.voice_id '{voice}' is no embedded voice: choose one of {names}, or an "
                    "espeak-ng voice such as de or cmn ({variable})."
                ).format(
                    voice=self._voice_id,
                    names=", ".join(sorted(NAMED_VOICES)),
                    variable=variable("tts", "voice_id"),
                )
            )

    def _load(self) -> VoiceBox:
        neural = self._load_hibari() if self._engine in ("auto", "hibari") else None
        found = flite.find() if self._engine in ("auto", "flite") and neural is None else None
        if self._engine == "flite" and found is None:
            raise ProviderSetupError(
                _(
                    "tts.options.engine is flite, but flite with its voice slt is not installed: "
                    "install it (Debian: apt install flite) or unset {variable}."
                ).format(variable=variable("tts", "options"))
            )
        try:
            espeak = Espeak()
        except (ModuleNotFoundError, SynthesisError) as error:
            raise ProviderSetupError(
                _(
                    "The embedded voice cannot be loaded ({error}): pip install espeakng-loader, "
                    "or choose another voice, such as REALTIME_TTS__PROVIDER=openai."
                ).format(error=error)
            ) from error
        box = VoiceBox(espeak, espeak.list_voices())
        if neural is not None:
            box.add_hibari(neural)
        chinese = self._find_kokoro() if self._engine in ("auto", "hibari") else None
        if chinese is not None:
            box.add_kokoro(chinese)
        if found is not None:
            box.add_flite(found, everywhere=self._engine == "flite")
        return box

    def _load_hibari(self) -> SpeechEngine | None:
        """Return hibari, or None, with the reason in the label."""
        try:
            return hibari.load()
        except hibari.HibariUnavailable as error:
            if self._engine == "hibari":
                raise ProviderSetupError(
                    _("tts.options.engine is hibari, but {reason}").format(reason=error)
                ) from error
            self._missing.append(error)
            return None

    def _find_kokoro(self) -> SpeechEngine | None:
        """Return Kokoro if it is installed; what is wrong with it is said in the label."""
        try:
            return packaged_kokoro.find()
        except packaged_kokoro.KokoroUnavailable as error:
            self._missing.append(error)
            return None


async def _warm_up(box: VoiceBox, preload: bool) -> None:
    """Synthesise a word with each engine: the first synthesis of a process is slow."""
    try:
        pieces = [*chain(*(box.plan(_WARM_UP, voice) for voice in (_PLAIN, _SLT, _HEART)))]
        if preload:
            pieces += box.plan(_WARM_UP_CHINESE, _HEART)
        for piece in pieces:
            async with aclosing(piece.engine.synthesize(piece.text, piece.voice)) as stream:
                async for _pcm in stream:
                    pass
    except SynthesisError as error:
        raise ProviderSetupError(
            _("The embedded voice cannot speak: {error}").format(error=error)
        ) from error


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
