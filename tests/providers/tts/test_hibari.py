"""The neural voice: as its package has it, through the engine; and heard through the socket."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from providers.in_process.packaged import package_folder
from providers.tts import hibari
from providers.tts.hibari import RATE, VOICES, Hibari, HibariUnavailable
from providers.tts.speech_engine import SynthesisError
from providers.tts.voice_box import NAMED_VOICES
from tests.providers.ear import hear, needs_ear, words
from tests.providers.speaking import answer, audio, voice

FOLDER = package_folder("hibari")
needs_hibari = pytest.mark.skipif(
    FOLDER is None, reason="hibari is not installed (requirements/embedded.txt)"
)
SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def engine() -> Iterator[Hibari]:
    found = hibari.load()
    yield found
    found.close()


async def spoken(engine: Hibari, text: str, voice: str = "heart", rate: int | None = None) -> bytes:
    return b"".join([pcm async for pcm in engine.synthesize(text, voice, rate)])


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int32)


def pitch_hz(pcm: bytes) -> float:
    """Return the median pitch of the voiced parts."""
    wave, found = samples(pcm).astype(float), []
    for start in range(0, len(wave) - 1920, 480):
        piece = wave[start : start + 1920] * np.hanning(1920)
        match = np.fft.irfft(np.abs(np.fft.rfft(piece, 4096)) ** 2)[:400]
        lag = 60 + int(np.argmax(match[60:400]))
        if np.abs(piece).max() > 1500 and match[lag] > 0.5 * match[0]:
            found.append(RATE / lag)
    return float(np.median(found))


def test_a_missing_package_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hibari, "PACKAGE", "no_such_package")
    with pytest.raises(HibariUnavailable, match=r"not installed: .*pip install .*embedded\.txt"):
        hibari.load()


def test_another_model_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "hibari_of_another"
    (folder / "assets").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(hibari, "PACKAGE", folder.name)
    for content in (None, b"another model"):
        if content is not None:
            (folder / "assets" / "hibari.onnx").write_bytes(content)
        with pytest.raises(HibariUnavailable, match="another than was tried"):
            hibari.load()


@needs_hibari
def test_a_package_of_another_version_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("hibari.tts.Hibari")
    with pytest.raises(HibariUnavailable, match="cannot be loaded"):
        hibari.load()


@needs_hibari
async def test_it_speaks_by_sentences_with_short_pauses(engine: Hibari) -> None:
    chunks = [pcm async for pcm in engine.synthesize(f"{SENTENCE} And again. Yes?", "heart")]
    assert len(chunks) == 3
    for chunk in chunks:
        audible = np.flatnonzero(np.abs(samples(chunk)) > 60)
        assert audible[0] <= RATE * 0.021
        assert 0.1 <= (len(samples(chunk)) - audible[-1]) / RATE <= 0.16
        assert 3000 < np.abs(samples(chunk)).max() < 32000


@needs_hibari
async def test_it_never_goes_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: Any, **_options: Any) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(urllib.request, "urlopen", refused)
    own = hibari.load()
    for name in NAMED_VOICES:
        assert await spoken(own, "Yes.", name)
    # Voices that the package would fetch.
    for name in ("emma", "fenrir", "fable/..", "kore"):
        with pytest.raises(SynthesisError, match=f"no voice '{name}'"):
            await spoken(own, "Yes.", name)
    own.close()


@needs_hibari
async def test_texts_at_once_do_not_disturb_each_other(engine: Hibari) -> None:
    alone = await spoken(engine, SENTENCE)
    assert alone == await spoken(engine, SENTENCE)
    both = await asyncio.gather(*(spoken(engine, SENTENCE) for _ in range(4)))
    assert set(both) == {alone}


@needs_hibari
async def test_a_closed_stream_ends_a_long_text(engine: Hibari) -> None:
    async with aclosing(engine.synthesize(f"{SENTENCE} " * 200, "heart")) as stream:
        await anext(stream)
    assert await spoken(engine, "Still here.")


@needs_hibari
async def test_six_hundred_words_without_a_mark_are_spoken_in_pieces(engine: Hibari) -> None:
    chunks = [pcm async for pcm in engine.synthesize("one and then another " * 150, "heart")]
    assert len(chunks) >= 15
    assert max(map(len, chunks)) < 2 * RATE * 20


@needs_hibari
@pytest.mark.parametrize(
    "text", ["", "...", "😀", "你好", "\0", "9" * 400, "a" * 5000, "M" * 50, "[x](/", "<" * 300]
)
async def test_no_text_breaks_it(engine: Hibari, text: str) -> None:
    await spoken(engine, text)
    assert await spoken(engine, "Still here.")


@needs_hibari
async def test_faster_is_shorter(engine: Hibari) -> None:
    assert len(await spoken(engine, SENTENCE, rate=250)) < 0.85 * len(
        await spoken(engine, SENTENCE)
    )


@needs_hibari
async def test_the_named_voices_are_people_of_their_own(engine: Hibari) -> None:
    assert VOICES.keys() == NAMED_VOICES.keys() | {"heart"}
    heard = {name: pitch_hz(await spoken(engine, SENTENCE, name)) for name in VOICES}
    assert heard["marin"] == heard["alloy"] == heard["heart"]
    men = {"ash", "ballad", "cedar", "echo", "fable", "onyx", "verse"}
    assert max(heard[name] for name in men) < 165
    assert min(heard[name] for name in heard.keys() - men) > 170
    assert len({VOICES[name] for name in NAMED_VOICES}) == len(NAMED_VOICES) - 1


@needs_hibari
@needs_ear
@pytest.mark.parametrize("name", ["alloy", "onyx", "shimmer", "echo"])
async def test_what_is_said_is_understood(name: str) -> None:
    text = "Please turn off the kitchen lights before you leave. Visit www.example.com at noon."
    async with voice({"provider": "embedded", "voice_id": name}, text=text) as wire:
        assert (await answer(wire))["status"] == "completed"
        heard = words(hear(audio(wire)).replace("example.com", "example dot com"))
    assert heard == words(text.replace("www.example.com", "example dot com"))
