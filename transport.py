"""The Pipecat transport of one session: wire events in → frames, frames → wire events out.

The only module that knows both sides. It moves bytes and carries out what the session
(`realtime_session.py`) decides; it decides nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Protocol

from loguru import logger
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import BaseTransport

from audio_format import AudioFormat
from audio_input import InputStream, heard
from dialect import Dialect, GADialect
from effects import (
    Close,
    Effect,
    ForgetTurn,
    Generate,
    HearTurn,
    ResetTurnDetection,
    Send,
    SetInputFormat,
    SetNoiseReduction,
    SetTurnDetection,
    StopGenerating,
    Transcribe,
)
from frames import TurnAudioFrame, TurnCommittedFrame, TurnDiscardedFrame, TurnStartedFrame
from generation import FinishReason, ProviderError, ResponseRequest, TokenUsage
from hearing import TranscriptOutput
from noise_reduction import NoiseReduction
from outbox import Outbox, SlowReader
from pipeline_manager import PipelineManager
from pipeline_worker import RunningPipeline
from protocol import ProtocolError, error_event, serialize
from realtime_session import RealtimeSession
from response_pipeline import ResponsePipeline
from smart_turn import CONTEXT_MS
from turn_detection import SpeechPaused, SpeechStarted, SpeechStopped
from turn_log import TurnLog

SLICE_MS = 100
"""Audio taken at once; a whole file in one event is worked through in such steps."""


class ClientGone(Exception):
    """The connection is closed."""


class SessionOver(Exception):
    """The session is over, and the client has all that was sent to it."""


class Wire(Protocol):
    """A connection that carries one event per text frame."""

    def messages(self) -> AsyncIterator[str | bytes]:
        """Yield frames until the client goes."""

    async def send(self, frame: str) -> None:
        """Send a text frame; raises `ClientGone`."""

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""


class TurnInput(FrameProcessor):
    """The door of the hearing pipeline: the transport pushes turns in here."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass everything on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class RealtimeTransport(BaseTransport):
    """Connects one client, one session and its pipelines."""

    def __init__(
        self,
        session: RealtimeSession,
        manager: PipelineManager,
        log: TurnLog,
        dialect: Dialect | None = None,
    ) -> None:
        """Prepare; nothing runs before `run`.

        Args:
            session: The state machines of this session.
            manager: Builds the pipelines.
            log: Where turns are noted.
            dialect: How the client reads; None: GA.
        """
        super().__init__()
        self._session = session
        self._manager = manager
        self._log = log
        self._dialect = dialect or GADialect(session.config.kind)
        self._outbox = Outbox()
        self._closing: Close | None = None
        self._input = TurnInput()
        self._output = TranscriptOutput(
            manager.stt, self._on_interim, self._on_transcript, self._on_transcription_failed
        )
        self._detector = manager.create_detector()
        self._format = AudioFormat()
        self._noise: NoiseReduction | None = None
        self._to_detector = InputStream(self._format, None, "LQ")
        self._feed: tuple[str, InputStream] | None = None
        """The open turn that the recogniser hears, and the conversion of its audio."""
        self._work: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._responses: dict[str, ResponsePipeline] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def input(self) -> FrameProcessor:
        """Return the first processor of the hearing pipeline."""
        return self._input

    def output(self) -> FrameProcessor:
        """Return the last processor of the hearing pipeline."""
        return self._output

    async def run(self, wire: Wire) -> str:
        """Serve the client until it goes.

        Returns:
            Why the session ended, for the log.
        """
        hearing = self._manager.hearing_pipeline(self._input, self._output)
        reason = "the client left"
        limit_s = 60 * self._session.config.limit_minutes
        expiry = asyncio.get_running_loop().call_later(limit_s, self._expire)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._send(wire)),
                    group.create_task(self._carry_out()),
                ]
                self._perform(self._session.open())
                await self._receive(wire)
                for task in background:
                    task.cancel()
        except* SessionOver:
            assert self._closing is not None
            reason = self._closing.reason or "the client closed it"
            await wire.close(self._closing.code, self._closing.reason)
        except* ClientGone:
            reason = "the connection was lost"
        except* SlowReader:
            reason = "the client stopped reading"
            await wire.close(1008, "The client does not read what it is sent.")
        finally:
            expiry.cancel()
            await asyncio.shield(self._release(hearing))
        return reason

    def _expire(self) -> None:
        self._perform(self._session.expire())

    async def _send(self, wire: Wire) -> None:
        await self._outbox.drain_into(wire.send)
        raise SessionOver

    async def _receive(self, wire: Wire) -> None:
        async for message in wire.messages():
            await self._outbox.room()
            if isinstance(message, bytes):
                self._refuse_binary()
                continue
            effects, audio = self._session.receive(message)
            self._perform(effects)
            step = SLICE_MS * self._format.bytes_per_ms
            for start in range(0, len(audio), step):
                await self._hear(audio[start : start + step])
                if len(audio) > step:
                    # Other sessions go on while a file is worked through.
                    await asyncio.sleep(0)

    def _refuse_binary(self) -> None:
        text = "Expected a text WebSocket message; binary frames are not supported."
        self._perform([Send(error_event(ProtocolError("invalid_event", text)))])

    async def _hear(self, audio: bytes) -> None:
        feed = self._feed
        effects, written = self._session.append(audio)
        self._perform(effects)
        if feed is not None:
            self._push_turn_audio(feed, written)
        for decision in self._detector.push(self._to_detector.push(written)):
            if isinstance(decision, SpeechPaused):
                await self._judge()
            else:
                self._decided(decision)

    async def _judge(self) -> None:
        """Ask Smart Turn whether the turn is over at this pause; audio waits for the answer."""
        turns = self._session.turns
        recent = turns.heard_so_far()[-CONTEXT_MS * turns.format.bytes_per_ms :]
        completeness = await self._manager.turn_completeness(
            heard(recent, turns.format, self._noise)
        )
        decision = self._detector.judged(completeness)
        if decision is not None:
            self._decided(decision)

    def _decided(self, decision: SpeechStarted | SpeechStopped) -> None:
        self._perform(
            self._session.speech_started(decision.onset_ms)
            if isinstance(decision, SpeechStarted)
            else self._session.speech_stopped(decision.end_ms)
        )

    def _listen(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Hear what is appended from here on in another way."""
        # What the old filters still hold back goes first: offsets count every sample.
        for decision in self._detector.push(self._to_detector.flush()):
            if not isinstance(decision, SpeechPaused):
                self._decided(decision)
        if self._feed is not None:
            item_id, stream = self._feed
            self._push(TurnAudioFrame(item_id, stream.flush()))
            self._feed = (item_id, InputStream(audio_format, noise))
        self._format, self._noise = audio_format, noise
        self._to_detector = InputStream(audio_format, noise, "LQ")

    def _push_turn_audio(self, feed: tuple[str, InputStream], audio: bytes) -> None:
        item_id, stream = feed
        pcm = stream.push(audio)
        if pcm:
            self._push(TurnAudioFrame(item_id, pcm))

    def _push(self, frame: Frame) -> None:
        self._work.put_nowait(partial(self._input.push_frame, frame))

    def _perform(self, effects: list[Effect]) -> None:
        """Carry out effects in order; what has to wait is queued behind what waits already."""
        for effect in effects:
            match effect:
                case Send(event):
                    self._log.observe(event)
                    for written in self._dialect.render(event):
                        self._outbox.put(serialize(written))
                case Close() as closing:
                    self._closing = self._closing or closing
                    self._outbox.finish()
                case SetInputFormat(audio_format):
                    self._listen(audio_format, self._noise)
                case SetNoiseReduction(noise):
                    self._listen(self._format, noise)
                case SetTurnDetection(settings):
                    self._detector.configure(settings)
                case ResetTurnDetection():
                    self._detector.reset()
                case HearTurn(item_id, audio, audio_format, settings):
                    self._feed = (item_id, InputStream(audio_format, self._noise))
                    self._push(TurnStartedFrame(item_id, settings.language, settings.prompt))
                    self._push_turn_audio(self._feed, audio)
                case ForgetTurn(item_id):
                    self._feed = None
                    self._push(TurnDiscardedFrame(item_id))
                case Transcribe(item_id, audio, audio_format, settings):
                    if self._feed is not None and self._feed[0] == item_id:
                        self._feed = None
                    pcm = heard(audio, audio_format, self._noise)
                    self._push(TurnCommittedFrame(item_id, pcm, settings.language, settings.prompt))
                case Generate(request):
                    self._work.put_nowait(partial(self._generate, request))
                case StopGenerating(response_id):
                    self._stop(response_id)

    async def _carry_out(self) -> None:
        while True:
            step = await self._work.get()
            await step()

    async def _generate(self, request: ResponseRequest) -> None:
        if not self._session.responses.is_active(request.response_id):
            return
        try:
            pipeline = self._manager.response_pipeline(request, self, self._outbox.room)
        # Building a service runs a provider's code: whatever it raises fails this response.
        except Exception as error:
            logger.opt(exception=True).debug("building a response's pipeline failed")
            message = f"The response's pipeline could not be built: {error}"
            self.failed(request.response_id, ProviderError(message))
            return
        self._responses[request.response_id] = pipeline
        await pipeline.start()

    def _stop(self, response_id: str) -> None:
        pipeline = self._responses.pop(response_id, None)
        if pipeline is not None:
            task = asyncio.create_task(pipeline.stop(), name=f"stop {response_id}")
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def _release(self, hearing: RunningPipeline) -> None:
        for response_id in list(self._responses):
            self._stop(response_id)
        await asyncio.gather(*self._stopping, hearing.stop())

    def _on_interim(self, item_id: str, text: str) -> None:
        self._perform(self._session.transcript_so_far(item_id, text))

    def _on_transcript(self, item_id: str, text: str) -> None:
        self._perform(self._session.transcript(item_id, text))

    def _on_transcription_failed(self, item_id: str, error: ProviderError) -> None:
        logger.warning(f"{item_id} was not transcribed: {error.message}")
        self._perform(self._session.transcription_failed(item_id, error))

    # --- generation.PipelineSignals ----------------------------------------------------------

    def text(self, response_id: str, delta: str) -> None:
        """The model wrote `delta`."""
        self._perform(self._session.responses.text(response_id, delta))

    def tool_call(
        self, response_id: str, index: int, call_id: str, name: str, arguments: str
    ) -> None:
        """The model continued a tool call."""
        self._perform(
            self._session.responses.tool_call(response_id, index, call_id, name, arguments)
        )

    def speaking(self, response_id: str, text: str) -> None:
        """The audio that follows speaks `text`."""
        self._session.responses.speaking(response_id, text)

    def audio(self, response_id: str, pcm: bytes) -> None:
        """The voice made audio."""
        self._perform(self._session.responses.audio(response_id, pcm))

    def finished(self, response_id: str, reason: FinishReason, usage: TokenUsage | None) -> None:
        """The pipeline of a response is through."""
        self._perform(self._session.responses.finished(response_id, reason, usage))

    def failed(self, response_id: str, error: ProviderError) -> None:
        """A stage of a response failed."""
        self._perform(self._session.responses.failed(response_id, error))
