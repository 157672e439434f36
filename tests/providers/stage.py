"""A real Pipecat pipeline around one processor, and an end that keeps what comes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from pipecat.frames.frames import CancelFrame, ErrorFrame, Frame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.asyncio.task_manager import TaskManager
from pipecat.workers.base_worker import WorkerParams

from audio.pcm import read_wav
from tests.support.places import DATA

HANG_S = 60
"""Seconds after which a test that waits for something has failed."""

F = TypeVar("F", bound=Frame)


class Stage(FrameProcessor):
    """The end of the pipeline."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)
        self.frames: list[Frame] = []
        self.errors: list[ErrorFrame] = []
        """Errors that went upstream."""
        self._came = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        self._came.set()
        await self.push_frame(frame, direction)

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def until(
        self, kind: type[F], count: int = 1, recognition_id: str | None = None
    ) -> list[F]:
        """Wait for `count` frames of a kind, of any turn or of one."""
        async with asyncio.timeout(HANG_S):
            while True:
                found = self.of(kind)
                if recognition_id is not None:
                    found = [
                        frame
                        for frame in found
                        if frame.metadata["recognition_id"] == recognition_id
                    ]
                if len(found) >= count:
                    return found
                self._came.clear()
                await self._came.wait()


class Running:
    """A running pipeline."""

    def __init__(self, worker: PipelineWorker, task: asyncio.Task[None], stage: Stage) -> None:
        self._worker = worker
        self.task = task
        self.stage = stage

    async def push(self, *frames: Frame) -> None:
        for frame in frames:
            await self._worker.queue_frame(frame)

    async def stop(self) -> None:
        if not self.task.done():
            await self.push(CancelFrame())
        async with asyncio.timeout(HANG_S):
            await self.task


@asynccontextmanager
async def running(processor: FrameProcessor) -> AsyncIterator[Running]:
    """Run `processor`; stop the pipeline at the end."""
    stage = Stage()
    worker = PipelineWorker(
        Pipeline([processor, stage]),
        params=PipelineParams(audio_in_sample_rate=16000, audio_out_sample_rate=24000),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
        check_dangling_tasks=False,
    )

    async def on_error(_processor: FrameProcessor, frame: ErrorFrame) -> None:
        stage.errors.append(frame)

    processor.add_event_handler("on_error", on_error)
    task = asyncio.create_task(worker.run(WorkerParams(task_manager=TaskManager())))
    pipeline = Running(worker, task, stage)
    try:
        await stage.until(StartFrame)
        yield pipeline
    finally:
        await pipeline.stop()


def transcripts() -> dict[str, str]:
    """Name of a recording → what is said in it."""
    lines = (DATA / "transcripts.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def speech(name: str) -> bytes:
    """Return a recording as 16-bit mono PCM at 16 kHz."""
    return read_wav(DATA / f"{name}.wav", 16000)
