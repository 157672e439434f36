"""What stands behind one session: pipelines of stages that all sessions share, or an upstream."""

from __future__ import annotations

from typing import Protocol

from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.tracing.tracing_context import TracingContext

from answering.runner import Pipelines
from hearing.recogniser_pipeline import TranscriptOutput
from providers.running_pipeline import RunningPipeline
from upstream.service import UpstreamSession


class HearingPipeline(Protocol):
    """Starts the pipeline that transcribes a session's turns: see `PipelineManager`."""

    def __call__(
        self,
        transport_input: FrameProcessor,
        service: FrameProcessor,
        transport_output: TranscriptOutput,
        tracing: TracingContext | None = None,
    ) -> RunningPipeline:
        """Start it."""


class SessionPipelines(Pipelines, Protocol):
    """Builds the pipelines of one session."""

    def create_stt(self) -> FrameProcessor:
        """Build the recogniser: see `PipelineManager`."""

    @property
    def hearing_pipeline(self) -> HearingPipeline:
        """Starts the pipeline that transcribes turns."""

    async def close(self) -> None:
        """Release what the session alone has used."""


class UpstreamPipelines:
    """The pipelines of a session behind which an upstream stands."""

    def __init__(self, session: UpstreamSession, hearing_pipeline: HearingPipeline) -> None:
        """Hand turns and responses to `session`, through a pipeline as every recogniser has."""
        self.hearing_pipeline = hearing_pipeline
        self.create_stt = session.ears
        self.response_pipeline = session.generation
        self.close = session.close
