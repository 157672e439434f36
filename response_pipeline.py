"""The pipeline of one response: LLM → clauses → TTS → client.

Every response has its own, so settings of two responses never mix and stopping one touches
nothing else. It reports to the session by response id; the session drops what comes too late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    AggregatedTextFrame,
    ErrorFrame,
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService
from pipecat.utils.text.base_text_aggregator import Aggregation

from audio_utils import BYTES_PER_SAMPLE, WIRE_RATE, Resampler
from clauses import ClauseAggregator
from frames import CompletionFrame, ToolCallFrame
from generation import PipelineSignals, ResponseRequest
from pipeline_worker import RunningPipeline
from provider_errors import provider_error
from providers.base import LLMProvider, Provider, TTSProvider
from time_stretch import TimeStretch

MAX_DELTA_BYTES = WIRE_RATE * BYTES_PER_SAMPLE * 2 // 5
"""Longest audio delta: 400 ms, as the service sends (§E)."""


@dataclass(slots=True)
class _Report:
    """Where the processors of one response report to."""

    request: ResponseRequest
    signals: PipelineSignals
    room: Callable[[], Awaitable[None]]
    """Waits until the client has read enough."""
    completion: CompletionFrame = field(default_factory=lambda: CompletionFrame("stop"))

    def finished(self) -> None:
        self.signals.finished(
            self.request.response_id, self.completion.reason, self.completion.usage
        )


class TextOutput(FrameProcessor):
    """Sits behind the LLM: reports its text and tool calls at once, passes clauses to the TTS."""

    def __init__(self, report: _Report) -> None:
        super().__init__(enable_direct_mode=True)
        self._report = report
        self._aggregator = ClauseAggregator()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle what the model makes."""
        await super().process_frame(frame, direction)
        report, response_id = self._report, self._report.request.response_id
        if isinstance(frame, LLMTextFrame):
            await report.room()
            report.signals.text(response_id, frame.text)
            if report.request.spoken:
                async for clause in self._aggregator.aggregate(frame.text):
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
            if report.request.spoken:
                await self.push_frame(frame, direction)
            else:
                report.finished()
        else:
            await self.push_frame(frame, direction)

    async def _speak(self, clause: Aggregation | None) -> None:
        # Punctuation or an emoji on its own is nothing to say.
        if clause is not None and any(char.isalnum() for char in clause.text):
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
            await self._audio(frame)
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
        llm: LLMService,
        tts: TTSService | None,
        signals: PipelineSignals,
        room: Callable[[], Awaitable[None]],
        *,
        llm_provider: LLMProvider,
        tts_provider: TTSProvider,
    ) -> None:
        """Link the stages.

        Args:
            request: What to generate.
            llm: A model built for this response alone.
            tts: A voice built for this response alone; None for text-only output.
            signals: Who is told what is made.
            room: Waits until the client has read enough.
            llm_provider: Whose model it is, for errors.
            tts_provider: Whose voice it is, for errors.
        """
        report = _Report(request, signals, room)
        stages: list[FrameProcessor] = [llm, TextOutput(report)]
        self._watch(llm, report, "LLM", llm_provider)
        if tts is not None:
            stages += [tts, AudioOutput(report)]
            self._watch(tts, report, "TTS", tts_provider)
        self._running = RunningPipeline(Pipeline(stages), f"response {request.response_id}")
        self._context = llm_context(request)

    async def start(self) -> None:
        """Start generating."""
        await self._running.push(LLMContextFrame(self._context))

    async def stop(self) -> None:
        """Stop, wherever it is, and release everything."""
        await self._running.stop()

    @staticmethod
    def _watch(
        service: LLMService | TTSService, report: _Report, stage: str, provider: Provider
    ) -> None:
        # Called before the error frame travels, so a failure is known before the frame that
        # ends the answer could make it look complete.
        async def on_error(_processor: FrameProcessor, frame: ErrorFrame) -> None:
            report.signals.failed(
                report.request.response_id, provider_error(stage, provider, frame)
            )

        service.add_event_handler("on_error", on_error)


async def stop_all(pipelines: list[ResponsePipeline]) -> None:
    """Stop several pipelines at once."""
    await asyncio.gather(*(pipeline.stop() for pipeline in pipelines))
