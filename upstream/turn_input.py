"""Hands a session's turns to its upstream, and the upstream's transcripts to the session.

It stands where a recogniser stands in the session's pipeline. Every frame is dealt with before the
next one comes, so a response that is asked for behind a committed turn finds it committed.
"""

from __future__ import annotations

from typing import Protocol

from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.utils.time import time_now_iso8601

from audio.pcm import WIRE_RATE
from providers.frames import (
    RECOGNITION,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
    describe,
)
from providers.links.failures import LinkFailure, error_frame
from providers.stt.turns import TurnProcessor
from session.ports import Transcript


class Hearer(Protocol):
    """What hears turns: an upstream's session. None of its methods waits for the service."""

    async def begin(self, turn: TurnStartedFrame) -> None:
        """A turn begins."""

    async def hear(self, turn: TurnAudioFrame) -> None:
        """Audio of it."""

    async def commit(self, turn: TurnCommittedFrame) -> None:
        """A turn is over; its transcript is wanted."""

    async def discard(self, turn: TurnDiscardedFrame) -> None:
        """A turn is dropped."""


class UpstreamTurns(TurnProcessor):
    """The turns of one session."""

    def __init__(self, hearer: Hearer, rate: int = WIRE_RATE) -> None:
        """Hand turns to `hearer`, as PCM at `rate` Hz."""
        super().__init__(enable_direct_mode=True)
        self.rate = rate
        self._hearer = hearer

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle the frames of turns; pass on all others."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TurnStartedFrame):
            await self._hearer.begin(frame)
        elif isinstance(frame, TurnAudioFrame):
            await self._hearer.hear(frame)
        elif isinstance(frame, TurnCommittedFrame):
            await self._hearer.commit(frame)
        elif isinstance(frame, TurnDiscardedFrame):
            await self._hearer.discard(frame)
        else:
            await self.push_frame(frame, direction)

    async def so_far(self, recognition_id: str, text: str) -> None:
        """Report the transcript of a turn so far."""
        frame = InterimTranscriptionFrame(text, "", time_now_iso8601())
        frame.metadata[RECOGNITION] = recognition_id
        await self.push_frame(frame)

    async def understood(self, recognition_id: str, transcript: Transcript) -> None:
        """Report the transcript of a turn."""
        frame = TranscriptionFrame(transcript.text, "", time_now_iso8601(), finalized=True)
        frame.metadata[RECOGNITION] = recognition_id
        describe(frame, transcript)
        await self.push_frame(frame)

    async def failed(self, recognition_id: str, failure: LinkFailure) -> None:
        """Report that a turn has no transcript."""
        frame = error_frame(failure)
        frame.metadata[RECOGNITION] = recognition_id
        await self.push_frame(frame)
