"""Turns of a recogniser: order, identity, isolation and teardown."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    TextFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
)

from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.stt.turns import TurnSTTService
from tests.providers.stage import Stage, running


class Recorder(TurnSTTService):
    """Writes down what it is asked, and answers with the length of what it heard."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []
        self.heard: dict[str, bytes] = {}
        self.failing: dict[str, str] = {}
        """Turn → the hook in which it fails."""
        self.held: dict[str, asyncio.Event] = {}
        """Turn → what its commit waits for."""
        self.ending = asyncio.Event()

    def _note(self, hook: str, recognition_id: str) -> None:
        self.calls.append((hook, recognition_id))
        if self.failing.get(recognition_id) == hook:
            raise RuntimeError(f"no {hook}")

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        recognition_id = turn.recognition_id
        self.heard[recognition_id] = b""
        self._note("begin", recognition_id)

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        self._note("hear", recognition_id)
        self.heard[recognition_id] += audio
        await self.push_interim(recognition_id, f"{len(audio)}")

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        self._note("commit", frame.recognition_id)
        if frame.recognition_id in self.held:
            await self.held[frame.recognition_id].wait()
        heard = len(self.heard[frame.recognition_id])
        await self.push_final(frame.recognition_id, f"{heard} bytes" if heard else "")

    async def discard_turn(self, recognition_id: str) -> None:
        self._note("discard", recognition_id)

    async def stop(self, frame: EndFrame) -> None:
        self.ending.set()
        await super().stop(frame)

    def hooks(self, recognition_id: str) -> list[str]:
        return [hook for hook, turn in self.calls if turn == recognition_id]


def finals(stage: Stage) -> list[tuple[str, str]]:
    return [
        (frame.metadata["recognition_id"], frame.text) for frame in stage.of(TranscriptionFrame)
    ]


def failures(stage: Stage) -> list[tuple[str, str]]:
    return [(frame.metadata["recognition_id"], frame.error) for frame in stage.of(ErrorFrame)]


async def test_a_turn_runs_through_its_hooks_in_order() -> None:
    stt = Recorder()
    async with running(stt) as pipeline:
        await pipeline.push(
            TurnStartedFrame("a"),
            TurnAudioFrame("a", b"12"),
            TurnAudioFrame("a", b"3456"),
            TurnCommittedFrame("a", b"12345678"),
        )
        (final,) = await pipeline.stage.until(TranscriptionFrame)
    assert stt.hooks("a") == ["begin", "hear", "hear", "hear", "commit"]
    assert stt.heard["a"] == b"12345678"
    assert (final.text, final.finalized, final.metadata) == (
        "8 bytes",
        True,
        {"recognition_id": "a"},
    )
    interims = pipeline.stage.of(InterimTranscriptionFrame)
    assert [frame.text for frame in interims] == ["2", "4", "2"]
    assert {frame.metadata["recognition_id"] for frame in interims} == {"a"}
    assert pipeline.stage.frames.index(interims[-1]) < pipeline.stage.frames.index(final)


@pytest.mark.parametrize(
    ("early", "committed", "heard"),
    [
        ([], b"123456", [b"123456"]),
        ([b"12"], b"123456", [b"12", b"3456"]),
        ([b"1234", b"56"], b"123456", [b"1234", b"56"]),
        ([b"12345678"], b"123456", [b"12345678"]),
        ([], b"", []),
    ],
)
async def test_a_commit_feeds_what_is_missing(
    early: list[bytes], committed: bytes, heard: list[bytes]
) -> None:
    stt = Recorder()
    async with running(stt) as pipeline:
        await pipeline.push(TurnStartedFrame("a"))
        await pipeline.push(*(TurnAudioFrame("a", audio) for audio in early))
        await pipeline.push(TurnCommittedFrame("a", committed))
        await pipeline.stage.until(TranscriptionFrame)
    assert stt.heard["a"] == b"".join(heard)
    assert stt.hooks("a").count("hear") == len(heard)


async def test_a_turn_may_be_committed_without_having_begun() -> None:
    stt = Recorder()
    async with running(stt) as pipeline:
        await pipeline.push(TurnCommittedFrame("a", b"1234"))
        await pipeline.stage.until(TranscriptionFrame)
    assert stt.hooks("a") == ["begin", "hear", "commit"]
    assert finals(pipeline.stage) == [("a", "4 bytes")]


async def test_an_empty_transcript_is_a_result() -> None:
    stt = Recorder()
    async with running(stt) as pipeline:
        await pipeline.push(TurnStartedFrame("a"), TurnCommittedFrame("a", b""))
        await pipeline.stage.until(TranscriptionFrame)
    assert finals(pipeline.stage) == [("a", "")]


async def test_a_slow_turn_holds_up_neither_frames_nor_other_turns() -> None:
    stt = Recorder()
    stt.held["slow"] = asyncio.Event()
    async with running(stt) as pipeline:
        await pipeline.push(
            TurnCommittedFrame("slow", b"12"), TurnCommittedFrame("b", b"1234"), TextFrame("on")
        )
        await pipeline.stage.until(TranscriptionFrame)
        assert finals(pipeline.stage) == [("b", "4 bytes")]
        await pipeline.stage.until(TextFrame, 4)
        stt.held["slow"].set()
        await pipeline.stage.until(TranscriptionFrame, 2)
    assert finals(pipeline.stage) == [("b", "4 bytes"), ("slow", "2 bytes")]


@pytest.mark.parametrize("hook", ["begin", "hear", "commit"])
async def test_a_failing_hook_fails_its_turn_alone(hook: str) -> None:
    stt = Recorder()
    stt.failing["bad"] = hook
    async with running(stt) as pipeline:
        await pipeline.push(TurnStartedFrame("bad"), TurnStartedFrame("good"))
        await pipeline.push(TurnAudioFrame("bad", b"12"), TurnAudioFrame("good", b"12"))
        await pipeline.push(TurnCommittedFrame("good", b"12"))
        await pipeline.stage.until(TranscriptionFrame)
        # An open turn may yet come to nothing, so it has not failed yet.
        assert failures(pipeline.stage) == []
        await pipeline.push(TurnAudioFrame("bad", b"34"), TurnCommittedFrame("bad", b"1234"))
        await pipeline.stage.until(ErrorFrame)
        await pipeline.push(TurnCommittedFrame("next", b"12"))
        await pipeline.stage.until(TranscriptionFrame, 2)
    assert failures(pipeline.stage) == [("bad", f"no {hook}")]
    assert finals(pipeline.stage) == [("good", "2 bytes"), ("next", "2 bytes")]
    assert stt.hooks("bad").count("discard") == 1
    assert pipeline.stage.errors == []


async def test_a_turn_that_failed_and_is_discarded_says_nothing() -> None:
    stt = Recorder()
    stt.failing["a"] = "begin"
    async with running(stt) as pipeline:
        await pipeline.push(TurnStartedFrame("a"), TurnDiscardedFrame("a"))
        await pipeline.push(TurnCommittedFrame("b", b""))
        await pipeline.stage.until(TranscriptionFrame)
    assert failures(pipeline.stage) == []
    assert stt.hooks("a").count("discard") <= 1


async def test_a_turn_that_cannot_be_discarded_is_logged_without_what_is_said(lines) -> None:
    stt = Recorder()
    stt.failing["a"] = "discard"
    stt.held["a"] = asyncio.Event()
    async with running(stt) as pipeline:
        await pipeline.push(TurnCommittedFrame("a", b"12"))
        await pipeline.stage.until(InterimTranscriptionFrame)
        await pipeline.push(TurnDiscardedFrame("a"), TurnCommittedFrame("b", b""))
        await pipeline.stage.until(TranscriptionFrame)
    assert [line for line in lines if "could not discard a: RuntimeError" in line]
    assert not [line for line in lines if "no discard" in line]


async def test_a_discarded_turn_is_forgotten() -> None:
    stt = Recorder()
    stt.held["a"] = asyncio.Event()
    async with running(stt) as pipeline:
        await pipeline.push(TurnCommittedFrame("a", b"12"))
        await pipeline.stage.until(InterimTranscriptionFrame)
        await pipeline.push(TurnDiscardedFrame("a"), TurnDiscardedFrame("never begun"))
        await pipeline.push(TurnCommittedFrame("b", b""))
        await pipeline.stage.until(TranscriptionFrame)
        stt.held["a"].set()
        await pipeline.push(TurnCommittedFrame("c", b""))
        await pipeline.stage.until(TranscriptionFrame, 2)
    assert finals(pipeline.stage) == [("b", ""), ("c", "")]
    assert stt.hooks("a")[-1] == "discard"
    assert stt.hooks("never begun") == []


async def test_audio_of_an_unknown_turn_is_ignored() -> None:
    stt = Recorder()
    async with running(stt) as pipeline:
        await pipeline.push(TurnAudioFrame("gone", b"12"), TurnCommittedFrame("a", b""))
        await pipeline.stage.until(TranscriptionFrame)
    assert stt.hooks("gone") == []


async def test_cancelling_the_pipeline_discards_every_turn() -> None:
    stt = Recorder()
    stt.held["committed"] = asyncio.Event()
    before = asyncio.all_tasks()
    async with running(stt) as pipeline:
        await pipeline.push(TurnStartedFrame("open"), TurnAudioFrame("open", b"12"))
        await pipeline.push(TurnCommittedFrame("committed", b"12"))
        await pipeline.stage.until(InterimTranscriptionFrame, 2)
    assert stt.hooks("open")[-1] == "discard"
    assert stt.hooks("committed")[-1] == "discard"
    assert finals(pipeline.stage) == []
    assert asyncio.all_tasks() == before


async def test_a_graceful_end_waits_for_committed_turns() -> None:
    stt = Recorder()
    stt.held["committed"] = asyncio.Event()
    async with running(stt) as pipeline:
        await pipeline.push(TurnStartedFrame("open"), TurnCommittedFrame("committed", b"12"))
        await pipeline.stage.until(InterimTranscriptionFrame)
        await pipeline.push(EndFrame())
        await stt.ending.wait()
        stt.held["committed"].set()
        await pipeline.stage.until(EndFrame)
        kinds = [type(frame) for frame in pipeline.stage.frames]
        assert kinds.index(TranscriptionFrame) < kinds.index(EndFrame)
        await pipeline.task
    assert finals(pipeline.stage) == [("committed", "2 bytes")]
    assert stt.hooks("open")[-1] == "discard"


async def test_other_frames_pass_and_turns_end_here() -> None:
    stt = Recorder()
    async with running(stt) as pipeline:
        await pipeline.push(UserStartedSpeakingFrame(), TurnStartedFrame("a"), InterruptionFrame())
        await pipeline.push(TurnAudioFrame("a", b"12"), TurnCommittedFrame("a", b"12"))
        await pipeline.stage.until(TranscriptionFrame)
    assert pipeline.stage.of(UserStartedSpeakingFrame)
    assert pipeline.stage.of(InterruptionFrame)
    assert not pipeline.stage.of(TurnStartedFrame)
    assert not pipeline.stage.of(TurnAudioFrame)
    assert not pipeline.stage.of(TurnCommittedFrame)


async def test_there_is_no_stream_to_recognise() -> None:
    with pytest.raises(NotImplementedError, match="hears turns"):
        async for _ in Recorder().run_stt(b"12"):
            pass
