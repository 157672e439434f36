"""The places of a response between which processors of one's own stand.

    model → WholeClauses → before_voice → VoiceInput → voice → VoiceOutput → before_client → client

What passes `before_voice` is both what the client reads and what the voice speaks: here the two
part. Text and tool calls go to the client at once and do not wait for the voice; they meet its
audio again before the client.
"""

from __future__ import annotations

from collections import defaultdict

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.text.base_text_aggregator import TextType

from answering.outputs import AudioOutput
from answering.supervision import Supervision
from answering.whole_characters import WholeCharacters
from providers.frames import CompletionFrame, SpokenClauseFrame, ToolCallFrame
from session.heard_words import is_wide
from session.reports import ClauseSpoken, TextMade, ToolCallMade


class JoinedText:
    """Puts spaces between texts whose frames say that they have none of their own."""

    def __init__(self) -> None:
        """Begin with no text."""
        self._last = ""

    def delta(self, frame: TextFrame) -> str:
        """Return what is to be added to the text so far."""
        text = frame.text
        if not frame.includes_inter_frame_spaces and text[:1].strip() and self._last.strip():
            unspaced = is_wide(self._last) or is_wide(text[0])
            text = text if unspaced else f" {text}"
        self._last = text[-1:] or self._last
        return text


class VoiceInput(FrameProcessor):
    """Precedes the voice: each text that comes is spoken as one piece, and sent to the client."""

    def __init__(self, supervision: Supervision, to_client: FrameProcessor) -> None:
        """Prepare for one response.

        Args:
            supervision: Of the response.
            to_client: Takes what does not wait for the voice.
        """
        super().__init__(enable_direct_mode=True)
        self._supervision = supervision
        self._to_client = to_client
        self._joined = JoinedText()
        self._begun = False
        """Whether the voice was told that an answer begins; a filter may have dropped that."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle a frame of the model, or of a processor."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            await self._say(self._joined.delta(frame))
        elif isinstance(frame, TTSSpeakFrame):
            await self._read(self._joined.delta(TextFrame(f"{frame.text.strip()} ")))
            if self._supervision.request.spoken:
                self._supervision.voice_given()
                await self.push_frame(frame)
        elif isinstance(frame, ToolCallFrame):
            await self._to_client.queue_frame(frame)
        elif isinstance(frame, CompletionFrame):
            self._supervision.model_told(frame)
        else:
            if isinstance(frame, LLMFullResponseStartFrame):
                self._begun = True
            elif isinstance(frame, LLMFullResponseEndFrame):
                self._supervision.text_ended()
            await self.push_frame(frame, direction)

    async def _say(self, text: str) -> None:
        await self._read(text)
        # Punctuation or an emoji alone cannot be spoken.
        if self._supervision.request.spoken and any(char.isalnum() for char in text):
            self._supervision.voice_given()
            if not self._begun:
                self._begun = True
                await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(AggregatedTextFrame(text.strip(), TextType.SENTENCE))

    async def _read(self, text: str) -> None:
        if text:
            await self._to_client.queue_frame(LLMTextFrame(text))


class VoiceOutput(FrameProcessor):
    """Follows the voice: the time that processors take from here on is not the voice's."""

    def __init__(self, supervision: Supervision) -> None:
        super().__init__(enable_direct_mode=True)
        self._supervision = supervision

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle a frame of the voice."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSTextFrame):
            return
        if isinstance(frame, AggregatedTextFrame):
            await self.push_frame(SpokenClauseFrame(frame.text))
            return
        if isinstance(frame, TTSAudioRawFrame):
            self._supervision.voice_moved()
        elif isinstance(frame, LLMFullResponseEndFrame):
            self._supervision.voice_ended()
        await self.push_frame(frame, direction)


class ClientOutput(AudioOutput):
    """Precedes the client: reports text, tool calls and audio, as they come."""

    def __init__(self, supervision: Supervision) -> None:
        super().__init__(supervision)
        self._joined = JoinedText()
        self._arguments: defaultdict[int, WholeCharacters] = defaultdict(WholeCharacters)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle a frame of the response."""
        watched = self._supervision
        id_ = watched.request.response_id
        if isinstance(frame, TextFrame):
            watched.report(TextMade(id_, self._joined.delta(frame)))
        elif isinstance(frame, ToolCallFrame):
            arguments = self._arguments[frame.index].push(frame.arguments)
            call = ToolCallMade(id_, frame.index, frame.call_id, frame.function, arguments)
            watched.report(call)
        elif isinstance(frame, SpokenClauseFrame):
            watched.report(ClauseSpoken(id_, frame.clause))
        else:
            await super().process_frame(frame, direction)
