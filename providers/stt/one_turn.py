"""Transcribes one turn outside of any session: `STTProvider.transcribe` as all providers have it.

A recogniser is built for sessions, which drive it by frames. Here is a session's part of that for a
single turn, so that whoever writes a provider writes no second way into it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipecat.frames.frames import ErrorFrame, Frame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import SegmentedSTTService

from providers.base import ProviderFailure
from providers.errors import failure_reason
from providers.frames import (
    RECOGNITION,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnStartedFrame,
    whole,
)
from providers.running_pipeline import RunningPipeline
from providers.stt.segments import SegmentTurns
from session.ports import Transcript, TranscriptionSettings

if TYPE_CHECKING:
    from providers.base import STTProvider

_TURN = "one"


async def transcribe_turn(
    provider: STTProvider, pcm: bytes, wishes: TranscriptionSettings
) -> Transcript:
    """Transcribe a turn; see `STTProvider.transcribe`.

    Args:
        provider: A recogniser that has been started.
        pcm: The turn, 16-bit mono at 16 kHz.
        wishes: What is known of it, and wanted of its transcript.
    """
    outcome: asyncio.Future[TranscriptionFrame | ErrorFrame] = (
        asyncio.get_running_loop().create_future()
    )
    result = _Result(outcome)
    service = provider.create()
    stages: list[FrameProcessor] = [service, result]
    if isinstance(service, SegmentedSTTService):
        stages.insert(0, SegmentTurns(service, None, None))

    async def refused(_frame: Frame, error: ErrorFrame) -> None:
        result.settle(error)

    pipeline = RunningPipeline(Pipeline(stages), "transcription", refused)
    try:
        await pipeline.push(TurnStartedFrame(_TURN, wishes))
        await pipeline.push(TurnAudioFrame(_TURN, pcm))
        await pipeline.push(TurnCommittedFrame(_TURN, pcm, wishes))
        frame = await outcome
    finally:
        await pipeline.stop()
    if isinstance(frame, ErrorFrame):
        raise ProviderFailure(failure_reason(provider.stage, provider, frame)) from frame.exception
    return whole(frame.text.strip(), [frame])


class _Result(FrameProcessor):
    """The end of the pipeline, which takes what becomes of the turn."""

    def __init__(self, outcome: asyncio.Future[TranscriptionFrame | ErrorFrame]) -> None:
        super().__init__(enable_direct_mode=True)
        self._outcome = outcome

    def settle(self, frame: TranscriptionFrame | ErrorFrame) -> None:
        """Take the result; the first one counts."""
        if not self._outcome.done():
            self._outcome.set_result(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the turn's result, and pass on all other frames."""
        await super().process_frame(frame, direction)
        final = isinstance(frame, TranscriptionFrame | ErrorFrame) and RECOGNITION in frame.metadata
        if final and isinstance(frame, TranscriptionFrame | ErrorFrame):
            self.settle(frame)
        else:
            await self.push_frame(frame, direction)
