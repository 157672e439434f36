"""A detector, a recogniser and pipelines that act only when the test tells them to.

The transport under test is real. Audio carries numbers in its samples, transcripts and answers
carry numbers in their text, so that each can be traced to its origin.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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

from audio.formats import AudioFormat
from config import STTConfig, load_settings
from flow.steps import at_once
from peers.base import CanWait, Incoming, nothing_waits
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
from session.reports import PlaybackReport, ResponseReport
from session.turn_settings import TurnDetection
from turn_detection.smart_turn import Question, Sound
from wire.dialect import GADialect
from wire.envelope import ServerEvent
from wire.incoming import EventReader
from wire.text_frames import frame

LOUDNESS = 150
"""Sample value per number."""
SYLLABLE = 320
"""Samples at 16 kHz that are enough to recognise a number."""
RINGING = 640
"""Bytes at the end of resampled audio that differ if more audio follows."""


def voice(number: int, take: int) -> bytes:
    """Return 100 ms of audio that encode a number; successive takes differ slightly."""
    return (number * LOUDNESS + take % 50).to_bytes(2, "little") * 2400


def numbers_in(pcm: bytes) -> str:
    """Return the numbers encoded in audio at 16 kHz, in order."""
    levels = np.frombuffer(pcm, dtype="<i2") // LOUDNESS
    spoken = np.split(levels, np.flatnonzero(np.diff(levels)) + 1)
    return " ".join(str(level[0]) for level in spoken if len(level) >= SYLLABLE)


class Detector:
    """Returns the decision that the test has set, at the next audio."""

    lacking = 0

    def __init__(self) -> None:
        self.speaking = False
        self.hesitating = False
        self.decisions: deque[Decision] = deque()
        self.waiting = False
        self._configured = False

    def configure(self, settings: TurnDetection | None) -> None:
        if settings is None or not self._configured:
            self.reset()
        self._configured = settings is not None

    def go_back(self, _ms: float, *, speaking: bool) -> None:
        self.speaking, self.hesitating = speaking, False

    def reset(self) -> None:
        self.speaking = self.hesitating = False

    def reformat(self, rate: int) -> None:
        """Nothing: decisions do not depend on the audio."""

    def follow(self, *, on: bool) -> None:
        """Nothing: the test makes the decisions."""

    def add(self, pcm: bytes) -> None:
        """Let what the test has set be decided."""
        self.waiting = True

    hears_echo = False

    def sent(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Nothing, as `reformat`."""

    def silenced(self) -> None:
        """Nothing, as `reformat`."""

    def next(self) -> Decision | None:
        if self._configured and self.decisions:
            return self.decisions.popleft()
        self.decisions.clear()
        self.waiting = False
        return None


class Streaming(TurnSTTService):
    """A recogniser that gets turns as they are spoken, and delegates to `Recogniser`."""

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        raise NotImplementedError

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        raise NotImplementedError

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        raise NotImplementedError

    async def discard_turn(self, recognition_id: str) -> None:
        raise NotImplementedError


class Recogniser:
    """Holds recognitions until the test lets it answer them."""

    def __init__(self, output: FrameProcessor) -> None:
        self._output = output
        self.open: dict[str, bytes] = {}
        """Id of an open recognition → its audio so far."""
        self.asked: dict[str, str] = {}
        """Id of a committed recognition → the numbers in its audio, oldest first."""
        self.dropped: dict[str, str] = {}
        """As `asked`, for recognitions that were discarded after the commit."""
        self.answers: dict[str, str] = {}
        """Transcript → the id of its recognition."""
        self.stopped = False

    async def push(self, frame: Frame) -> None:
        match frame:
            case TurnStartedFrame(recognition_id=recognition):
                assert not self.open, "two turns at a time"
                self.open[recognition] = b""
            case TurnAudioFrame(recognition_id=recognition, audio=audio):
                self.open[recognition] += audio
            case TurnCommittedFrame(recognition_id=recognition, audio=audio):
                assert recognition not in self.asked, "asked for twice"
                # The resampler delays some audio, and the stream may go beyond the turn.
                heard = self.open.pop(recognition, b"")
                both = min(len(heard), len(audio) - RINGING)
                assert heard[:both] == audio[:both], "other audio than was heard"
                self.asked[recognition] = numbers_in(audio)
            case TurnDiscardedFrame(recognition_id=recognition):
                self.open.pop(recognition, None)
                if recognition in self.asked:
                    self.dropped[recognition] = self.asked.pop(recognition)

    def busy_with(self) -> set[str]:
        """Return the ids of items with an open or committed recognition."""
        return {recognition.split(".")[0] for recognition in (*self.open, *self.asked)}

    async def answer(self, choice: int, *, fails: bool) -> None:
        """Answer one of the committed recognitions."""
        await self._answer(self.asked, choice, fails=fails)

    async def answer_late(self) -> None:
        """Answer the recognition discarded last, as if the result had been under way."""
        await self._answer(self.dropped, -1, fails=False)

    async def _answer(self, due: dict[str, str], choice: int, *, fails: bool) -> None:
        if not due:
            return
        recognition = list(due)[choice % len(due)]
        words = f"said {due.pop(recognition)} in answer {len(self.answers)}."
        self.answers[words] = recognition
        await self._tell(
            recognition, ErrorFrame("broken") if fails else TranscriptionFrame(words, "", "")
        )

    async def begin_to_answer(self) -> None:
        """Push an interim transcript of every recognition: the beginning of its final one."""
        spoken = {recognition: numbers_in(pcm) for recognition, pcm in self.open.items()}
        for recognition, numbers in {**spoken, **self.asked}.items():
            await self._tell(recognition, InterimTranscriptionFrame(f"said {numbers}", "", ""))

    async def _tell(self, recognition: str, frame: Frame) -> None:
        frame.metadata[RECOGNITION] = recognition
        await self._output.process_frame(frame, FrameDirection.DOWNSTREAM)

    async def stop(self) -> None:
        self.stopped = True


class Pipeline:
    """A pipeline that reports when the test says so, even after it was told to stop."""

    def __init__(
        self, number: int, request: ResponseRequest, report: Callable[[ResponseReport], None]
    ) -> None:
        self.number = number
        self.request = request
        self.report = report
        self.words = 0
        """Number of times that it has spoken."""
        self.stopped = False
        self.ended = False

    @property
    def running(self) -> bool:
        return not self.stopped and not self.ended

    async def start(self) -> None:
        """Nothing: the test makes the reports."""

    async def stop(self) -> None:
        self.stopped = True


SETTINGS = load_settings()


class Manager:
    """The part of a pipeline manager that a transport uses."""

    recogniser_noise_reduced = True

    def __init__(self, *, streaming: bool) -> None:
        self._streaming = streaming
        self.settings = SETTINGS
        self.stt = ScriptedSTT(STTConfig())
        self.detector = Detector()
        self.pipelines: list[Pipeline] = []
        self.recogniser: Recogniser | None = None

    @property
    def turn_models(self) -> Manager:
        return self

    def tables(self, _kind: str) -> str:
        return "default"

    def as_manager(self) -> PipelineManager:
        return cast(PipelineManager, self)

    def create_detector(self, _observe: object = None) -> Detector:
        return self.detector

    async def next_decision(self, detector: Detector) -> Decision | None:
        # The real one may yield here too, so that other tasks run meanwhile.
        await asyncio.sleep(0)
        return detector.next()

    def ask(self, sound: Sound) -> Question:
        """Every pause sounds complete."""
        loop = asyncio.get_running_loop()
        question = Question(sound, loop.time() + 30, loop.create_future())
        question.answer(1.0)
        return question

    def for_session(self, _passed: Sequence[str] = ()) -> Manager:
        return self

    def leads_back(self, _passed: Sequence[str]) -> bool:
        return False

    async def close(self) -> None:
        """There is nothing to release."""

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
        """The last number whose audio has been taken."""
        self.closed: tuple[CloseReason, str] | None = None

    def give(self, message: str, number: int) -> None:
        """Let the client send a message; its audio carries `number`."""
        self._incoming.put_nowait((message, number))

    def leave(self) -> None:
        """Disconnect the client."""
        self._incoming.put_nowait(None)

    async def incoming(self, _can_wait: CanWait = nothing_waits) -> AsyncIterator[Incoming]:
        while (sent := await self._incoming.get()) is not None:
            message, self.number = sent
            yield at_once(self._reader.read(message))

    async def pace(self, _audio_s: float) -> None:
        """Nothing: input is never slowed."""

    async def room(self) -> None:
        """Nothing: there is always room."""

    def send(self, event: ServerEvent) -> None:
        text = frame(event.wire())
        self._arrived(text if isinstance(text, str) else at_once(text.write()))

    def play(self, audio: OutputAudio) -> None:
        self.send(audio_delta(audio))

    def silence(self) -> None:
        """Nothing: the client stops playback by itself."""

    def duck(self, *, on: bool) -> None:
        """Nothing: the client plays."""

    def played(self) -> dict[str, float]:
        return {}

    def reply(self, event: ServerEvent) -> None:
        self.send(event)

    async def deliver(self, _report: Callable[[PlaybackReport], None]) -> None:
        await self._finished.wait()

    def finish(self) -> None:
        self._finished.set()

    async def send_at_once(self, event: ServerEvent) -> None:
        self.send(event)

    async def close(self, reason: CloseReason, message: str = "") -> None:
        self.closed = reason, message
