"""Hands whole turns to a recogniser of Pipecat's that takes segments of audio."""

from __future__ import annotations

import asyncio

from pipecat.audio.utils import pcm_to_wav
from pipecat.frames.frames import (
    CancelFrame,
    ErrorFrame,
    Frame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.utils.errors import ErrorCategory

from audio.pcm import SAMPLE_RATE
from providers.frames import (
    RECOGNITION,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
    describe,
    whole,
)
from providers.stt.wishes import AppliedWishes


class SegmentTurns(FrameProcessor):
    """Hands whole committed turns to a recogniser that takes segments.

    It precedes the service in the pipeline and calls its `run_stt`, which all segmented services
    have, directly: that avoids Pipecat's pre-roll, padding and one-at-a-time queue, and matches
    every result with its recognition.
    """

    def __init__(
        self, service: SegmentedSTTService, language: str | None, timeout_s: float | None
    ) -> None:
        """Prepare to call `service`.

        Args:
            service: The recogniser; it must follow this processor in the pipeline.
            language: ISO 639-1 code when the client names none; None leaves it to the service.
            timeout_s: Seconds that the service may take beyond the length of the turn itself; None:
                as long as it takes.
        """
        super().__init__(enable_direct_mode=True)
        self._service = service
        self._language = language
        self._timeout_s = timeout_s
        self._wishes = AppliedWishes(getattr(service, "Settings", STTSettings), language)
        self._jobs: dict[str, asyncio.Task[None]] = {}

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Start a transcription per committed turn; ignore the turn's other frames."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TurnCommittedFrame):
            await self._apply_settings(frame)
            recognition_id = frame.recognition_id
            job: asyncio.Task[None] = self.create_task(self._transcribe(frame))
            self._jobs[recognition_id] = job
            job.add_done_callback(lambda _job: self._jobs.pop(recognition_id, None))
            # The job reads the settings in its first step, before a turn that follows changes them.
            await asyncio.sleep(0)
        elif isinstance(frame, TurnDiscardedFrame):
            discarded = self._jobs.get(frame.recognition_id)
            if discarded is not None:
                await self.cancel_task(discarded)
        elif not isinstance(frame, TurnStartedFrame | TurnAudioFrame):
            if isinstance(frame, CancelFrame):
                await self._cancel_jobs()
            await self.push_frame(frame, direction)

    async def _apply_settings(self, turn: TurnCommittedFrame) -> None:
        delta = self._wishes.changed(turn.settings.in_language(self._language))
        if delta is not None:
            # Not queued: the transcription that follows reads the settings when it starts.
            await self._service.process_frame(
                STTUpdateSettingsFrame(delta=delta), FrameDirection.DOWNSTREAM
            )

    async def cleanup(self) -> None:
        """Cancel the transcriptions in progress."""
        await self._cancel_jobs()
        await super().cleanup()

    async def _cancel_jobs(self) -> None:
        for job in list(self._jobs.values()):
            await self.cancel_task(job)

    async def _transcribe(self, turn: TurnCommittedFrame) -> None:
        audio = (
            pcm_to_wav(turn.audio, SAMPLE_RATE) if self._service.wants_wav_segments else turn.audio
        )
        parts: list[TranscriptionFrame] = []
        limit_s = self._timeout_s
        if limit_s is not None:
            limit_s += len(turn.audio) / (2 * SAMPLE_RATE)
        try:
            async with asyncio.timeout(limit_s):
                async for frame in self._service.run_stt(audio):
                    if isinstance(frame, ErrorFrame):
                        await self._answer(turn, frame)
                        return
                    if isinstance(frame, TranscriptionFrame):
                        parts.append(frame)
        except TimeoutError as error:
            text = str(error) or f"the service gave no result within {limit_s or 0:.0f} s"
            await self._answer(turn, ErrorFrame(text, category=ErrorCategory.CONNECTIVITY))
            return
        # A service may raise whatever its client library raises: only this turn fails.
        except Exception as error:
            await self._answer(turn, ErrorFrame(str(error) or repr(error), exception=error))
            return
        text = " ".join(words for part in parts if (words := part.text.strip()))
        result = TranscriptionFrame(text, "", "", finalized=True)
        describe(result, whole(text, parts))
        await self._answer(turn, result)

    async def _answer(self, turn: TurnCommittedFrame, frame: Frame) -> None:
        frame.metadata[RECOGNITION] = turn.recognition_id
        await self.push_frame(frame)
