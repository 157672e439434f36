"""A model that says what its instructions say, or what it knows of its own last message."""

from __future__ import annotations

import asyncio
import json
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

from providers import CompletionFrame, LLMProvider, ResponseRequest, TokenUsage


class ToldLLM(LLMProvider):
    """Builds models that say what they are told."""

    label = "told"
    lifelike = False

    def __init__(self, _config: object) -> None:
        """There is nothing to configure."""

    def create(self, request: ResponseRequest) -> LLMService:
        """Build the model of one response."""
        return _Told(request)


class _Told(LLMService):
    """Instructions are JSON: `{"say": text, "word_ms": 0}` or `{"read_back": true}`."""

    def __init__(self, request: ResponseRequest) -> None:
        super().__init__(settings=LLMSettings(model="told"))
        self._request = request

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; pass on the rest."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            await self._answer()
        finally:
            await self.push_frame(LLMFullResponseEndFrame())

    async def _answer(self) -> None:
        told: dict[str, Any] = json.loads(self._request.instructions)
        text = _last_own(self._request.messages) if told.get("read_back") else told["say"]
        words = text.split(" ")
        await asyncio.sleep(0.05)
        for number, word in enumerate(words):
            if number and told.get("word_ms"):
                await asyncio.sleep(told["word_ms"] / 1000)
            await self.push_frame(LLMTextFrame(f" {word}" if number else word))
        await self.push_frame(CompletionFrame("stop", TokenUsage(1, len(words))))


def _last_own(messages: list[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message["role"] == "assistant":
            content = message["content"]
            if isinstance(content, str):
                return content
            return "".join(str(part.get("text", "")) for part in content)
    return "-"
