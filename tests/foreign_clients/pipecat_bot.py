"""A Pipecat pipeline around a service under test, as its examples build one, and what passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from audio.pcm import WIRE_RATE
from tests.support.wire_client import PATIENCE_S, speech

F = TypeVar("F", bound=Frame)
STEP = WIRE_RATE // 10 * 2
"""100 ms, as a transport would deliver it."""


class Tap(FrameProcessor):
    """Keeps what passes by in either direction."""

    def __init__(self, frames: list[Frame], news: asyncio.Condition) -> None:
        super().__init__()
        self._frames = frames
        self._news = news

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        async with self._news:
            self._frames.append(frame)
            self._news.notify_all()
        await self.push_frame(frame, direction)


class PipecatBot:
    """A running pipeline."""

    def __init__(self, worker: PipelineWorker, frames: list[Frame], news: asyncio.Condition):
        self.frames = frames
        self._worker = worker
        self._news = news

    async def push(self, frame: Frame) -> None:
        await self._worker.queue_frame(frame)

    async def speak(self) -> None:
        """Say something, with silence behind it."""
        spoken = speech()
        for start in range(0, len(spoken), STEP):
            piece = spoken[start : start + STEP]
            await self.push(InputAudioRawFrame(piece, WIRE_RATE, 1))

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for frames. Pipecat takes every error from the server for the end of the session."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: condition() or bool(self.of(ErrorFrame)))
        assert not self.of(ErrorFrame)

    async def answered(self, count: int) -> None:
        await self.until(lambda: len(self.of(LLMFullResponseEndFrame)) >= count)

    def audio(self) -> bytes:
        return b"".join(frame.audio for frame in self.of(TTSAudioRawFrame))

    def text(self) -> str:
        return "".join(frame.text for frame in self.of(TTSTextFrame))


@asynccontextmanager
async def piped(
    service: FrameProcessor,
    before: Sequence[FrameProcessor] = (),
    after: Sequence[FrameProcessor] = (),
) -> AsyncIterator[PipecatBot]:
    """Run a pipeline around a service.

    Args:
        service: The service under test.
        before: What a bot has before it.
        after: And behind it.
    """
    frames: list[Frame] = []
    news = asyncio.Condition()
    taps = Tap(frames, news), Tap(frames, news)
    worker = PipelineWorker(
        Pipeline([*before, taps[0], service, taps[1], *after]),
        params=PipelineParams(audio_in_sample_rate=WIRE_RATE, audio_out_sample_rate=WIRE_RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run())
    try:
        yield PipecatBot(worker, frames, news)
    finally:
        await runner.cancel()
        await task
    assert not [frame for frame in frames if isinstance(frame, ErrorFrame)]
