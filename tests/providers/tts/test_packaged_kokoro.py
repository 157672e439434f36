"""Kokoro from packages: found whole or not used; and its Chinese, clause by clause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from config import TTSConfig
from providers.in_process.packaged import package_folder
from providers.tts import packaged_kokoro
from providers.tts.embedded import EmbeddedTTS
from providers.tts.packaged_kokoro import (
    MAN,
    PART_PACKAGES,
    RATE,
    STYLES_PACKAGE,
    WOMAN,
    KokoroUnavailable,
    PackagedKokoro,
)
from providers.tts.speech_engine import SynthesisError
from providers.tts.word_places import word_places

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

needs_kokoro = pytest.mark.skipif(
    any(package_folder(name) is None for name in (STYLES_PACKAGE, *PART_PACKAGES, "misaki")),
    reason="Kokoro is not installed (requirements/offline.txt)",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[PackagedKokoro]:
    found = packaged_kokoro.find()
    assert found is not None
    yield found
    found.close()


def seconds(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


async def test_without_its_packages_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_kokoro, "STYLES_PACKAGE", "no_such_package")
    assert packaged_kokoro.find() is None


async def test_a_model_that_is_not_whole_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("styles_of_another", "part_of_another")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packaged_kokoro, "STYLES_PACKAGE", names[0])
    for parts in (("no_such_package",), (names[1],)):
        monkeypatch.setattr(packaged_kokoro, "PART_PACKAGES", parts)
        with pytest.raises(KokoroUnavailable, match=r"not whole: .*pip install .*offline\.txt"):
            packaged_kokoro.find()
    provider = EmbeddedTTS(TTSConfig())
    await provider.start()
    assert "Kokoro is not used" in provider.label
    await provider.close()


@needs_kokoro
async def test_what_reads_chinese_is_needed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_kokoro, "READERS", ("no_such_package",))
    with pytest.raises(KokoroUnavailable, match="no_such_package is not installed"):
        packaged_kokoro.find()


@needs_kokoro
async def test_a_model_that_cannot_be_loaded_fails_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise AttributeError("another version")

    monkeypatch.setattr(packaged_kokoro, "load_phonemes", broken)
    engine = packaged_kokoro.find()
    assert engine is not None
    with pytest.raises(SynthesisError, match=r"cannot be loaded \(another version\)"):
        async for _ in engine.synthesize("你好。", MAN):
            pass
    engine.close()


@needs_kokoro
async def test_clauses_come_one_by_one_with_short_pauses(engine: PackagedKokoro) -> None:
    text = "今天天气很好，我们去公园吧。"
    chunks = [pcm async for pcm in engine.synthesize(text, MAN)]
    assert len(chunks) == 2
    for chunk in chunks:
        samples = np.abs(np.frombuffer(chunk, dtype="<i2").astype(int))
        audible = np.flatnonzero(samples > 250)
        assert audible[0] <= RATE * 0.021
        assert 0.05 < (len(samples) - audible[-1]) / RATE < 0.2
        assert 3000 < samples.max() < 32767
        assert 0.8 < seconds(chunk) < 4


@needs_kokoro
@pytest.mark.parametrize("pace", [None, 150])
async def test_every_word_has_its_time(engine: PackagedKokoro, pace: int | None) -> None:
    text = "你好，我们 2024 年去公园吧。价格是 1,250 元，太贵了！"
    made_ms, times = 0.0, {}
    clause_ends = []
    async for pcm, words in engine.speak(text, MAN, pace):
        times.update({before: made_ms + ms for before, ms in words})
        made_ms += seconds(pcm) * 1000
        clause_ends.append(made_ms)
    places = word_places(text)
    assert [*times] == [word.before for word in places]
    starts = [*times.values()]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < 150
    lasts = {
        word.text: end - start
        for word, start, end in zip(places, starts, [*starts[1:], made_ms], strict=True)
    }
    assert lasts["1,250"] > 900 > 600 > lasts["去"]
    # What stands first behind a pause begins where that ends.
    first = {word.text: start for word, start in zip(places, starts, strict=True)}
    assert first["价"] == pytest.approx(clause_ends[0], abs=120)


@needs_kokoro
async def test_the_styles_are_two_people(engine: PackagedKokoro) -> None:
    woman, man = [
        b"".join([pcm async for pcm in engine.synthesize("你好。", style)])
        for style in (WOMAN, MAN)
    ]
    assert woman != man
    with pytest.raises(SynthesisError, match="no voice 'jf_nobody'"):
        async for _ in engine.synthesize("你好。", "jf_nobody"):
            pass


@needs_kokoro
@pytest.mark.parametrize("text", ["", "。", "Hello", "😀", "，，", "３", "9" * 60, "龘"])
async def test_no_text_breaks_it(engine: PackagedKokoro, text: str) -> None:
    for part in (text, "好。"):
        chunks = [pcm async for pcm in engine.synthesize(part, MAN)]
    assert chunks
