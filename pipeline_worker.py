"""Runs one Pipecat pipeline, lean: without Pipecat's runner, idle timers and observers.

A Realtime server starts a pipeline per response and stops it as often; what is left out here is
what would outlive it, or end all sessions when one is idle.
"""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import CancelFrame, Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.utils.asyncio.task_manager import TaskManager
from pipecat.workers.base_worker import WorkerParams

from audio_utils import WIRE_RATE
from silero import SAMPLE_RATE


class RunningPipeline:
    """A pipeline and the task that runs it."""

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        """Start it; frames pushed before it is up wait.

        Args:
            pipeline: The linked processors.
            name: For the task's name, in logs and dumps.
        """
        self._worker = PipelineWorker(
            pipeline,
            params=PipelineParams(
                audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=WIRE_RATE
            ),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            check_dangling_tasks=False,
        )
        self._task = asyncio.create_task(
            self._worker.run(WorkerParams(task_manager=TaskManager())), name=name
        )

    async def push(self, frame: Frame) -> None:
        """Give the first processor a frame."""
        await self._worker.queue_frame(frame)

    async def stop(self) -> None:
        """Cancel the pipeline and wait until its tasks are gone.

        The frame goes in behind the one that starts the pipeline. `PipelineWorker.cancel` may
        overtake that: a service would then start its tasks after nobody is left to stop them.
        """
        await self._worker.queue_frame(CancelFrame())
        await self._task
