"""Which engine speaks what for whom: a voice of the embedded stack is several engines' voices.

hibari sounds like a person but knows English alone, as does flite, which is simpler; Kokoro speaks
Chinese; espeak-ng speaks every language, robotically. So a voice is one of the engines for
English, one for Chinese, and espeak-ng's timbre for all other languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from unicodedata import category

from providers.tts import flite, hibari, packaged_kokoro
from providers.tts.espeak import EspeakVoice
from providers.tts.latin_language import ENGLISH, guess_language, guessed_languages
from providers.tts.script_runs import Script, script_languages, split_runs
from providers.tts.speech_engine import SpeechEngine
from providers.tts.word_places import letters

_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z]{2})?")
MANDARIN = "sit/cmn"
"""espeak's voice of standard Chinese, which nobody understands."""


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

PLAIN = Voice("gmw/en-US")
SLT = Voice("gmw/en-US", "f2", flite=True)
HEART = Voice("gmw/en-US", "f2", hibari=hibari.VOICE)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that one voice of one engine speaks."""

    engine: SpeechEngine
    voice: str
    text: str
    language: str | None = None
    """Of Latin script, as guessed; None for other scripts."""
    before: int = 0
    """Characters of the whole text before it, spaces not counted."""


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
        self.voices[flite.VOICE] = SLT
        if everywhere:
            for name, voice in NAMED_VOICES.items():
                self.voices[name] = Voice(voice.espeak, voice.variant, flite=True)

    def add_hibari(self, engine: SpeechEngine) -> None:
        """Let hibari read English, for all named voices."""
        self.hibari = engine
        self.voices[hibari.VOICE] = HEART

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
        passed = 0
        for run in split_runs(text):
            start = passed
            passed += letters(run.text)
            if not any(_is_spoken(char) for char in run.text):
                continue
            if run.script is None:
                before = guess_language(run.text, before)
                engine, name = self._latin_reader(before, voice)
                piece = Piece(engine, name, run.text, before, start)
            else:
                engine, name = self._reader(run.script, voice)
                piece = Piece(engine, name, run.text, None, start)
            if pieces and (pieces[-1].engine, pieces[-1].voice) == (piece.engine, piece.voice):
                first = pieces.pop()
                piece = replace(piece, text=first.text + piece.text, before=first.before)
            pieces.append(piece)
        return pieces

    @property
    def read_by_all(self) -> frozenset[str]:
        """Languages that every voice of English reads, since their words or letters tell them."""
        told = (guessed_languages() | script_languages()) & self._languages.keys()
        return frozenset({*told, "zh"} if "cmn" in told else told)

    @property
    def language_voices(self) -> list[str]:
        """Names of espeak's voices that are the language which they speak: `fi`, `pt-br`."""
        return sorted(name for name in self._languages if _TAG.fullmatch(name))

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

    @property
    def parallel(self) -> int:
        """How many texts the engine for English speaks at a time; the others may be slower."""
        return (self.hibari or self.flite or self.espeak).threads

    def close(self) -> None:
        """End the engines' threads."""
        for engine in (self.espeak, self.flite, self.hibari, self.kokoro):
            if engine is not None:
                engine.close()


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
