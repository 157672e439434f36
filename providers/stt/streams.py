"""Lets Pipecat's streaming recognisers transcribe turns: one connection per turn.

Such a service takes an endless stream and splits it by rules of its own. Here every turn gets its
own service, which connects when the user begins to speak, is told where the turn ends, and is
discarded after its result. So no result can land in another turn, a failed turn is retried on a new
connection, silence needs no connection, and settings are those of the turn.
"""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

from pipecat.frames.frames import (
    DataFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    StartFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.stt_service import STTService
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.tracing.tracing_context import TracingContext

from audio.pcm import SAMPLE_RATE
from config import STTConfig
from providers.base import STTProvider
from providers.errors import REFUSALS, error_category
from providers.frames import TurnCommittedFrame, TurnStartedFrame, whole
from providers.running_pipeline import RunningPipeline
from providers.stt.turns import TurnFailure, TurnSTTService
from session.ports import Transcript, TranscriptionSettings

CHUNK_BYTES = SAMPLE_RATE * 2 // 10
"""Longest audio frame: 100 ms, as services expect of a live stream."""


@dataclass
class StreamEndFrame(DataFrame):
    """No more results of the turn will come; pushed by services that can tell."""


class StreamSTT(STTProvider):
    """Base of providers of streaming recognisers."""

    announces_end: bool = False
    """Whether the services push a `StreamEndFrame`. If not, the first final result that comes
    after the end of the turn is taken as the last one."""
    trailing_silence_ms: int = 0
    """Silence to send after a turn, for services that need it to finalise."""

    def __init__(self, config: STTConfig) -> None:
        """Keep the time-outs, the number of retries and the language."""
        self.config = config

    @abstractmethod
    def connect(self, settings: TranscriptionSettings) -> STTService:
        """Build the service of one turn.

        It is told where the turn ends by a `VADUserStoppedSpeakingFrame`, upon which it should
        ask for the final result at once.

        Args:
            settings: The client's wishes, with the configured language where it names none. No
                language: the service detects it.
        """

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        return StreamedTurns(self)


class StreamedTurns(TurnSTTService):
    """The recogniser of one session: a stream per turn."""

    def __init__(self, provider: StreamSTT) -> None:
        """Prepare; `provider` builds the service of each turn."""
        super().__init__()
        self._provider = provider
        self._streams: dict[str, _Stream] = {}
        self._hanging_up: set[asyncio.Task[None]] = set()

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Connect while the user speaks."""
        self._connect(turn.recognition_id, turn.settings)

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Pass audio on."""
        await self._streams[recognition_id].hear(audio)

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """End the stream, and push the transcript."""
        stream = self._streams[frame.recognition_id]
        if stream.settings != frame.settings:
            stream = await self._replay(frame)
        for _retry in range(self._provider.config.retries):
            try:
                transcript = await stream.finish()
                break
            except TurnFailure as failure:
                if failure.category in REFUSALS:
                    raise
                stream = await self._replay(frame)
        else:
            transcript = await stream.finish()
        await self.push_final(frame.recognition_id, transcript)
        await self.discard_turn(frame.recognition_id)

    async def discard_turn(self, recognition_id: str) -> None:
        """Close the connection in the background, as some services are slow; `cleanup` waits."""
        task = asyncio.create_task(
            self._streams.pop(recognition_id).close(), name=f"hang up {recognition_id}"
        )
        self._hanging_up.add(task)
        task.add_done_callback(self._hanging_up.discard)

    async def cleanup(self) -> None:
        """Drop all turns, and wait until their connections are gone."""
        await super().cleanup()
        await asyncio.gather(*self._hanging_up)

    def _connect(self, recognition_id: str, settings: TranscriptionSettings) -> _Stream:
        async def on_text(text: str) -> None:
            await self.push_interim(recognition_id, text)

        stream = self._streams[recognition_id] = _Stream(
            self._provider, settings, on_text, self._tracing_context
        )
        return stream

    async def _replay(self, turn: TurnCommittedFrame) -> _Stream:
        """Send the turn again from its beginning, on a new connection."""
        await self.discard_turn(turn.recognition_id)
        stream = self._connect(turn.recognition_id, turn.settings)
        await stream.hear(turn.audio)
        return stream


def phrases(settings: TranscriptionSettings) -> list[str]:
    """Return the expected words: those that the prompt lists, and the keywords."""
    listed = re.split(r"[,;\n]", settings.prompt or "")
    found = (part.strip() for part in (*listed, *settings.keywords))
    return list(dict.fromkeys(phrase for phrase in found if phrase))


def join_text(*parts: str) -> str:
    """Join pieces of a transcript; scripts that write no spaces get none."""
    joined = ""
    for part in filter(None, parts):
        spaced = joined and not (_unspaced(joined[-1]) or _unspaced(part[0]))
        joined += f" {part}" if spaced else part
    return joined


def _unspaced(character: str) -> bool:
    return east_asian_width(character) in "WF"


class _Stream:
    """One connection and its results."""

    def __init__(
        self,
        provider: StreamSTT,
        settings: TranscriptionSettings,
        on_text: Callable[[str], Awaitable[None]],
        tracing: TracingContext | None,
    ) -> None:
        self._config = provider.config
        self._silence = bytes(provider.trailing_silence_ms * SAMPLE_RATE * 2 // 1000)
        self.settings = settings
        service = provider.connect(settings.in_language(provider.config.language))
        service.add_event_handler("on_error", self._on_error)
        self._results = _Results(on_text, provider.announces_end)
        self._tracing = tracing
        self._pipeline = RunningPipeline(
            Pipeline([service, self._results]), "stream", tracing=tracing
        )
        self._begun = False

    async def hear(self, audio: bytes) -> None:
        if audio and not self._begun:
            self._begun = True
            await self._pipeline.push(VADUserStartedSpeakingFrame(start_secs=0.0))
        for start in range(0, len(audio), CHUNK_BYTES):
            chunk = audio[start : start + CHUNK_BYTES]
            await self._pipeline.push(InputAudioRawFrame(chunk, SAMPLE_RATE, 1))

    async def finish(self) -> Transcript:
        """End the turn and return its transcript; raises `TurnFailure`."""
        await self._pipeline.push(VADUserStoppedSpeakingFrame(stop_secs=0.0))
        await self.hear(self._silence)
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                await self._first(self._results.connected)
            async with asyncio.timeout(self._config.timeout_s):
                return await self._results.transcript
        except TimeoutError:
            if self._results.text:
                return self._results.so_far
            limit = self._config.timeout_s
            what = f"gave no result within {limit:g} s"
            if not self._results.connected.done():
                limit = self._config.connect_timeout_s
                what = f"could not be reached within {limit:g} s"
            raise TurnFailure(f"the service {what}", ErrorCategory.CONNECTIVITY) from None

    async def close(self) -> None:
        self._results.transcript.cancel()
        if self._results.connected.done():
            if self._tracing is not None:
                # This ends the tracing span of a service that never marks a result as final.
                await self._pipeline.push(UserStoppedSpeakingFrame())
            await self._pipeline.stop()
        else:
            await self._pipeline.abandon()

    async def _first(self, event: asyncio.Future[None]) -> None:
        """Wait for `event` or for the end of the transcript, whichever comes first."""
        either: set[asyncio.Future[Any]] = {event, self._results.transcript}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)

    async def _on_error(self, _processor: FrameProcessor, frame: ErrorFrame) -> None:
        failure = TurnFailure(str(frame.error), error_category(frame))
        failure.__cause__ = frame.exception
        self._results.fail(failure)


_RESULTS = (InterimTranscriptionFrame, TranscriptionFrame, StreamEndFrame)


class _Results(FrameProcessor):
    """A processor behind the service, which joins its results into a transcript."""

    def __init__(self, on_text: Callable[[str], Awaitable[None]], announced_end: bool) -> None:
        super().__init__(enable_direct_mode=True)
        loop = asyncio.get_running_loop()
        self.connected: asyncio.Future[None] = loop.create_future()
        self.transcript: asyncio.Future[Transcript] = loop.create_future()
        self._turn_is_over = False
        """Whether the service has been told where the turn ends."""
        self._on_text = on_text
        self._announced_end = announced_end
        self._final: list[TranscriptionFrame] = []
        self._interim = ""

    @property
    def text(self) -> str:
        """The words so far."""
        return join_text(*(part.text.strip() for part in self._final), self._interim)

    @property
    def so_far(self) -> Transcript:
        """The transcript so far."""
        return whole(self.text, self._final)

    def fail(self, failure: TurnFailure) -> None:
        """Set the reason why there will be no transcript; the first one counts."""
        if not self.transcript.done():
            self.transcript.set_exception(failure)
            # Marks the exception as retrieved: a turn that is never committed does not read it.
            self.transcript.exception()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Collect results; pass every other frame on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame) and not self.connected.done():
            self.connected.set_result(None)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._turn_is_over = True
        if self.transcript.done() and isinstance(frame, _RESULTS):
            # Results after the end come from the trailing silence.
            return
        if isinstance(frame, StreamEndFrame):
            self._end()
        elif isinstance(frame, InterimTranscriptionFrame):
            self._interim = frame.text.strip()
            await self._on_text(self.text)
        elif isinstance(frame, TranscriptionFrame):
            self._interim = ""
            self._final.append(frame)
            await self._on_text(self.text)
            if self._turn_is_over and not self._announced_end:
                self._end()
        else:
            await self.push_frame(frame, direction)

    def _end(self) -> None:
        if not self._turn_is_over:
            reason = "the service ended the stream in the middle of the turn"
            self.fail(TurnFailure(reason, ErrorCategory.CONNECTIVITY))
        if not self.transcript.done():
            self.transcript.set_result(self.so_far)
