"""Runs one Pipecat pipeline, lean: without Pipecat's `PipelineWorker`.

A Realtime server starts and stops a pipeline per response. The worker's tasks, observers, timers
and bus cost more than the rest of such a pipeline and delay the answer. This has only what is
needed: set up, start, push, cancel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, cast

from loguru import logger
from pipecat.clocks.system_clock import SystemClock
from pipecat.frames.frames import CancelFrame, ErrorFrame, Frame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.utils.asyncio.task_manager import TaskManager
from pipecat.utils.tracing.tracing_context import TracingContext

from audio.pcm import SAMPLE_RATE, WIRE_RATE

PATIENCE_S = 10.0
"""Seconds that a pipeline may take to start, to stop or to clean up, before it is abandoned."""


class RunningPipeline:
    """A pipeline and the task that starts it."""

    def __init__(
        self,
        pipeline: Pipeline,
        name: str,
        on_refused: Callable[[Frame, ErrorFrame], Awaitable[None]] | None = None,
        tracing: TracingContext | None = None,
    ) -> None:
        """Start it; frames pushed before it is up wait.

        A processor that cannot be set up reports why by its `on_error` event, and the pipeline
        takes nothing.

        Args:
            pipeline: The linked processors.
            name: For the task's name, in logs and dumps.
            on_refused: Called with each frame that the pipeline rejects, and the reason.
            tracing: Context for the spans of its services; None: no tracing.
        """
        self._pipeline = pipeline
        self._name = name
        self._on_refused = on_refused
        self._tracing = tracing
        self._fault: ErrorFrame | None = None
        """Why it could not be set up."""
        self._end = _End()
        pipeline.link(self._end)
        self._waiting: deque[Frame] = deque()
        self._up = False
        self._starting = asyncio.create_task(self._start(), name=name)

    async def push(self, frame: Frame) -> None:
        """Give the first processor a frame; never waits for the pipeline to start."""
        if self._up:
            await self._pipeline.queue_frame(frame)
        elif self._fault is not None:
            await self._refuse(frame, self._fault)
        else:
            self._waiting.append(frame)

    async def stop(self) -> None:
        """Cancel the pipeline and wait until its tasks are gone.

        A pipeline that is starting is cancelled only once it is up: otherwise a service could start
        tasks that nothing stops. It returns in any case, as a session waits for it: a class of
        somebody's own may catch its cancellation, and whoever waits for that waits with it.
        """
        await asyncio.wait([self._starting], timeout=PATIENCE_S)
        if self._up:
            if not await self._in_time(self._cancel()):
                logger.warning(f"{self._name}: not stopped within {PATIENCE_S:g} s, taken apart")
        else:
            self._starting.cancel()
            await asyncio.wait([self._starting], timeout=PATIENCE_S)
        if not await self._in_time(self._pipeline.cleanup()):
            logger.warning(f"{self._name}: not cleaned up within {PATIENCE_S:g} s, left as it is")
        await self._end.cleanup()  # type: ignore[no-untyped-call]

    async def abandon(self) -> None:
        """Stop a pipeline that is not up yet, without waiting for services that are connecting."""
        self._starting.cancel()
        await self.stop()

    async def _cancel(self) -> None:
        await self._pipeline.queue_frame(CancelFrame())
        await self._end.cancelled.wait()

    async def _in_time(self, work: Coroutine[Any, Any, None]) -> bool:
        """Return whether some work has ended within the usual time; else nobody waits for it."""
        task = asyncio.create_task(work, name=self._name)
        try:
            done, _pending = await asyncio.wait([task], timeout=PATIENCE_S)
        finally:
            task.cancel()
        if done:
            await task
        return bool(done)

    async def _start(self) -> None:
        clock = SystemClock()
        clock.start()
        setup = FrameProcessorSetup(
            clock=clock,
            task_manager=TaskManager(),
            # Only Pipecat's own runner of tools uses it; here the client runs tools.
            pipeline_worker=cast(Any, None),
            audio_in_sample_rate=SAMPLE_RATE,
            audio_out_sample_rate=WIRE_RATE,
            enable_tracing=self._tracing is not None,
            # Spans report a service's time to first byte.
            enable_metrics=self._tracing is not None,
            tracing_context=self._tracing,
        )
        await self._end.setup(setup)
        faults: list[ErrorFrame] = []

        async def note(processor: FrameProcessor, frame: ErrorFrame) -> None:
            if not processor.is_usable:
                faults.append(frame)

        for processor in self._pipeline.processors:
            processor.add_event_handler("on_error", note)
        await self._pipeline.setup(setup)
        if faults:
            self._fault = faults[0]
            while self._waiting:
                await self._refuse(self._waiting.popleft(), faults[0])
            return
        await self._pipeline.queue_frame(
            StartFrame(audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=WIRE_RATE)
        )
        while self._waiting:
            await self._pipeline.queue_frame(self._waiting.popleft())
        self._up = True

    async def _refuse(self, frame: Frame, fault: ErrorFrame) -> None:
        if self._on_refused is not None:
            await self._on_refused(frame, replace(fault))


class _End(FrameProcessor):
    """The end of the pipeline: drops the frames that no processor took."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)
        self.cancelled = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Set an event when the `CancelFrame` arrives: all processors have been cancelled."""
        await super().process_frame(frame, direction)
        if isinstance(frame, CancelFrame):
            self.cancelled.set()
