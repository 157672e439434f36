"""The processors behind the model and behind the voice: what was made becomes reports."""

from __future__ import annotations

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    LLMThoughtTextFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.text.base_text_aggregator import Aggregation

from answering.clauses import ClauseAggregator
from answering.supervision import _Report
from answering.whole_characters import WholeCharacters
from audio.pcm import WIRE_RATE, Resampler
from audio.time_stretch import TimeStretch
from providers.frames import CompletionFrame, ToolCallFrame
from session.ports import MAX_DELTA_BYTES


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
