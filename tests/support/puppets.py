"""A detector, a recogniser and pipelines on strings: the transport runs, the test pulls.

Nothing here happens by itself. What is heard carries a number in its samples, what is understood
and what is answered carry numbers in their words, so that each can be told from all the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import numpy as np
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import STTService

from config import STTConfig
from flow.steps import at_once
from peers.base import Incoming
from peers.websocket import audio_delta
from pipeline_manager import PipelineManager
from providers.frames import (
    RECOGNITION,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.scripted import ScriptedSTT
from providers.stt.turns import TurnSTTService
from session.decisions import Decision
from session.effects import OutputAudio
from session.ports import CloseReason, ResponseRequest
from session.reports import ResponseReport
from session.turn_settings import TurnDetection
from wire.dialect import GADialect
from wire.envelope import ServerEvent
from wire.incoming import EventReader
from wire.text_frames import frame

LOUDNESS = 150
"""Sample value per number."""
SYLLABLE = 320
"""Samples, at 16 kHz, that are enough of a number."""
RINGING = 640
"""Bytes at the end of a clip that sound different where it goes on."""


def voice(number: int, take: int) -> bytes:
    """100 ms of audio that say a number; no take is quite like those before and after it."""
    return (number * LOUDNESS + take % 50).to_bytes(2, "little") * 2400


def numbers_in(pcm: bytes) -> str:
    """What audio at 16 kHz says: its numbers, one after the other."""
    levels = np.frombuffer(pcm, dtype="<i2") // LOUDNESS
    spoken = np.split(levels, np.flatnonzero(np.diff(levels)) + 1)
    return " ".join(str(level[0]) for level in spoken if len(level) >= SYLLABLE)


class Detector:
    """Decides what it is told to, at the next audio."""

    waiting = True
    """There may always be more to decide."""
    lacking = 0

    def __init__(self) -> None:
        self.speaking = False
        self.hesitating = False
        self.decisions: deque[Decision] = deque()
        self._configured = False

    def configure(self, settings: TurnDetection | None) -> None:
        if settings is None or not self._configured:
            self.reset()
        self._configured = settings is not None

    def reset(self) -> None:
        self.speaking = self.hesitating = False

    def reformat(self, rate: int) -> None:
        """What is decided here is not heard."""

    def add(self, pcm: bytes) -> None:
        """As `reformat`."""

    def next(self) -> Decision | None:
        if self._configured and self.decisions:
            return self.decisions.popleft()
        self.decisions.clear()
        return None


class Streaming(TurnSTTService):
    """A recogniser that hears turns as they are spoken; `Recogniser` does its work."""

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        raise NotImplementedError

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        raise NotImplementedError

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        raise NotImplementedError

    async def discard_turn(self, recognition_id: str) -> None:
        raise NotImplementedError


class Recogniser:
    """Keeps what it is asked until the test lets it answer."""

    def __init__(self, output: FrameProcessor) -> None:
        self._output = output
        self.open: dict[str, bytes] = {}
        """Hearing of a turn that is being spoken → what was heard of it."""
        self.asked: dict[str, str] = {}
        """Hearing → the numbers in what was heard, oldest first."""
        self.dropped: dict[str, str] = {}
        """What was asked for, until it was not wanted any more."""
        self.answers: dict[str, str] = {}
        """Words → the hearing they answer."""
        self.stopped = False

    async def push(self, frame: Frame) -> None:
        match frame:
            case TurnStartedFrame(recognition_id=hearing):
                assert not self.open, "two turns at a time"
                self.open[hearing] = b""
            case TurnAudioFrame(recognition_id=hearing, audio=audio):
                self.open[hearing] += audio
            case TurnCommittedFrame(recognition_id=hearing, audio=audio):
                assert hearing not in self.asked, "asked for twice"
                # The resampler holds back a little, and the stream may go beyond the turn.
                heard = self.open.pop(hearing, b"")
                both = min(len(heard), len(audio) - RINGING)
                assert heard[:both] == audio[:both], "other audio than was heard"
                self.asked[hearing] = numbers_in(audio)
            case TurnDiscardedFrame(recognition_id=hearing):
                self.open.pop(hearing, None)
                if hearing in self.asked:
                    self.dropped[hearing] = self.asked.pop(hearing)

    def busy_with(self) -> set[str]:
        """Return the items of which something is heard, or asked for."""
        return {hearing.split(".")[0] for hearing in (*self.open, *self.asked)}

    async def answer(self, choice: int, *, fails: bool) -> None:
        """Answer one of the hearings that are asked for."""
        await self._answer(self.asked, choice, fails=fails)

    async def answer_late(self) -> None:
        """Answer what was dropped last: the answer was under way by then."""
        await self._answer(self.dropped, -1, fails=False)

    async def _answer(self, due: dict[str, str], choice: int, *, fails: bool) -> None:
        if not due:
            return
        hearing = list(due)[choice % len(due)]
        words = f"said {due.pop(hearing)} in answer {len(self.answers)}."
        self.answers[words] = hearing
        await self._tell(
            hearing, ErrorFrame("broken") if fails else TranscriptionFrame(words, "", "")
        )

    async def begin_to_answer(self) -> None:
        """Say of every hearing what all its answers begin with."""
        spoken = {hearing: numbers_in(pcm) for hearing, pcm in self.open.items()}
        for hearing, numbers in {**spoken, **self.asked}.items():
            await self._tell(hearing, InterimTranscriptionFrame(f"said {numbers}", "", ""))

    async def _tell(self, hearing: str, frame: Frame) -> None:
        frame.metadata[RECOGNITION] = hearing
        await self._output.process_frame(frame, FrameDirection.DOWNSTREAM)

    async def stop(self) -> None:
        self.stopped = True


class Pipeline:
    """Answers when the test says so, even after it was told to stop."""

    def __init__(
        self, number: int, request: ResponseRequest, report: Callable[[ResponseReport], None]
    ) -> None:
        self.number = number
        self.request = request
        self.report = report
        self.words = 0
        """How often it has said something."""
        self.stopped = False
        self.ended = False

    @property
    def running(self) -> bool:
        return not self.stopped and not self.ended

    async def start(self) -> None:
        """Nothing: the test reports for it."""

    async def stop(self) -> None:
        self.stopped = True


class Manager:
    """As much of a pipeline manager as a transport needs."""

    def __init__(self, *, streaming: bool) -> None:
        self._streaming = streaming
        self.stt = ScriptedSTT(STTConfig())
        self.detector = Detector()
        self.pipelines: list[Pipeline] = []
        self.recogniser: Recogniser | None = None

    @property
    def turn_models(self) -> Manager:
        return self

    def as_manager(self) -> PipelineManager:
        return cast(PipelineManager, self)

    def create_detector(self) -> Detector:
        return self.detector

    async def next_decision(self, detector: Detector) -> Decision | None:
        # As the real one may: other things happen meanwhile.
        await asyncio.sleep(0)
        return detector.next()

    async def completeness(self, _pcm: bytes) -> float:
        return 1.0

    def create_stt(self) -> STTService:
        return Streaming() if self._streaming else self.stt.create()

    def hearing_pipeline(
        self, _first: FrameProcessor, _service: STTService, last: FrameProcessor, _tracing: None
    ) -> Recogniser:
        self.recogniser = Recogniser(last)
        return self.recogniser

    def response_pipeline(
        self,
        request: ResponseRequest,
        report: Callable[[ResponseReport], None],
        _room: Callable[[], Awaitable[None]],
        _tracing: None,
    ) -> Pipeline:
        self.pipelines.append(Pipeline(len(self.pipelines), request, report))
        return self.pipelines[-1]


class PuppetPeer:
    """A connection without a network: JSON in, and JSON out at once."""

    left = None
    has_room = True

    def __init__(self, arrived: Callable[[str], None]) -> None:
        self._arrived = arrived
        self._incoming: asyncio.Queue[tuple[str, int] | None] = asyncio.Queue()
        self._reader = EventReader(GADialect(), 256 * 1024)
        self._finished = asyncio.Event()
        self.number = 0
        """What the audio said last that has come through."""
        self.closed: tuple[CloseReason, str] | None = None

    def give(self, message: str, number: int) -> None:
        """Let the client send something, while it says a number."""
        self._incoming.put_nowait((message, number))

    def leave(self) -> None:
        """Let the client go."""
        self._incoming.put_nowait(None)

    async def incoming(self) -> AsyncIterator[Incoming]:
        while (sent := await self._incoming.get()) is not None:
            message, self.number = sent
            yield at_once(self._reader.read(message))

    async def pace(self, _audio_s: float) -> None:
        """It is never too fast."""

    async def room(self) -> None:
        """There is always room."""

    def send(self, event: ServerEvent) -> None:
        text = frame(event.wire())
        self._arrived(text if isinstance(text, str) else at_once(text.write()))

    def play(self, audio: OutputAudio) -> None:
        self.send(audio_delta(audio))

    def silence(self) -> None:
        """The client stops by itself."""

    def played(self) -> dict[str, float]:
        return {}

    async def deliver(self) -> None:
        await self._finished.wait()

    def finish(self) -> None:
        self._finished.set()

    async def send_at_once(self, event: ServerEvent) -> None:
        self.send(event)

    async def close(self, reason: CloseReason, message: str = "") -> None:
        self.closed = reason, message
