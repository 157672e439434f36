"""The base of recognisers that get a turn's audio while it is spoken.

Pipecat's streaming recognisers take one endless stream and guess where an utterance ends. Here the
session decides: it begins, commits and discards turns, several at once if need be. This class maps
its frames to four hooks per turn and puts the recognition's id on every result.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import time_now_iso8601

from audio.pcm import SAMPLE_RATE
from providers.frames import (
    RECOGNITION,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
    describe,
)
from session.ports import Transcript


class TurnProcessor(FrameProcessor):
    """What takes the frames of turns itself, without Pipecat's queues and tasks.

    It handles each frame before the next one comes, and pushes what `TurnSTTService` does.
    """

    rate: int = SAMPLE_RATE
    """Rate of the audio that it takes, in Hz."""


class TurnFailure(Exception):
    """A turn could not be transcribed; carries the kind of failure."""

    def __init__(self, message: str, category: ErrorCategory) -> None:
        super().__init__(message)
        self.category = category


@dataclass(slots=True)
class _Turn:
    """A turn that is not over yet."""

    inbox: asyncio.Queue[bytes | TurnCommittedFrame]
    """Audio as it comes, ended by the commit."""
    task: asyncio.Task[None]
    committed: bool = False


class TurnSTTService(STTService):
    """A recogniser driven by turns.

    Each turn runs its hooks one after another in a task of its own: a hook may take its time
    without holding up frames or other turns. The task is cancelled when the turn is discarded.

    Results go downstream: `InterimTranscriptionFrame`s, then one `TranscriptionFrame` with
    `finalized` set (its text may be empty) or one `ErrorFrame`, all with the recognition's id in
    `metadata["recognition_id"]`. The turns' own frames are not passed on.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Build a recogniser; `kwargs` are those of Pipecat's `STTService`."""
        kwargs.setdefault("settings", STTSettings(model=None, language=None))
        # This is for Pipecat's turn strategies, which are not used here.
        kwargs.setdefault("ttfs_p99_latency", 0.0)
        super().__init__(**kwargs)
        self._turns: dict[str, _Turn] = {}
        self._begun: set[str] = set()
        """Turns whose recogniser may hold something that `discard_turn` has to release."""

    @abstractmethod
    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Prepare for the audio of a turn. Called once, before the other hooks."""

    @abstractmethod
    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Take the next audio of a turn: 16-bit mono PCM at 16 kHz."""

    @abstractmethod
    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """Finish a turn: push its final transcript, then return.

        `hear` has received all of `frame.audio` by then. An exception, here or in an earlier hook,
        fails the turn with the exception's text.
        """

    @abstractmethod
    async def discard_turn(self, recognition_id: str) -> None:
        """Drop a turn that was begun: its result is not needed any more.

        Also called when a hook failed, and at teardown; once per turn, after its other hooks.
        """

    async def push_interim(self, recognition_id: str, text: str) -> None:
        """Push the transcript of a turn so far."""
        frame = InterimTranscriptionFrame(text, self._user_id, time_now_iso8601())
        frame.metadata[RECOGNITION] = recognition_id
        await self.push_frame(frame)

    async def push_final(self, recognition_id: str, transcript: Transcript | str) -> None:
        """Push the transcript of a turn, or its mere text; empty if no words were recognised."""
        if isinstance(transcript, str):
            transcript = Transcript(transcript)
        frame = TranscriptionFrame(
            transcript.text, self._user_id, time_now_iso8601(), finalized=True
        )
        frame.metadata[RECOGNITION] = recognition_id
        describe(frame, transcript)
        # An interruption stops the response; the transcript is still wanted.
        frame.interruptible = False
        await self.push_frame(frame)

    async def push_failure(self, recognition_id: str, error: Exception) -> None:
        """Push the reason why a turn has no transcript."""
        frame = ErrorFrame(
            str(error) or repr(error),
            processor=self,
            exception=error,
            category=error.category if isinstance(error, TurnFailure) else ErrorCategory.UNKNOWN,
        )
        frame.metadata[RECOGNITION] = recognition_id
        await self.push_frame(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle the frames of turns; leave the others to the base class."""
        if not isinstance(
            frame, TurnStartedFrame | TurnAudioFrame | TurnCommittedFrame | TurnDiscardedFrame
        ):
            await super().process_frame(frame, direction)
            return
        # Skips `STTService`, which would pass the frame on.
        await FrameProcessor.process_frame(self, frame, direction)
        if isinstance(frame, TurnStartedFrame):
            self._open(frame)
        elif isinstance(frame, TurnAudioFrame):
            turn = self._turns.get(frame.recognition_id)
            if turn is not None and not turn.committed:
                turn.inbox.put_nowait(frame.audio)
        elif isinstance(frame, TurnCommittedFrame):
            turn = self._open(TurnStartedFrame(frame.recognition_id, frame.settings))
            if not turn.committed:
                turn.committed = True
                turn.inbox.put_nowait(frame)
        else:
            await self._drop(frame.recognition_id)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Unused: audio comes in turns, never as a stream.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"{type(self).__name__} hears turns: push a TurnStartedFrame.")
        yield None

    async def stop(self, frame: EndFrame) -> None:
        """Wait for the transcripts of committed turns; drop the open ones."""
        for recognition_id, turn in list(self._turns.items()):
            if turn.committed:
                await asyncio.wait([turn.task])
            else:
                await self._drop(recognition_id)
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """Drop all turns."""
        await self._drop_all()
        await super().cancel(frame)

    async def cleanup(self) -> None:
        """Drop all turns: a pipeline may end without a `CancelFrame`."""
        await self._drop_all()
        # Named because Pipecat leaves the method without annotations.
        cleanup: Callable[[], Awaitable[None]] = super().cleanup
        await cleanup()

    def _open(self, begun: TurnStartedFrame) -> _Turn:
        """Return the turn, begun if need be: a commit may be its first frame."""
        turn = self._turns.get(begun.recognition_id)
        if turn is None:
            inbox: asyncio.Queue[bytes | TurnCommittedFrame] = asyncio.Queue()
            task = self.create_task(self._run(begun, inbox), f"turn {begun.recognition_id}")
            turn = self._turns[begun.recognition_id] = _Turn(inbox, task)
        return turn

    async def _run(
        self, begun: TurnStartedFrame, inbox: asyncio.Queue[bytes | TurnCommittedFrame]
    ) -> None:
        """Take a turn through its hooks, from its beginning to its result."""
        recognition_id = begun.recognition_id
        failure: Exception | None = None
        fed = 0
        message: bytes | TurnCommittedFrame = b""
        self._begun.add(recognition_id)
        try:
            await self.begin_turn(begun)
            while isinstance(message := await inbox.get(), bytes):
                await self.hear(recognition_id, message)
                fed += len(message)
            if rest := message.audio[fed:]:
                await self.hear(recognition_id, rest)
            await self.commit_turn(message)
            self._begun.discard(recognition_id)
        # A hook may raise whatever its library raises: the turn fails, not the session.
        except Exception as error:
            failure = error
            await self._forget(recognition_id)
        # A failure is reported once the turn is committed: an open turn may yet be discarded.
        while isinstance(message, bytes):
            message = await inbox.get()
        del self._turns[recognition_id]
        if failure is not None:
            await self.push_failure(recognition_id, failure)

    async def _drop(self, recognition_id: str) -> None:
        turn = self._turns.pop(recognition_id, None)
        if turn is not None:
            await self.cancel_task(turn.task)
            await self._forget(recognition_id)

    async def _drop_all(self) -> None:
        for recognition_id in list(self._turns):
            await self._drop(recognition_id)

    async def _forget(self, recognition_id: str) -> None:
        if recognition_id not in self._begun:
            return
        self._begun.discard(recognition_id)
        try:
            await self.discard_turn(recognition_id)
        except Exception as error:
            logger.opt(exception=True).debug(f"{self}: discarding {recognition_id} failed")
            logger.warning(f"{self}: could not discard {recognition_id}: {type(error).__name__}")
