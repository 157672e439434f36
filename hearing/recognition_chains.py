"""The processors of one's own before and behind the recogniser, and the turns that pass them.

Before it they get a turn's own frames, with its audio; behind it, where those before the model
stand a first time, its transcripts. A failure fails the recognition whose frame they were at.
"""

from __future__ import annotations

from collections.abc import Callable

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    TextFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameProcessor

from own_processors.chain import Chain, Job
from own_processors.places import Place, Processors
from own_processors.unfit_frames import unfit
from providers.frames import (
    LOGPROBS,
    RECOGNITION,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from session.ports import FailureReason

FINAL = "final_transcript"
"""Key in the metadata of a text that a processor made of a final transcript."""

Fail = Callable[[str, FailureReason], None]
"""Takes a recognition's id, and why it failed."""


def transcript_of(frame: Frame) -> TextFrame | None:
    """Return a frame that holds the final transcript of a recognition; None: it does not."""
    if RECOGNITION not in frame.metadata or not isinstance(frame, TextFrame):
        return None
    final = isinstance(frame, TranscriptionFrame) or FINAL in frame.metadata
    return frame if final else None


class TurnChain(Chain):
    """The processors before the recogniser."""

    def __init__(self, processors: Processors, fail: Fail) -> None:
        """Build them.

        Raises:
            ProviderSetupError: One cannot be built.
        """
        self._fail_recognition = fail
        self._early: dict[str, FailureReason] = {}
        """Why recognitions failed that are not committed: they may yet be discarded."""
        self._committed: set[str] = set()
        super().__init__(
            processors.make("before_recogniser"), processors.limit_s, self._on_job_failure
        )

    def job(self, frame: Frame) -> Job | None:
        """Return the recognition of a turn's frame."""
        turns = TurnStartedFrame | TurnAudioFrame | TurnCommittedFrame | TurnDiscardedFrame
        return frame.recognition_id if isinstance(frame, turns) else None

    def is_last(self, frame: Frame) -> bool:
        """Return whether a turn is committed: the recogniser has to be told."""
        return isinstance(frame, TurnCommittedFrame)

    def _on_job_failure(self, job: Job, reason: FailureReason) -> None:
        id_ = str(job)
        if id_ in self._committed:
            self._fail_recognition(id_, reason)
        else:
            self._early.setdefault(id_, reason)

    def between(self, turns: FrameProcessor, recogniser: FrameProcessor) -> None:
        """Notice by the neighbours what goes in and what comes out."""

        async def goes_in(_processor: FrameProcessor, frame: Frame) -> None:
            if isinstance(frame, TurnDiscardedFrame):
                self._forget(frame.recognition_id)
                self.left(frame.recognition_id)
            elif isinstance(frame, TurnCommittedFrame):
                self._committed.add(frame.recognition_id)
                if (early := self._early.pop(frame.recognition_id, None)) is not None:
                    self._fail_recognition(frame.recognition_id, early)
                else:
                    self.entered(frame.recognition_id)

        async def comes_out(_processor: FrameProcessor, frame: Frame) -> None:
            if isinstance(frame, TurnCommittedFrame):
                self.left(frame.recognition_id)
                self._forget(frame.recognition_id)

        turns.add_event_handler("on_before_push_frame", goes_in)
        recogniser.add_event_handler("on_before_process_frame", comes_out)

    def _forget(self, id_: str) -> None:
        self._committed.discard(id_)
        self._early.pop(id_, None)


class TranscriptChain(Chain):
    """The processors before the model, where they get transcripts."""

    def __init__(self, processors: Processors, fail: Fail) -> None:
        """Build them.

        Raises:
            ProviderSetupError: One cannot be built.
        """

        def failed(job: Job, reason: FailureReason) -> None:
            self._heard.pop(str(job), None)
            fail(str(job), reason)

        self._heard: dict[str, str] = {}
        """Recognition → its transcript, while that is on its way."""
        place: Place = "before_model"
        super().__init__(processors.make(place), processors.limit_s, failed)

    def job(self, frame: Frame) -> Job | None:
        """Return the recognition of a transcript."""
        job: str | None = frame.metadata.get(RECOGNITION)
        return job

    def is_last(self, frame: Frame) -> bool:
        """Return whether it is the result of a recognition."""
        return transcript_of(frame) is not None or isinstance(frame, ErrorFrame)

    def made(self, frame: Frame, source: Frame | None) -> None:
        """Let a text that replaces a transcript be of the same turn."""
        if source is None or frame is source or not isinstance(frame, TextFrame):
            return
        if unfit(source) is not None:
            # What it has made of the transcript's own metadata goes no further.
            return
        if RECOGNITION in frame.metadata or RECOGNITION not in source.metadata:
            return
        frame.metadata.update(source.metadata)
        if transcript_of(source) is not None and not isinstance(frame, InterimTranscriptionFrame):
            frame.metadata[FINAL] = True

    def between(self, recogniser: FrameProcessor, transcripts: FrameProcessor) -> None:
        """Notice by the neighbours what goes in and what comes out."""

        async def goes_in(_processor: FrameProcessor, frame: Frame) -> None:
            id_ = frame.metadata.get(RECOGNITION)
            if id_ is not None and self.is_last(frame):
                if isinstance(frame, TextFrame):
                    self._heard[id_] = frame.text
                self.entered(id_)

        async def comes_out(_processor: FrameProcessor, frame: Frame) -> None:
            id_ = frame.metadata.get(RECOGNITION)
            if id_ is not None and self.is_last(frame):
                self.left(id_)
                heard = self._heard.pop(id_, None)
                if isinstance(frame, TextFrame) and frame.text != heard:
                    # They are those of the words that were heard.
                    frame.metadata.pop(LOGPROBS, None)

        recogniser.add_event_handler("on_before_push_frame", goes_in)
        transcripts.add_event_handler("on_before_process_frame", comes_out)
