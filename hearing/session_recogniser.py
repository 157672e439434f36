"""The recogniser of one session: turns in, reports about them out.

It joins the recognitions of the session's turns with the pipeline in which they are made, whose
frames are pushed by the session's work queue. Every kind of session has one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.tracing.tracing_context import TracingContext

from flow.work_queue import WorkQueue
from hearing.recogniser_pipeline import (
    TranscriptOutput,
    TurnInput,
    hearing_rate,
    hears_as_spoken,
)
from hearing.turn_recognition import Delivery, TurnRecognition
from providers.base import STTProvider
from providers.running_pipeline import RunningPipeline
from session.ports import FailureReason
from session.reports import TurnReport

StartPipeline = Callable[
    [FrameProcessor, FrameProcessor, TranscriptOutput, TracingContext | None], RunningPipeline
]
"""Starts the pipeline of an input, a recogniser and an output: `PipelineManager.hearing_pipeline`.
"""


class SessionRecogniser:
    """Recognises the turns of one session."""

    def __init__(
        self,
        service: FrameProcessor,
        provider: STTProvider,
        work: WorkQueue,
        report: Callable[[TurnReport], None],
        count_failure: Callable[[FailureReason], None],
        *,
        noise_reduced: bool,
        patience_s: float,
        stack: str,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            service: The recogniser of this session.
            provider: What built it, named in errors.
            work: The session's queue, by which frames are pushed in order.
            report: Takes reports about turns.
            count_failure: Takes every failure, also of a recognition on which no turn depends any
                more, as after a dropped guess.
            noise_reduced: As in `TurnRecognition`.
            patience_s: As in `TurnRecognition`.
            stack: The stack in whose tables the recogniser's settings are.

        Raises:
            ProviderSetupError: The recogniser's class is not supported.
        """
        self._service = service
        self._work = work
        self._count_failure = count_failure
        self.as_spoken = hears_as_spoken(service)
        """Whether it takes turns as they are spoken, rather than whole ones."""
        self.turns = TurnRecognition(
            self._push,
            report,
            as_spoken=self.as_spoken,
            noise_reduced=noise_reduced,
            rate=hearing_rate(service),
            patience_s=patience_s,
        )
        """The recognitions of the session's turns."""
        self.input = TurnInput()
        """The first processor of the pipeline."""
        self.output = TranscriptOutput(
            provider,
            self.turns.on_interim,
            self.turns.on_transcript,
            self._not_recognised,
            stack,
        )
        """The last processor of the pipeline."""
        self._push_frame: Callable[[Frame], Awaitable[None]] = self.input.push_frame
        """Pushes a frame into the pipeline; frames wait there while it starts."""

    def start(
        self, start_pipeline: StartPipeline, tracing: TracingContext | None
    ) -> RunningPipeline:
        """Start the pipeline, which whoever calls this has to stop.

        Args:
            start_pipeline: Starts it.
            tracing: The context of the recogniser's spans; None: no tracing.

        Raises:
            ProviderSetupError: A processor of one's own cannot be built.
        """
        pipeline = start_pipeline(self.input, self._service, self.output, tracing)
        self._push_frame = pipeline.push
        return pipeline

    def _push(self, delivery: Delivery) -> None:
        self._work.put(partial(self._hand_over, delivery))

    async def _hand_over(self, delivery: Delivery) -> None:
        made = await asyncio.to_thread(delivery.make) if delivery.hard else delivery.make()
        if made is not None:
            await self._push_frame(made)

    def _not_recognised(self, recognition_id: str, error: FailureReason) -> None:
        self._count_failure(error)
        self.turns.on_failure(recognition_id, error)
