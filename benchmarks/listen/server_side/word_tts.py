"""A voice of which it is known when each word ends: words of espeak-ng, one after the other.

The server is not told, so that its own reckoning of what was heard can be compared; only the voice
`TELLING` says when it speaks each word, as some voices do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import cache

import numpy as np
from pipecat.frames.frames import Frame

from providers import ClauseVoice, TTSProvider
from providers.frames import WordTimesFrame
from providers.tts.espeak import Espeak

RATE = 24000
VOICE = "gmw/en-US+f2"
TELLING = "verse"
WORD_PAUSE_MS, CLAUSE_PAUSE_MS, SENTENCE_PAUSE_MS = 15, 180, 350
_AUDIBLE = 300


class WordTTS(TTSProvider):
    """Builds voices that speak word by word."""

    label = "word by word"
    lifelike = False

    def __init__(self, _config: object) -> None:
        """There is nothing to configure."""

    def create(self, voice: str) -> ClauseVoice:
        """Build the voice of one response."""
        kind = _TellingVoice if voice == TELLING else _WordVoice
        return kind(voice, sample_rate=RATE)


class _WordVoice(ClauseVoice):
    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        for word in text.split():
            yield await word_audio(word)
            await asyncio.sleep(0)


class _TellingVoice(_WordVoice):
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        words, before = [], 0
        for word, (begin, _end) in zip(text.split(), await word_times(text), strict=True):
            words.append((before, begin))
            before += len(word)
        yield WordTimesFrame(words)
        async for frame in super().run_tts(text, context_id):
            yield frame


@cache
def _engine() -> Espeak:
    return Espeak()


_made: dict[str, bytes] = {}


async def word_audio(word: str) -> bytes:
    """Return a word with the pause behind it, as its punctuation has it: PCM at 24 kHz."""
    if word not in _made:
        engine = _engine()
        async with aclosing(engine.synthesize(word.strip(".,;:!?"), VOICE)) as stream:
            pcm = b"".join([piece async for piece in stream])
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        loud = np.flatnonzero(np.abs(samples) > _AUDIBLE)
        samples = samples[int(loud[0]) : int(loud[-1]) + 1] if loud.size else samples
        places = np.arange(0, len(samples) - 1, engine.sample_rate / RATE)
        spoken = np.interp(places, np.arange(len(samples)), samples).astype("<i2")
        _made[word] = spoken.tobytes() + bytes(2 * pause_ms(word) * RATE // 1000)
    return _made[word]


def pause_ms(word: str) -> int:
    """Return the silence behind a word."""
    if word.endswith((".", "!", "?")):
        return SENTENCE_PAUSE_MS
    return CLAUSE_PAUSE_MS if word.endswith((",", ";", ":")) else WORD_PAUSE_MS


async def word_times(text: str) -> list[tuple[float, float]]:
    """Return when each word of a text begins and ends, in milliseconds of its audio."""
    return list(_times([(word, await word_audio(word)) for word in text.split()]))


def _times(spoken: list[tuple[str, bytes]]) -> Iterator[tuple[float, float]]:
    at = 0.0
    for word, pcm in spoken:
        ms = len(pcm) / 2 / RATE * 1000
        yield at, at + ms - pause_ms(word)
        at += ms
