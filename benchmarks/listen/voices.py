"""Who speaks: the engines of the embedded voices, flite, and recordings of people.

Each voice belongs to one half: those for tuning, or those held out.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from audio.pcm import SAMPLE_RATE, read_wav, resample
from benchmarks.listen.sound import RATE, SPEECH_DBFS, Samples, at_level, from_pcm, trimmed
from benchmarks.quality_speech import recordings
from benchmarks.scenarios import DATA
from providers.tts import flite, hibari, packaged_kokoro
from providers.tts.espeak import Espeak
from providers.tts.speech_engine import SpeechEngine

Split = Literal["tuning", "held-out"]
"""No parameter of the server is chosen by what is held out."""
Language = Literal["en", "zh"]

SEEDS: dict[Split, int] = {"tuning": 0, "held-out": 1000}
"""The first seed of each half; there are a thousand."""


@dataclass(frozen=True)
class Voice:
    """A voice of an engine."""

    engine: Literal["hibari", "espeak", "kokoro", "flite"]
    name: str
    split: Split
    language: Language = "en"
    rate_wpm: int | None = None

    def __str__(self) -> str:
        return f"{self.engine} {self.name}"

    def say(self, text: str) -> Samples:
        """Return a text spoken at the usual level, without silence around it."""
        return _spoken(self, text)


_ALL = (
    Voice("hibari", "marin", "tuning"),
    Voice("hibari", "coral", "tuning"),
    Voice("hibari", "ash", "tuning"),
    Voice("hibari", "cedar", "tuning"),
    Voice("espeak", "gmw/en-US+f2", "tuning"),
    Voice("espeak", "gmw/en+m3", "tuning"),
    Voice("kokoro", packaged_kokoro.WOMAN, "tuning", "zh"),
    Voice("hibari", "nova", "held-out"),
    Voice("hibari", "shimmer", "held-out"),
    Voice("hibari", "sage", "held-out"),
    Voice("hibari", "echo", "held-out"),
    Voice("hibari", "fable", "held-out"),
    Voice("hibari", "onyx", "held-out"),
    Voice("espeak", "gmw/en-US+victor", "held-out"),
    Voice("flite", flite.VOICE, "held-out"),
    Voice("kokoro", packaged_kokoro.MAN, "held-out", "zh"),
)


def voices(split: Split, language: Language = "en") -> list[Voice]:
    """Return the voices of a half that are installed here; the first ones sound most human."""
    return [
        voice
        for voice in _ALL
        if voice.split == split and voice.language == language and _engine(voice.engine)
    ]


@dataclass(frozen=True)
class Recording:
    """A sentence of a person, or of a synthesiser that no stack here uses by default."""

    speaker: str
    text: str
    samples: Samples


@cache
def recorded(split: Split) -> tuple[Recording, ...]:
    """Return recorded sentences: for tuning those of `tests/data`, held out all others."""
    if split == "tuning":
        table = (DATA / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
        named = dict(line.split("\t", 1) for line in table if "\t" in line)
        return tuple(
            Recording("tests/data", named.get(path.stem, ""), _usual(read_wav(path)))
            for path in sorted(DATA.glob("flite-*.wav"))
        )
    return tuple(
        Recording(clip.speaker, clip.text, _usual(resample(clip.pcm, SAMPLE_RATE, RATE)))
        for clip in recordings()
        if clip.speaker == "human" or "flite" in clip.speaker
    )


def _usual(pcm: bytes) -> Samples:
    return at_level(trimmed(from_pcm(pcm)), SPEECH_DBFS)


@cache
def _engine(name: str) -> SpeechEngine | None:
    """Load an engine; None where it is not installed."""
    try:
        match name:
            case "hibari":
                return hibari.load()
            case "kokoro":
                return packaged_kokoro.find()
            case "flite":
                return flite.find()
            case _:
                return Espeak()
    except (hibari.HibariUnavailable, packaged_kokoro.KokoroUnavailable, ModuleNotFoundError):
        return None


@cache
def _spoken(voice: Voice, text: str) -> Samples:
    engine = _engine(voice.engine)
    assert engine is not None, f"{voice} is not installed: take one of voices()"
    made = asyncio.run(_collected(engine, voice, text))
    samples = _usual(resample(made, engine.sample_rate, RATE))
    samples.setflags(write=False)  # it is cached
    return samples


async def _collected(engine: SpeechEngine, voice: Voice, text: str) -> bytes:
    pieces = []
    async with aclosing(engine.synthesize(text, voice.name, voice.rate_wpm)) as stream:
        async for pcm in stream:
            pieces.append(pcm)
    return b"".join(pieces)


def spread(split: Split, number: int) -> np.random.Generator:
    """Return the source of chance number so and so of a half."""
    return np.random.default_rng(SEEDS[split] + number)
