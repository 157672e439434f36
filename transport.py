"""The Pipecat transport of one session: wire events in → frames, frames → wire events out.

The only module that knows both sides. It moves bytes and carries out what the session
(`realtime_session.py`) decides; it decides nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Protocol

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.transports.base_transport import BaseTransport

from answering.runner import ResponseRunner
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from flow.append_pace import AppendPace
from flow.outbox import Outbox, SlowReader
from flow.steps import in_turns
from flow.work_queue import WorkQueue
from hearing.cleaned_audio import CleanStream, heard
from hearing.recogniser_pipeline import TranscriptOutput, TurnInput
from hearing.turn_recognition import Delivery, TurnHearing
from pipeline_manager import PipelineManager
from protocol import ProtocolError
from providers.running_pipeline import RunningPipeline
from providers.stt.turns import TurnSTTService
from realtime_session import RealtimeSession
from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from session.effects import (
    Close,
    Effect,
    ForgetTurn,
    Generate,
    HearTurn,
    OutputAudio,
    ResetTurnDetection,
    Send,
    SetInputFormat,
    SetNoiseReduction,
    SetTurnDetection,
    StopGenerating,
    Transcribe,
)
from session.ports import FinishReason, ProviderError, ResponseRequest, TokenUsage
from telemetry.turn_log import TurnLog
from turn_detection.smart_turn import CONTEXT_MS
from wire.dialect import Dialect, GADialect
from wire.envelope import ServerEvent, encode_audio, error_event, server_event
from wire.text_frames import frame

SLICE_MS = 100
"""Audio taken at once; a whole file in one event is worked through in such steps."""


MAX_GUESS_MS = 60_000
"""Longest turn at whose pauses an answer is begun: each of them is heard from its beginning."""


class ClientGone(Exception):
    """The connection is closed."""


class SessionOver(Exception):
    """The session is over, and the client has all that was sent to it."""


class Wire(Protocol):
    """A connection that carries one event per text frame."""

    def messages(self) -> AsyncIterator[str | bytes]:
        """Yield frames until the client goes."""

    async def linger(self, seconds: float) -> None:
        """Wait so long, or until the client is gone."""

    async def send(self, frame: str) -> None:
        """Send a text frame; raises `ClientGone`."""

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""


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
        self._leaving = False
        self._input = TurnInput()
        self._stt = manager.create_stt()
        self._hearing = TurnHearing(
            self._push, self, as_spoken=isinstance(self._stt, TurnSTTService)
        )
        self._output = TranscriptOutput(
            manager.stt,
            self._hearing.on_interim,
            self._hearing.on_transcript,
            self._not_heard,
        )
        self._push_turn: Callable[[Frame], Awaitable[None]] = self._input.push_frame
        """Where the recogniser's frames go in; they wait there while its pipeline starts."""
        self._detector = manager.create_detector()
        self._format = AudioFormat()
        self._noise: NoiseReduction | None = None
        self._to_detector = CleanStream(self._format, None)
        self._work = WorkQueue()
        self._responses = ResponseRunner(manager, self, self._outbox, log)

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
        hearing = self._manager.hearing_pipeline(
            self._input, self._stt, self._output, self._log.tracing()
        )
        self._push_turn = hearing.push
        reason = "the client left"
        limit_s = 60 * self._session.config.limit_minutes
        expiry = asyncio.get_running_loop().call_later(limit_s, self._expire)
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self._send(wire)),
                    group.create_task(self._work.carry_out()),
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

    def leave(self, grace_s: float) -> None:
        """End the session when no response is running any more, but within `grace_s`."""
        self._leaving = True
        asyncio.get_running_loop().call_later(grace_s, self._go_away)
        self._perform([])

    def _go_away(self) -> None:
        self._perform(self._session.go_away())

    def _expire(self) -> None:
        self._perform(self._session.expire())

    async def _send(self, wire: Wire) -> None:
        await self._outbox.drain_into(wire.send)
        raise SessionOver

    async def _receive(self, wire: Wire) -> None:
        limits = self._session.config.limits
        now = asyncio.get_running_loop().time()
        pace = AppendPace(limits.append_burst_s, limits.append_speed, now)

        async def take(audio: bytes) -> None:
            """Take what has been appended, at the client's pace or slower."""
            ahead_s = await self._take(audio, pace) if audio else 0
            if ahead_s:
                # What the client goes on to send waits in its own socket.
                await wire.linger(ahead_s)

        put_by = b""
        async for message in wire.messages():
            if not (self._outbox.has_room and self._work.has_room):
                await self._outbox.room()
                await self._work.room()
            if isinstance(message, bytes):
                self._refuse_binary()
                continue
            audio = self._session.receive_audio(message)
            if audio is not None and self._can_wait(len(put_by) + len(audio)):
                put_by += audio
                continue
            if audio is not None:
                await take(put_by + audio)
            else:
                await take(put_by)
                effects, appended = await in_turns(self._session.receive(message))
                self._perform(effects)
                await take(appended)
            put_by = b""

    def _can_wait(self, length: int) -> bool:
        """Return whether so much audio decides nothing yet: it is cheaper to take it with more.

        A chunk of 20 ms completes a window of 32 ms only now and then.
        """
        heard_as_it_is = self._noise is None and self._format.name == "audio/pcm"
        detected = self._session.config.turn_detection is not None
        return heard_as_it_is and detected and length < self._detector.lacking

    async def _take(self, audio: bytes, pace: AppendPace) -> float:
        """Take what has been appended; return the seconds by which the client is too fast."""
        step = SLICE_MS * self._format.bytes_per_ms
        for start in range(0, len(audio), step):
            if start:
                # Other sessions go on while a file is worked through.
                await asyncio.sleep(0)
                await self._work.room()
            await self._hear(audio[start : start + step])
        audio_s = len(audio) / self._format.bytes_per_ms / 1000
        self._log.heard(audio_s)
        return pace.take(audio_s, asyncio.get_running_loop().time())

    def _refuse_binary(self) -> None:
        text = "Expected a text WebSocket message; binary frames are not supported."
        self._perform([Send(error_event(ProtocolError("invalid_event", text)))])

    async def _hear(self, audio: bytes) -> None:
        was_open = self._session.turns.open is not None
        effects, written = self._session.append(audio)
        if effects:
            self._perform(effects)
        if was_open:
            self._hearing.hear(written)
        self._detector.add(self._to_detector.push(written))
        # Nothing overtakes the audio: the next event of the client is read when this is through.
        while (
            self._detector.waiting
            and (decision := await self._manager.next_decision(self._detector)) is not None
        ):
            if isinstance(decision, SpeechPaused):
                await self._judge()
            else:
                self._decided(decision)

    async def _judge(self) -> None:
        """Ask Smart Turn whether the turn is over at this pause; audio waits for the answer."""
        turns = self._session.turns
        recent = turns.heard_so_far(CONTEXT_MS)
        # Cleaning 8 s of noise takes a while.
        pcm = await asyncio.to_thread(heard, recent, turns.format, self._noise)
        completeness = await self._manager.turn_completeness(pcm)
        decision = self._detector.judged(completeness)
        if decision is not None:
            self._decided(decision)

    def _decided(self, decision: Decision) -> None:
        turns = self._session.turns
        match decision:
            case SpeechStarted(onset_ms):
                self._perform(self._session.speech_started(onset_ms))
            case SpeechStopped(end_ms):
                self._perform(self._session.speech_stopped(end_ms))
            case SpeechHesitated() if 0 < turns.open_ms <= MAX_GUESS_MS:
                self._hearing.guess(turns.heard_so_far(), turns.format, self._noise)
            case SpeechResumed() if turns.open is not None:
                self._responses.drop_held()
                self._hearing.resume(turns.heard_so_far(), turns.format, self._noise)

    def _listen(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Hear what is appended from here on in another way."""
        # What the old filter still holds back goes first: offsets count every sample.
        self._detector.add(self._to_detector.flush())
        self._detector.reformat(audio_format.rate)
        self._hearing.reformat(audio_format, noise)
        self._format, self._noise = audio_format, noise
        self._to_detector = CleanStream(audio_format, noise)

    def _push(self, delivery: Delivery) -> None:
        self._work.put(partial(self._deliver, delivery))

    async def _deliver(self, delivery: Delivery) -> None:
        made = await asyncio.to_thread(delivery.make) if delivery.hard else delivery.make()
        if made is not None:
            await self._push_turn(made)

    def _perform(self, effects: list[Effect]) -> None:
        """Carry out effects in order; what has to wait is queued behind what waits already."""
        understood: list[tuple[str, str]] = []
        for effect in effects:
            match effect:
                case Send(event):
                    self._put(event)
                case OutputAudio(response_id, item_id, output_index, content_index, audio):
                    self._put(
                        server_event(
                            "response.output_audio.delta",
                            response_id=response_id,
                            item_id=item_id,
                            output_index=output_index,
                            content_index=content_index,
                            delta=encode_audio(audio),
                        )
                    )
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
                    self._hearing.begin(item_id, audio, audio_format, self._noise, settings)
                case ForgetTurn(item_id):
                    self._responses.drop_held()
                    self._hearing.forget(item_id)
                    self._log.unheard(item_id)
                case Transcribe(item_id, audio, audio_format, settings):
                    text = self._hearing.commit(item_id, audio, audio_format, self._noise, settings)
                    if text is not None:
                        understood.append((item_id, text))
                case Generate(request):
                    self._work.put(partial(self._generate, request))
                case StopGenerating(response_id):
                    self._responses.stop(response_id)
        for item_id, text in understood:
            self.turn_understood(item_id, text)
        if self._leaving and not self._session.responses.running:
            self._leaving = False
            self._go_away()

    def _put(self, event: ServerEvent) -> None:
        self._log.observe(event)
        for written in self._dialect.render(event):
            self._outbox.put(frame(written))

    async def _generate(self, request: ResponseRequest) -> None:
        if self._session.responses.is_active(request.response_id):
            await self._responses.generate(request)

    async def _speculate(self, item_id: str, text: str) -> None:
        request = self._session.preview_answer(item_id, text)
        if request is not None and self._hearing.is_guess(item_id, text):
            await self._responses.speculate(request)

    async def _release(self, hearing: RunningPipeline) -> None:
        await asyncio.gather(self._responses.close(), hearing.stop())
        self._session.end()

    def _not_heard(self, hearing_id: str, error: ProviderError) -> None:
        # Whether or not the turn depends on it: it may have been a guess.
        self._log.failed(error)
        self._hearing.on_failure(hearing_id, error)

    # --- turn_hearing.Listener ----------------------------------------------------------------

    def turn_so_far(self, item_id: str, text: str) -> None:
        """The turn says `text` as far as it has been heard."""
        self._perform(self._session.transcript_so_far(item_id, text))

    def turn_guessed(self, item_id: str, text: str) -> None:
        """The turn says `text` if it is over: begin the answer."""
        self._work.put(partial(self._speculate, item_id, text))

    def turn_understood(self, item_id: str, text: str) -> None:
        """The turn said `text`."""
        self._log.understood(item_id)
        self._perform(self._session.transcript(item_id, text))

    def turn_failed(self, item_id: str, error: ProviderError) -> None:
        """The turn could not be transcribed."""
        self._log.not_transcribed(item_id, error)
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
        self._log.failed(error)
        self._perform(self._session.responses.failed(response_id, error))
