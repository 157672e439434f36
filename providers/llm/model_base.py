"""The base of models that answer in this process; subclasses add only their answer."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings


class AnsweringModel(LLMService[Any]):
    """The model of one response."""

    def __init__(self, name: str) -> None:
        """Prepare.

        Args:
            name: What the model is called, in traces.
        """
        super().__init__(settings=LLMSettings(model=name))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer an `LLMContextFrame`; pass every other frame on."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            await self.answer()
        finally:
            await self.push_frame(LLMFullResponseEndFrame())

    @abstractmethod
    async def answer(self) -> None:
        """Push the answer: `LLMTextFrame`s, `ToolCallFrame`s, and a `CompletionFrame` at its end.

        A failure is pushed as an error (`push_error`).
        """
