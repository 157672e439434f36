"""The recogniser's pipeline: turns in → STT → transcripts out, one for the life of a session.

Audio enters it only while a turn is open, and every frame carries the id of its recognition, so
that results are matched with turns however many are in progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.utils.tracing.tracing_context import TracingContext

from audio.pcm import SAMPLE_RATE
from config import STTConfig
from flow.watchdog import Patience
from hearing.recognition_chains import TranscriptChain, TurnChain, transcript_of
from own_processors.places import NO_PROCESSORS, Processors
from providers.base import ProviderSetupError, STTProvider
from providers.errors import failure_reason
from providers.frames import (
    RECOGNITION,
    TurnCommittedFrame,
    whole,
)
from providers.running_pipeline import RunningPipeline
from providers.stt.segments import SegmentTurns
from providers.stt.turns import TurnProcessor, TurnSTTService
from session.ports import FailureReason, Transcript
from settings.localisation import _
from settings.stacks import DEFAULT_STACK


class TurnInput(FrameProcessor):
    """The first processor of the recogniser's pipeline: the transport pushes turns in here."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass everything on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class TranscriptOutput(FrameProcessor):
    """The last processor of the recogniser's pipeline: reports transcripts and failures."""

    def __init__(
        self,
        provider: STTProvider,
        on_interim: Callable[[str, str], None],
        on_transcript: Callable[[str, Transcript], None],
        on_failure: Callable[[str, FailureReason], None],
        stack: str = DEFAULT_STACK,
    ) -> None:
        """Report by callbacks.

        Args:
            provider: The recogniser's provider, named in errors.
            on_interim: Takes a recognition's id and its transcript so far.
            on_transcript: Takes a recognition's id and its final transcript.
            on_failure: Takes a recognition's id and the reason.
            stack: The stack in whose tables the recogniser's settings are.
        """
        super().__init__(enable_direct_mode=True)
        self._provider = provider
        self._on_interim = on_interim
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        self._stack = stack
        self._failed: set[str] = set()
        """Recognitions that a processor of one's own has failed: no result of theirs counts."""

    def fail(self, recognition_id: str, reason: FailureReason) -> None:
        """Report that a recognition failed before its result could come."""
        self._failed.add(recognition_id)
        self._on_failure(recognition_id, reason)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Report transcripts and failures of recognitions; pass on all other frames."""
        await super().process_frame(frame, direction)
        recognition_id = frame.metadata.get(RECOGNITION)
        if recognition_id in self._failed:
            return
        transcript = transcript_of(frame)
        if transcript is not None and recognition_id is not None:
            self._on_transcript(recognition_id, whole(transcript.text.strip(), [transcript]))
        elif isinstance(frame, InterimTranscriptionFrame) and recognition_id is not None:
            if self._provider.steady_interims:
                self._on_interim(recognition_id, frame.text.strip())
        elif isinstance(frame, ErrorFrame) and recognition_id is not None:
            reason = failure_reason(self._provider.stage, self._provider, frame, self._stack)
            self._on_failure(recognition_id, reason)
        else:
            await self.push_frame(frame, direction)


def hearing_rate(service: FrameProcessor) -> int:
    """Return the rate in Hz of the audio that a recogniser takes."""
    return service.rate if isinstance(service, TurnProcessor) else SAMPLE_RATE


def hears_as_spoken(service: FrameProcessor) -> bool:
    """Return whether a recogniser takes turns as they are spoken, rather than whole ones.

    Raises:
        ProviderSetupError: Its class supports neither.
    """
    if isinstance(service, TurnSTTService | TurnProcessor):
        return True
    if isinstance(service, SegmentedSTTService):
        return False
    raise ProviderSetupError(
        _(
            "{service} must derive from Pipecat's SegmentedSTTService or from "
            "providers.TurnSTTService."
        ).format(service=type(service).__name__)
    )


def hearing_pipeline(
    turns: FrameProcessor,
    service: FrameProcessor,
    transcripts: TranscriptOutput,
    config: STTConfig,
    tracing: TracingContext | None = None,
    processors: Processors = NO_PROCESSORS,
) -> RunningPipeline:
    """Start the pipeline that transcribes one session's turns.

    Args:
        turns: The first processor, into which turns are pushed.
        service: The recogniser.
        transcripts: The last processor, which reports transcripts.
        config: The recogniser's language and time-outs.
        tracing: The context of the recogniser's spans; None: no tracing.
        processors: Processors of one's own before the recogniser, and behind it.

    Raises:
        ProviderSetupError: The recogniser's class is not supported, or a processor cannot be built.
    """
    recogniser: list[FrameProcessor] = [service]
    if not hears_as_spoken(service):
        segmented = cast(SegmentedSTTService, service)
        segments = SegmentTurns(segmented, config.language, Patience.of(config).first_s)
        recogniser.insert(0, segments)
    before = TurnChain(processors, transcripts.fail) if processors.before_recogniser else None
    behind = TranscriptChain(processors, transcripts.fail) if processors.before_model else None
    chains = [chain for chain in (before, behind) if chain is not None]
    for chain in chains:
        chain.beside = [*chains]
    stages: list[FrameProcessor] = [turns, *recogniser, transcripts]
    if before is not None:
        before.between(turns, recogniser[0])
        stages[1:1] = before.processors
    if behind is not None:
        # What calls a recogniser from before it pushes the results through it.
        behind.between(service, transcripts)
        stages[-1:-1] = behind.processors

    async def refuse(frame: Frame, error: ErrorFrame) -> None:
        if not isinstance(frame, TurnCommittedFrame):
            return
        for chain in chains:
            if error.processor in chain:
                transcripts.fail(frame.recognition_id, chain.reason(error))
                return
        error.metadata[RECOGNITION] = frame.recognition_id
        await transcripts.process_frame(error, FrameDirection.DOWNSTREAM)

    return RunningPipeline(Pipeline(stages), "hearing", refuse, tracing)
