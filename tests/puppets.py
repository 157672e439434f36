"""A detector, a recogniser and pipelines on strings: the transport runs, the test pulls.

Nothing here happens by itself. What is heard carries a number in its samples, what is understood
and what is answered carry numbers in their words, so that each can be told from all the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import numpy as np
from pipecat.frames.frames import ErrorFrame, Frame, TranscriptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from config import STTConfig
from frames import TurnCommittedFrame, TurnDiscardedFrame
from generation import PipelineSignals, ResponseRequest
from hearing import ITEM
from pipeline_manager import PipelineManager
from providers.scripted import ScriptedSTT
from turn_detection import Decision

LOUDNESS = 300
"""Sample value per number."""


def voice(number: int, ms: int = 100) -> bytes:
    """Audio that says a number."""
    return (number * LOUDNESS).to_bytes(2, "little") * (24 * ms)


def number_in(pcm: bytes) -> int:
    """The number that audio at 16 kHz says last."""
    samples = np.frombuffer(pcm, dtype="<i2")[-960:-160]
    return round(float(np.median(samples)) / LOUDNESS)


class Detector:
    """Decides what it is told to, at the next audio."""

    def __init__(self) -> None:
        self.speaking = False
        self.hesitating = False
        self.decisions: deque[Decision] = deque()
        self._configured = False

    def configure(self, settings: dict[str, Any] | None) -> None:
        if settings is None or not self._configured:
            self.reset()
        self._configured = settings is not None

    def reset(self) -> None:
        self.speaking = self.hesitating = False

    def push(self, _pcm: bytes) -> Iterator[Decision]:
        while self._configured and self.decisions:
            yield self.decisions.popleft()
        self.decisions.clear()


class Recogniser:
    """Keeps what it is asked until the test lets it answer."""

    def __init__(self, transport_input: FrameProcessor, output: FrameProcessor) -> None:
        transport_input.push_frame = self._take  # type: ignore[method-assign,assignment]
        self._output = output
        self.asked: dict[str, int] = {}
        """Hearing → the number in what was heard, oldest first."""
        self.answers: dict[str, str] = {}
        """Words → the hearing they answer."""
        self.stopped = False

    async def _take(self, frame: Frame, _direction: object = None) -> None:
        if isinstance(frame, TurnCommittedFrame):
            assert frame.item_id not in self.asked
            self.asked[frame.item_id] = number_in(frame.audio)
        elif isinstance(frame, TurnDiscardedFrame):
            self.asked.pop(frame.item_id, None)

    async def answer(self, choice: int, *, fails: bool) -> None:
        """Answer one of the hearings that are asked for."""
        if not self.asked:
            return
        hearing = list(self.asked)[choice % len(self.asked)]
        number = self.asked.pop(hearing)
        words = f"said {number} in answer {len(self.answers)}."
        self.answers[words] = hearing
        frame: Frame = ErrorFrame("broken") if fails else TranscriptionFrame(words, "", "")
        frame.metadata[ITEM] = hearing
        await self._output.process_frame(frame, FrameDirection.DOWNSTREAM)

    async def stop(self) -> None:
        self.stopped = True


class Pipeline:
    """Answers when the test says so, even after it was told to stop."""

    def __init__(self, number: int, request: ResponseRequest, signals: PipelineSignals) -> None:
        self.number = number
        self.request = request
        self.signals = signals
        self.started = False
        self.stopped = False
        self.ended = False

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True


class Manager:
    """As much of a pipeline manager as a transport needs."""

    def __init__(self) -> None:
        self.stt = ScriptedSTT(STTConfig())
        self.detector = Detector()
        self.pipelines: list[Pipeline] = []
        self.recogniser: Recogniser | None = None

    def as_manager(self) -> PipelineManager:
        return cast(PipelineManager, self)

    def create_detector(self) -> Detector:
        return self.detector

    async def turn_completeness(self, _pcm: bytes) -> float:
        return 1.0

    def hearing_pipeline(self, first: FrameProcessor, last: FrameProcessor) -> Recogniser:
        self.recogniser = Recogniser(first, last)
        return self.recogniser

    def response_pipeline(
        self,
        request: ResponseRequest,
        signals: PipelineSignals,
        _room: Callable[[], Awaitable[None]],
    ) -> Pipeline:
        self.pipelines.append(Pipeline(len(self.pipelines), request, signals))
        return self.pipelines[-1]


class PuppetWire:
    """A connection without a network."""

    def __init__(self, arrived: Callable[[str], None]) -> None:
        self._arrived = arrived
        self.incoming: asyncio.Queue[str | None] = asyncio.Queue()
        """What the client sends; None: it goes."""
        self.closed: tuple[int, str] | None = None

    async def messages(self) -> AsyncIterator[str | bytes]:
        while (message := await self.incoming.get()) is not None:
            yield message

    async def send(self, frame: str) -> None:
        self._arrived(frame)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason
