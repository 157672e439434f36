"""flite through ctypes, on systems that have it; and its absence, on all."""

from __future__ import annotations

import ctypes.util
from array import array
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from providers.tts import flite
from providers.tts.flite import VOICE, Flite, to_ascii
from providers.tts.speech_engine import SynthesisError

LIBRARIES = ("flite", "flite_cmu_us_slt")
INSTALLED = all(ctypes.util.find_library(name) for name in LIBRARIES)
SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.mark.parametrize("missing", LIBRARIES)
def test_without_its_libraries_there_is_no_engine(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ctypes.util, "find_library", lambda name: None if name == missing else f"lib{name}.so"
    )
    assert flite.find() is None


@pytest.mark.parametrize("library", ["libthere-is-no-such-thing.so", ctypes.util.find_library("c")])
def test_with_other_libraries_there_is_no_engine(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda _name: library)
    assert flite.find() is None


def test_it_is_found_where_it_is_installed() -> None:
    engine = flite.find()
    assert (engine is not None) == INSTALLED
    if engine is not None:
        engine.close()


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("plain text, 5%", "plain text, 5%"),
        ("“It’s” – naïve…", '"It\'s" , naive.'),
        ("5€ Łódź ½", "5 euros Lodz 12"),
        ("a\0b 你好", "a b "),
    ],
)
def test_text_is_written_in_letters_it_knows(text: str, ascii_text: str) -> None:
    assert to_ascii(text).split() == ascii_text.split()


if INSTALLED:

    @pytest.fixture
    def engine() -> Iterator[Flite]:
        found = flite.find()
        assert found is not None
        yield found
        found.close()

    async def spoken(engine: Flite, text: str, rate: int | None = None) -> bytes:
        return b"".join([pcm async for pcm in engine.synthesize(text, VOICE, rate)])

    async def test_it_speaks_in_chunks(engine: Flite) -> None:
        chunks = [pcm async for pcm in engine.synthesize(SENTENCE, VOICE)]
        samples = array("h", b"".join(chunks))
        assert engine.sample_rate == 16000
        assert len(chunks) > 20
        assert 2 < len(samples) / engine.sample_rate < 6
        assert max(samples) > 5000

    async def test_a_closed_stream_leaves_the_voice_usable(engine: Flite) -> None:
        whole = len(await spoken(engine, "Yes."))
        for _ in range(3):
            async with aclosing(engine.synthesize(SENTENCE * 3, VOICE)) as stream:
                await anext(stream)
            # flite's excitation is random, and so where its first sound is heard.
            assert len(await spoken(engine, "Yes.")) == pytest.approx(whole, rel=0.02)

    async def test_faster_is_shorter(engine: Flite) -> None:
        natural = len(await spoken(engine, SENTENCE))
        assert len(await spoken(engine, SENTENCE, 300)) < natural
        assert len(await spoken(engine, SENTENCE)) == pytest.approx(natural, rel=0.02)

    @pytest.mark.parametrize("text", ["", "...", "你好", "é"])
    async def test_no_text_breaks_it(engine: Flite, text: str) -> None:
        await spoken(engine, text)
        assert await spoken(engine, "Still here.")

    async def test_it_has_one_voice(engine: Flite) -> None:
        with pytest.raises(SynthesisError, match="only 'slt'"):
            async for _ in engine.synthesize("Hello.", "rms"):
                pass
