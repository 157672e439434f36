"""Stands in the model's place while a voice is tried: it says one sentence and no more.

A response's pipeline begins with a model. The voice is to be tried in that very pipeline, but
without the configured model, whose faults are none of the voice's.
"""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings

from providers.base import LLMProvider
from providers.frames import CompletionFrame
from session.ports import ResponseRequest


class Reciter(LLMProvider):
    """A model that answers with its instructions."""

    label = "the check"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build what says the instructions of `request`."""
        return _Recital(request.instructions)


class _Recital(LLMService[Any]):
    def __init__(self, text: str) -> None:
        super().__init__(settings=LLMSettings(model="check"))
        self._text = text

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(self._text))
        await self.push_frame(CompletionFrame("stop"))
        await self.push_frame(LLMFullResponseEndFrame())
