"""espeak-ng through ctypes: it streams, stops, queues and knows its voices."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from providers.tts.espeak import DEFAULT_VOICE, Espeak
from providers.tts.speech_engine import Emit, SynthesisError
from providers.tts.word_places import WordTime

SENTENCE = "The quick brown fox jumps over the lazy dog."


class CountingEspeak(Espeak):
    """Counts what the library makes, whoever hears it."""

    made = 0

    def _speak(self, text: str, voice: str, rate_wpm: int | None, emit: Emit) -> None:
        def count(pcm: bytes, words: Sequence[WordTime] = ()) -> bool:
            self.made += len(pcm)
            return emit(pcm, words)

        super()._speak(text, voice, rate_wpm, count)


@pytest.fixture
def engine() -> Iterator[CountingEspeak]:
    espeak = CountingEspeak()
    yield espeak
    espeak.close()


def about(length: int) -> Any:
    """Match a length: espeak's differ by a few samples, as its oscillators never start anew."""
    return pytest.approx(length, rel=0.05)


async def spoken(engine: Espeak, text: str, voice: str = DEFAULT_VOICE, rate: int = 150) -> bytes:
    return b"".join([pcm async for pcm in engine.synthesize(text, voice, rate)])


async def test_it_speaks_in_chunks(engine: Espeak) -> None:
    chunks = [pcm async for pcm in engine.synthesize(SENTENCE, DEFAULT_VOICE)]
    samples = array("h", b"".join(chunks))
    assert engine.sample_rate == 22050
    assert len(chunks) > 20
    assert 2 < len(samples) / engine.sample_rate < 6
    assert max(samples) > 5000


async def test_a_closed_stream_stops_the_library(engine: CountingEspeak) -> None:
    long = SENTENCE * 60
    async with aclosing(engine.synthesize(long, DEFAULT_VOICE)) as stream:
        await anext(stream)
    # One thread: when it speaks again it has left the long text.
    short = len(await spoken(engine, "Yes."))
    stopped_after = engine.made - short
    assert len(await spoken(engine, "Yes.")) == about(short)
    assert 0 < stopped_after < len(await spoken(engine, long)) / 2


async def test_a_cancelled_task_stops_the_library(engine: CountingEspeak) -> None:
    started = asyncio.Event()

    async def listen() -> None:
        async for _ in engine.synthesize(SENTENCE * 60, DEFAULT_VOICE):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(listen())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await spoken(engine, "Yes.")


async def test_texts_at_the_same_time_do_not_mix(engine: Espeak) -> None:
    texts = [("One, two, three, four.", "gmw/en-US"), ("Eins, zwei.", "gmw/de"), ("你", "cmn")]
    alone = [len(await spoken(engine, text, voice)) for text, voice in texts]
    other = Espeak()
    together = await asyncio.gather(
        *(spoken(engine, text, voice) for text, voice in texts),
        *(spoken(other, text, voice) for text, voice in texts),
    )
    other.close()
    assert [len(pcm) for pcm in together] == [about(length) for length in alone + alone]


async def test_faster_is_shorter(engine: Espeak) -> None:
    assert len(await spoken(engine, SENTENCE, rate=250)) < len(await spoken(engine, SENTENCE))


async def test_a_sentence_pauses_at_its_end_and_half_a_sentence_does_not(engine: Espeak) -> None:
    def silence_at_end(pcm: bytes) -> int:
        samples = array("h", pcm)
        return next((n for n, sample in enumerate(reversed(samples)) if abs(sample) > 100), 0)

    half = silence_at_end(await spoken(engine, "The dog and"))
    assert silence_at_end(await spoken(engine, "The dog and.")) > half + engine.sample_rate // 10
    assert silence_at_end(await spoken(engine, '"The dog and."')) > half + engine.sample_rate // 10


async def test_voices(engine: Espeak) -> None:
    voices = {voice.identifier: voice for voice in engine.list_voices()}
    assert len(voices) > 100
    assert voices["gmw/en-US"].name == "English (America)"
    assert (2, "en-us") in voices["gmw/en-US"].languages
    for identifier in ("sit/cmn", "jpx/ja", "ko", "zle/ru", "sem/ar", "inc/hi", "grk/el"):
        assert await spoken(engine, "1 2 3", identifier)
    with pytest.raises(SynthesisError, match="no voice 'whale'"):
        await spoken(engine, "Oooo.", "whale")
    assert await spoken(engine, "Still here.")


@pytest.mark.parametrize("text", ["", "...", "a\0b", "<b>&[[", "\u200b\ud7ff😀"])
async def test_no_text_breaks_it(engine: Espeak, text: str) -> None:
    await spoken(engine, text)
    assert await spoken(engine, "Still here.")


async def test_a_closed_engine_says_so(engine: Espeak) -> None:
    waiting = [asyncio.create_task(spoken(engine, SENTENCE * 50)) for _ in range(3)]
    await asyncio.sleep(0)
    engine.close()
    async with asyncio.timeout(60):
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert any(isinstance(outcome, SynthesisError) for outcome in outcomes)
    assert all(isinstance(outcome, bytes | SynthesisError) for outcome in outcomes)
    with pytest.raises(SynthesisError, match="espeak-ng is closed"):
        await spoken(engine, "Yes.")
