"""Cuts the model's text into clauses for processors of one's own, which then see whole words.

A model writes pieces of words, on which no filter can work. What is cut here is spoken as it is
cut, so the voice begins no later than without processors.
"""

from __future__ import annotations

from pipecat.frames.frames import Frame, LLMFullResponseEndFrame, LLMTextFrame, LLMThoughtTextFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from answering.clauses import ClauseAggregator
from answering.supervision import Supervision
from answering.whole_characters import WholeCharacters
from providers.frames import CompletionFrame, ToolCallFrame


class ClauseCutter:
    """Cuts a text as the voice will speak it, and loses no space of it."""

    def __init__(self) -> None:
        """Begin with no text."""
        self._aggregator = ClauseAggregator()
        self._text = ""

    async def push(self, delta: str) -> list[str]:
        """Take a text delta; return the clauses that are complete, with the space before them."""
        self._text += delta
        return [self._cut(clause.text) async for clause in self._aggregator.aggregate(delta)]

    async def flush(self) -> str:
        """Return the rest."""
        await self._aggregator.flush()
        rest, self._text = self._text, ""
        return rest

    def _cut(self, clause: str) -> str:
        # The aggregator strips spaces: what it has released is known by its other characters.
        left = sum(not sign.isspace() for sign in clause)
        end = 0
        while left:
            left -= not self._text[end].isspace()
            end += 1
        head, self._text = self._text[:end], self._text[end:]
        return head


class WholeClauses(FrameProcessor):
    """Follows the model: passes its text on clause by clause, and all else in its order."""

    def __init__(self, supervision: Supervision) -> None:
        super().__init__(enable_direct_mode=True)
        self._supervision = supervision
        self._cutter = ClauseCutter()
        self._characters = WholeCharacters()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Handle a frame of the model."""
        await super().process_frame(frame, direction)
        watched = self._supervision
        if isinstance(frame, LLMTextFrame | ToolCallFrame | CompletionFrame | LLMThoughtTextFrame):
            watched.model_moved()
        if isinstance(frame, LLMTextFrame):
            await watched.room()
            for clause in await self._cutter.push(self._characters.push(frame.text)):
                await self.push_frame(LLMTextFrame(clause))
            return
        ends = isinstance(frame, ToolCallFrame | LLMFullResponseEndFrame)
        if ends and (rest := await self._cutter.flush()):
            await self.push_frame(LLMTextFrame(rest))
        if isinstance(frame, CompletionFrame):
            watched.model_told(frame)
        elif isinstance(frame, LLMFullResponseEndFrame):
            watched.model_ended()
        await self.push_frame(frame, direction)
