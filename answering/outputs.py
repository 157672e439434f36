"""The processors after the LLM and after the TTS, which report text, tool calls and audio."""

from __future__ import annotations

from collections import defaultdict

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    LLMThoughtTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.text.base_text_aggregator import Aggregation

from answering.clauses import ClauseAggregator
from answering.supervision import Supervision
from answering.whole_characters import WholeCharacters
from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, Resampler, duration_ms
from audio.time_stretch import TimeStretch
from providers.frames import CompletionFrame, ToolCallFrame, WordTimesFrame
from session.ports import MAX_DELTA_BYTES
from session.reports import AudioMade, ClauseSpoken, TextMade, ToolCallMade, WordsTimed


class TextOutput(FrameProcessor):
    """Follows the LLM: reports its text and tool calls at once, passes clauses to the TTS."""

    def __init__(self, supervision: Supervision) -> None:
        super().__init__(enable_direct_mode=True)
        self._supervision = supervision
        self._aggregator = ClauseAggregator()
        self._characters = WholeCharacters()
        self._arguments: defaultdict[int, WholeCharacters] = defaultdict(WholeCharacters)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle a frame of the model."""
        await super().process_frame(frame, direction)
        watched, response_id = self._supervision, self._supervision.request.response_id
        if isinstance(frame, LLMTextFrame | ToolCallFrame | CompletionFrame | LLMThoughtTextFrame):
            watched.model_moved()
        if isinstance(frame, LLMTextFrame):
            await watched.room()
            text = self._characters.push(frame.text)
            watched.report(TextMade(response_id, text))
            if watched.request.spoken:
                async for clause in self._aggregator.aggregate(text):
                    await self._speak(clause)
        elif isinstance(frame, ToolCallFrame):
            await self._speak(await self._aggregator.flush())
            arguments = self._arguments[frame.index].push(frame.arguments)
            watched.report(
                ToolCallMade(response_id, frame.index, frame.call_id, frame.function, arguments)
            )
        elif isinstance(frame, CompletionFrame):
            watched.model_told(frame)
        elif isinstance(frame, LLMFullResponseEndFrame):
            await self._speak(await self._aggregator.flush())
            watched.model_ended()
            watched.text_ended()
            if watched.request.spoken:
                await self.push_frame(frame, direction)
            else:
                watched.finished()
        elif isinstance(frame, TTSSpeakFrame):
            # A processor before the model says something while it looks for what the model needs.
            watched.report(TextMade(response_id, f"{frame.text.strip()} "))
            if watched.request.spoken:
                watched.voice_given()
                await self.push_frame(frame)
        else:
            await self.push_frame(frame, direction)

    async def _speak(self, clause: Aggregation | None) -> None:
        # Punctuation or an emoji alone cannot be spoken.
        if clause is not None and any(char.isalnum() for char in clause.text):
            self._supervision.voice_given()
            await self.push_frame(AggregatedTextFrame(clause.text, clause.type))


class AudioOutput(FrameProcessor):
    """Follows the TTS: reports its audio, in whole samples at 24 kHz."""

    def __init__(self, supervision: Supervision) -> None:
        super().__init__(enable_direct_mode=True)
        self._supervision = supervision
        self._half_sample = b""
        self._resampler = Resampler(WIRE_RATE, WIRE_RATE)
        self._rate: int = WIRE_RATE
        self._stretch = TimeStretch(supervision.request.speed)
        self._taken_ms = 0.0
        """What the voice has made, at its own pace."""
        self._sent_ms = 0.0
        """What was reported; the resampler and the stretching keep the last samples back."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle a frame of the voice."""
        await super().process_frame(frame, direction)
        watched = self._supervision
        if isinstance(frame, TTSAudioRawFrame):
            watched.voice_moved()
            await self._audio(frame)
            watched.lead.take(len(frame.audio))
        elif isinstance(frame, WordTimesFrame):
            pace = watched.request.speed
            words = tuple(
                (before, (self._taken_ms + ms) / pace - self._sent_ms) for before, ms in frame.words
            )
            watched.report(WordsTimed(watched.request.response_id, words))
        elif isinstance(frame, AggregatedTextFrame) and not isinstance(frame, TTSTextFrame):
            watched.report(ClauseSpoken(watched.request.response_id, frame.text))
        elif isinstance(frame, LLMFullResponseEndFrame):
            await self._speak(self._resampler.flush())
            await self._send(self._stretch.flush())
            watched.finished()
        else:
            await self.push_frame(frame, direction)

    async def _audio(self, frame: TTSAudioRawFrame) -> None:
        if frame.sample_rate != self._rate:
            await self._speak(self._resampler.flush())
            self._rate = frame.sample_rate
            self._resampler = Resampler(self._rate, WIRE_RATE)
        self._taken_ms += len(frame.audio) / BYTES_PER_SAMPLE / self._rate * 1000
        audio = self._half_sample + frame.audio
        whole = len(audio) & ~1
        self._half_sample = audio[whole:]
        await self._speak(self._resampler.push(audio[:whole]))

    async def _speak(self, pcm: bytes) -> None:
        await self._send(self._stretch.push(pcm))

    async def _send(self, pcm: bytes) -> None:
        watched = self._supervision
        for start in range(0, len(pcm), MAX_DELTA_BYTES):
            await watched.room()
            piece = pcm[start : start + MAX_DELTA_BYTES]
            self._sent_ms += duration_ms(piece)
            watched.report(AudioMade(watched.request.response_id, piece))
