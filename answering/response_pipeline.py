"""The pipeline of one response: LLM → clauses → TTS → client.

Every response has its own, so settings of two responses never mix and stopping one touches
nothing else. It reports to the session by response id; the session drops what comes too late.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    AggregatedTextFrame,
    ErrorFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    LLMThoughtTextFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.text.base_text_aggregator import Aggregation
from pipecat.utils.tracing.tracing_context import TracingContext

from answering.clauses import ClauseAggregator
from answering.whole_characters import WholeCharacters
from audio.time_stretch import TimeStretch
from audio_utils import WIRE_RATE, Resampler
from flow.steps import Breather
from flow.watchdog import Patience, Watchdog
from providers.base import Provider
from providers.errors import provider_error
from providers.frames import CompletionFrame, ToolCallFrame
from providers.running_pipeline import RunningPipeline
from session.ports import MAX_DELTA_BYTES, ClientRoom, PipelineSignals, ResponseRequest

MAX_UNHEARD_BYTES = 2 * 1024 * 1024
"""Some 40 s of speech that a voice may be ahead of what is on its way to the client."""

_Service = TypeVar("_Service", LLMService, TTSService)


@dataclass(frozen=True, slots=True)
class Stage(Generic[_Service]):
    """A service built for one response, and whose it is."""

    name: Literal["LLM", "TTS"]
    service: _Service
    provider: Provider
    patience: Patience


class _Backlog:
    """Audio between the voice and the client's outbox, with a bound: the voice waits for it."""

    def __init__(self) -> None:
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, length: int) -> None:
        """Wait until there is room, and count so many bytes."""
        await self._room.wait()
        self._bytes += length
        if self._bytes > MAX_UNHEARD_BYTES:
            self._room.clear()

    def take(self, length: int) -> None:
        """So many bytes have arrived."""
        self._bytes -= length
        if self._bytes <= MAX_UNHEARD_BYTES:
            self._room.set()


class _Report:
    """Where the processors of one response report to, and who watches over them."""

    def __init__(
        self,
        request: ResponseRequest,
        signals: PipelineSignals,
        client: ClientRoom,
        llm: Stage[LLMService],
        tts: Stage[TTSService] | None,
    ) -> None:
        self.request = request
        self.signals = signals
        self.completion = CompletionFrame("stop")
        self._client = client
        self._llm = llm
        self._tts = tts
        self._llm_watch = Watchdog(lambda limit_s: self._silent(llm, limit_s))
        self._tts_watch = Watchdog(lambda limit_s: self._silent(tts or llm, limit_s))
        self._llm_ended = False
        self._breather = Breather()
        self.unheard = _Backlog()

    async def room(self) -> None:
        """Wait until the client has read enough; no provider is to blame for that."""
        # What a service has received already comes without a pause.
        await self._breather.breathe()
        if self._client.has_room:
            return
        with self._llm_watch.held(), self._tts_watch.held():
            await self._client.room()

    def started(self) -> None:
        """The model has been asked."""
        self._llm_watch.expect(self._llm.patience.first_s)

    def model_moved(self) -> None:
        """The model made something."""
        if not self._llm_ended:
            self._llm_watch.expect(self._llm.patience.next_s)

    def model_ended(self) -> None:
        """The model is through; what the voice was given is still to be spoken."""
        self._llm_ended = True
        self._llm_watch.rest()
        if self._tts is not None and not self._tts_watch.waiting:
            self._tts_watch.expect(self._tts.patience.first_s)

    def voice_given(self) -> None:
        """The voice has something to say."""
        if self._tts is not None and not self._tts_watch.waiting:
            self._tts_watch.expect(self._tts.patience.first_s)

    def voice_moved(self) -> None:
        """The voice made audio. More is only certain to follow once the model has ended."""
        if self._tts is not None and self._llm_ended:
            self._tts_watch.expect(self._tts.patience.next_s)
        else:
            self._tts_watch.rest()

    def finished(self) -> None:
        """All of the response has been made."""
        self.unwatched()
        self.signals.finished(
            self.request.response_id, self.completion.reason, self.completion.usage
        )

    def failed(self, stage: Stage[Any], frame: ErrorFrame) -> None:
        """A stage says why it cannot go on."""
        self.unwatched()
        error = provider_error(stage.name, stage.provider, frame)
        self.signals.failed(self.request.response_id, error)

    def unwatched(self) -> None:
        """Expect nothing more of the stages; what they still make while they stop is no sign."""
        self._llm_watch.retire()
        self._tts_watch.retire()

    def _silent(self, stage: Stage[Any], limit_s: float) -> None:
        text = f"the service has been silent for {limit_s:g} s"
        self.failed(stage, ErrorFrame(text, category=ErrorCategory.CONNECTIVITY))


class TextOutput(FrameProcessor):
    """Sits behind the LLM: reports its text and tool calls at once, passes clauses to the TTS."""

    def __init__(self, report: _Report) -> None:
        super().__init__(enable_direct_mode=True)
        self._report = report
        self._aggregator = ClauseAggregator()
        self._characters = WholeCharacters()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle what the model makes."""
        await super().process_frame(frame, direction)
        report, response_id = self._report, self._report.request.response_id
        if isinstance(frame, LLMTextFrame | ToolCallFrame | CompletionFrame | LLMThoughtTextFrame):
            report.model_moved()
        if isinstance(frame, LLMTextFrame):
            await report.room()
            text = self._characters.push(frame.text)
            report.signals.text(response_id, text)
            if report.request.spoken:
                async for clause in self._aggregator.aggregate(text):
                    await self._speak(clause)
        elif isinstance(frame, ToolCallFrame):
            await self._speak(await self._aggregator.flush())
            report.signals.tool_call(
                response_id, frame.index, frame.call_id, frame.function, frame.arguments
            )
        elif isinstance(frame, CompletionFrame):
            report.completion = frame
        elif isinstance(frame, LLMFullResponseEndFrame):
            await self._speak(await self._aggregator.flush())
            report.model_ended()
            if report.request.spoken:
                await self.push_frame(frame, direction)
            else:
                report.finished()
        else:
            await self.push_frame(frame, direction)

    async def _speak(self, clause: Aggregation | None) -> None:
        # Punctuation or an emoji on its own is nothing to say.
        if clause is not None and any(char.isalnum() for char in clause.text):
            self._report.voice_given()
            await self.push_frame(AggregatedTextFrame(clause.text, clause.type))


class AudioOutput(FrameProcessor):
    """Sits behind the TTS: reports its audio, in whole samples at 24 kHz."""

    def __init__(self, report: _Report) -> None:
        super().__init__(enable_direct_mode=True)
        self._report = report
        self._half_sample = b""
        self._resampler = Resampler(WIRE_RATE, WIRE_RATE)
        self._rate: int = WIRE_RATE
        self._stretch = TimeStretch(report.request.speed)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle what the voice makes."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._report.voice_moved()
            await self._audio(frame)
            self._report.unheard.take(len(frame.audio))
        elif isinstance(frame, AggregatedTextFrame) and not isinstance(frame, TTSTextFrame):
            self._report.signals.speaking(self._report.request.response_id, frame.text)
        elif isinstance(frame, LLMFullResponseEndFrame):
            await self._speak(self._resampler.flush())
            await self._send(self._stretch.flush())
            self._report.finished()
        else:
            await self.push_frame(frame, direction)

    async def _audio(self, frame: TTSAudioRawFrame) -> None:
        if frame.sample_rate != self._rate:
            await self._speak(self._resampler.flush())
            self._rate = frame.sample_rate
            self._resampler = Resampler(self._rate, WIRE_RATE)
        audio = self._half_sample + frame.audio
        whole = len(audio) & ~1
        self._half_sample = audio[whole:]
        await self._speak(self._resampler.push(audio[:whole]))

    async def _speak(self, pcm: bytes) -> None:
        await self._send(self._stretch.push(pcm))

    async def _send(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), MAX_DELTA_BYTES):
            await self._report.room()
            self._report.signals.audio(
                self._report.request.response_id, pcm[start : start + MAX_DELTA_BYTES]
            )


def llm_context(request: ResponseRequest) -> LLMContext:
    """Return a request in Pipecat's form, from which its services make each vendor's own."""
    tools = [
        FunctionSchema(
            tool["name"],
            tool.get("description") or "",
            tool["parameters"].get("properties", {}),
            tool["parameters"].get("required", []),
        )
        for tool in request.tools
    ]
    messages = cast(Any, list(request.messages))
    if not tools:
        return LLMContext(messages)
    choice = request.tool_choice
    if isinstance(choice, dict):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    return LLMContext(messages, ToolsSchema(standard_tools=tools), cast(Any, choice))


class ResponsePipeline:
    """One response being generated."""

    def __init__(
        self,
        request: ResponseRequest,
        llm: Stage[LLMService],
        tts: Stage[TTSService] | None,
        signals: PipelineSignals,
        room: ClientRoom,
        tracing: TracingContext | None = None,
    ) -> None:
        """Link the stages.

        Args:
            request: What to generate.
            llm: A model built for this response alone.
            tts: A voice built for this response alone; None for text-only output.
            signals: Who is told what is made.
            room: Says when the client has read enough.
            tracing: Under which the stages trace what they do; None: they do not.
        """
        self._report = report = _Report(request, signals, room, llm, tts)
        stages: list[FrameProcessor] = [llm.service, TextOutput(report)]
        self._watch(llm)
        if tts is not None:
            stages += [tts.service, AudioOutput(report)]
            self._watch(tts)
            self._hold_back(tts.service)
        name = f"response {request.response_id}"
        self._running = RunningPipeline(Pipeline(stages), name, tracing=tracing)
        self._context = llm_context(request)

    async def start(self) -> None:
        """Start generating."""
        self._report.started()
        await self._running.push(LLMContextFrame(self._context))

    async def stop(self) -> None:
        """Stop, wherever it is, and release everything."""
        self._report.unwatched()
        await self._running.stop()

    def _hold_back(self, service: TTSService) -> None:
        # Pipecat queues what a voice makes, all of it: a slow reader would have it in the memory.
        queue = service.append_to_audio_context

        async def when_there_is_room(context_id: str | None, frame: Any) -> None:
            if isinstance(frame, TTSAudioRawFrame):
                await self._report.unheard.put(len(frame.audio))
            await queue(context_id, frame)

        service.append_to_audio_context = when_there_is_room  # type: ignore[method-assign]

    def _watch(self, stage: Stage[Any]) -> None:
        # Called before the error frame travels, so a failure is known before the frame that
        # ends the answer could make it look complete.
        async def on_error(_processor: FrameProcessor, frame: ErrorFrame) -> None:
            self._report.failed(stage, frame)

        stage.service.add_event_handler("on_error", on_error)
