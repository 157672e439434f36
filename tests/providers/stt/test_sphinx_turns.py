"""The embedded recogniser's older engine: real speech through processes, shared, killed, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pipecat.frames.frames import ErrorFrame, InterimTranscriptionFrame, TranscriptionFrame

from config import STTConfig
from providers.base import ProviderSetupError
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.stt import embedded, sphinx_worker
from providers.stt.embedded import EmbeddedSTT
from providers.stt.sphinx_worker import AUDIO, END, HEADER, START
from tests.providers.stage import HANG_S, Running, running, speech, transcripts

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHUNK = 640
"""20 ms."""


def sphinx(**options: Any) -> STTConfig:
    return STTConfig(options={"engine": "pocketsphinx", **options})


@asynccontextmanager
async def started(workers: int) -> AsyncIterator[EmbeddedSTT]:
    provider = EmbeddedSTT(sphinx(workers=workers))
    await provider.start()
    try:
        yield provider
    finally:
        await provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[EmbeddedSTT]:
    async with started(2) as two_workers:
        yield two_workers


def understood(said: str, text: str) -> bool:
    """Whether most words arrived: which ones fail differs between machines."""
    return SequenceMatcher(None, said.split(), text.split()).ratio() > 0.7


def assert_understood(name: str, text: str) -> None:
    assert understood(transcripts()[name], text), text


async def speak(pipeline: Running, recognition_id: str, audio: bytes, early: float = 1.0) -> None:
    """Say a turn as a session does: `early` of it while it is spoken, then all of it."""
    heard = audio[: int(len(audio) * early) & ~1]
    await pipeline.push(TurnStartedFrame(recognition_id))
    for start in range(0, len(heard), CHUNK):
        await pipeline.push(TurnAudioFrame(recognition_id, heard[start : start + CHUNK]))
    await pipeline.push(TurnCommittedFrame(recognition_id, audio))


def texts(pipeline: Running) -> dict[str, str]:
    """Turn → transcript."""
    return {f.metadata["recognition_id"]: f.text for f in pipeline.stage.of(TranscriptionFrame)}


def alive(pid: int) -> bool:
    """Whether a process exists, be it as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(transcripts()))
async def test_speech_is_understood_while_it_is_spoken(provider: EmbeddedSTT, name: str) -> None:
    async with running(provider.create()) as pipeline:
        await speak(pipeline, "item", speech(name))
        (final,) = await pipeline.stage.until(TranscriptionFrame)
    assert_understood(name, final.text)
    interims = pipeline.stage.of(InterimTranscriptionFrame)
    assert {frame.metadata["recognition_id"] for frame in interims} == {"item"}
    assert len({frame.text for frame in interims}) > 2
    assert pipeline.stage.frames.index(interims[-1]) < pipeline.stage.frames.index(final)


async def test_a_turn_is_understood_however_much_was_heard_before(provider: EmbeddedSTT) -> None:
    name = "flite-slt_s10"
    async with running(provider.create()) as pipeline:
        await speak(pipeline, "half", speech(name), early=0.5)
        await pipeline.push(TurnCommittedFrame("never begun", speech(name)))
        await pipeline.stage.until(TranscriptionFrame, 2)
    for text in texts(pipeline).values():
        assert_understood(name, text)


@pytest.mark.parametrize("audio", [b"", bytes(2), bytes(32000), b"\x01"])
async def test_silence_has_an_empty_transcript(provider: EmbeddedSTT, audio: bytes) -> None:
    async with running(provider.create()) as pipeline:
        await speak(pipeline, "item", audio)
        (final,) = await pipeline.stage.until(TranscriptionFrame)
    assert final.text == ""


async def test_sessions_share_the_processes(provider: EmbeddedSTT) -> None:
    before = provider.pids
    name = "flite-slt_s10"
    async with running(provider.create()) as one, running(provider.create()) as other:
        # More turns than processes: those that find none wait for one.
        for pipeline in (one, other):
            await speak(pipeline, "first", speech(name))
            await speak(pipeline, "second", speech(name))
        for pipeline in (one, other):
            await pipeline.stage.until(TranscriptionFrame, 2)
    for text in (*texts(one).values(), *texts(other).values()):
        assert_understood(name, text)
    assert len(before) == 2
    assert provider.pids == before


async def test_turns_that_stay_open_keep_nobody_waiting(provider: EmbeddedSTT) -> None:
    name = "flite-slt_s10"
    audio = speech(name)
    opened = ["open 1", "open 2", "open 3"]
    async with running(provider.create()) as hoarder, running(provider.create()) as other:
        for recognition_id in opened:
            await hoarder.push(
                TurnStartedFrame(recognition_id), TurnAudioFrame(recognition_id, audio[:9600])
            )
        await speak(other, "over", audio)
        await other.stage.until(TranscriptionFrame)
        for recognition_id in opened:
            await hoarder.push(TurnCommittedFrame(recognition_id, audio))
        await hoarder.stage.until(TranscriptionFrame, 3)
    for text in (*texts(other).values(), *texts(hoarder).values()):
        assert_understood(name, text)


async def test_discarded_turns_and_ended_sessions_free_their_process() -> None:
    name = "flite-slt_s01"
    async with started(1) as provider:
        async with running(provider.create()) as pipeline:
            # Long enough that the process would be busy with it for a while.
            await pipeline.push(TurnCommittedFrame("unwanted", speech(name) * 20))
            await pipeline.stage.until(InterimTranscriptionFrame)
            await pipeline.push(TurnDiscardedFrame("unwanted"))
            await speak(pipeline, "wanted", speech(name))
            await pipeline.stage.until(TranscriptionFrame)
            await pipeline.push(TurnStartedFrame("open"), TurnAudioFrame("open", speech(name)))
            await pipeline.stage.until(InterimTranscriptionFrame, recognition_id="open")
        async with running(provider.create()) as another:
            await speak(another, "wanted too", speech(name))
            await another.stage.until(TranscriptionFrame)
    assert list(texts(pipeline)) == ["wanted"]
    assert_understood(name, texts(pipeline)["wanted"])
    assert_understood(name, texts(another)["wanted too"])


async def test_a_killed_process_fails_its_turn_and_is_replaced() -> None:
    name = "flite-slt_s10"
    async with started(1) as provider, running(provider.create()) as pipeline:
        (first,) = provider.pids
        await pipeline.push(TurnStartedFrame("lost"), TurnAudioFrame("lost", speech(name)))
        await pipeline.stage.until(InterimTranscriptionFrame)
        os.kill(first, signal.SIGKILL)
        await pipeline.push(TurnCommittedFrame("lost", speech(name)))
        (error,) = await pipeline.stage.until(ErrorFrame)
        assert error.metadata["recognition_id"] == "lost"
        assert "recogniser process ended unexpectedly" in error.error
        await speak(pipeline, "next", speech(name))
        await pipeline.stage.until(TranscriptionFrame)
        (second,) = provider.pids
        assert second != first
        assert not alive(first)
    assert list(texts(pipeline)) == ["next"]
    assert_understood(name, texts(pipeline)["next"])


async def test_closing_ends_the_processes_and_what_they_do() -> None:
    provider = EmbeddedSTT(sphinx(workers=1))
    await provider.start()
    pids = provider.pids
    assert all(alive(pid) for pid in pids)
    async with running(provider.create()) as pipeline:
        await pipeline.push(TurnCommittedFrame("running", speech("flite-slt_s01") * 20))
        await pipeline.stage.until(InterimTranscriptionFrame)
        await provider.close()
        assert not any(alive(pid) for pid in pids)
        await pipeline.push(TurnCommittedFrame("late", b""))
        errors = await pipeline.stage.until(ErrorFrame, 2)
    assert {error.metadata["recognition_id"] for error in errors} == {"running", "late"}
    assert all("shutting down" in error.error for error in errors)
    assert provider.pids == []
    await provider.close()


async def test_a_process_ends_with_its_input_even_while_it_decodes() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        sphinx_worker.__file__,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    audio = speech("flite-slt_s01") * 20
    for kind, payload in ((START, b""), (AUDIO, audio), (END, b"")):
        process.stdin.write(HEADER.pack(kind, 1, len(payload)) + payload)
    assert b'"ready"' in await process.stdout.readline()
    assert b'"interim"' in await process.stdout.readline()
    process.stdin.close()
    async with asyncio.timeout(HANG_S):
        rest = await process.stdout.read()
        assert await process.wait() == 0
    assert b'"final"' not in rest


async def test_a_broken_pocketsphinx_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError('no model inside')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    provider = EmbeddedSTT(sphinx())
    with pytest.raises(ProviderSetupError, match=r"no model inside.*REALTIME_STT__PROVIDER"):
        await provider.start()
    assert provider.pids == []


async def test_a_missing_pocketsphinx_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _name: None)
    with pytest.raises(ProviderSetupError, match=r"Python 3\.11 to 3\.13.*REALTIME_STT__PROVIDER"):
        await EmbeddedSTT(sphinx()).start()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"language": "de"}, "stt.language 'de'.*REALTIME_STT__LANGUAGE.*--profile offline"),
        ({"model": "tiny.en"}, "stt.model.*REALTIME_STT__MODEL.*stt.options.engine"),
    ],
)
async def test_settings_without_meaning_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ProviderSetupError, match=says) as refusal:
        EmbeddedSTT(sphinx().model_copy(update=settings))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "settings",
    [{"language": "en"}, {"language": "en-US"}],
)
async def test_settings_with_meaning_are_accepted(settings: dict[str, Any]) -> None:
    provider = EmbeddedSTT(sphinx(workers="8").model_copy(update=settings))
    assert provider.languages == frozenset({"en"})
    assert not provider.accepts_prompt
    assert provider.label == "embedded (pocketsphinx, US English)"
