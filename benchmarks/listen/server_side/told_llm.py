"""A model that says what its instructions say, or what it knows of its own last message."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pipecat.frames.frames import LLMTextFrame

from providers import AnsweringModel, CompletionFrame, LLMProvider, ResponseRequest, TokenUsage


class ToldLLM(LLMProvider):
    """Builds models that say what they are told."""

    label = "told"
    lifelike = False

    def __init__(self, _config: object) -> None:
        """There is nothing to configure."""

    def create(self, request: ResponseRequest) -> AnsweringModel:
        """Build the model of one response."""
        return _Told(request)


class _Told(AnsweringModel):
    """Instructions are JSON: `{"say": text, "word_ms": 0}` or `{"read_back": true}`."""

    def __init__(self, request: ResponseRequest) -> None:
        super().__init__("told")
        self._request = request

    async def answer(self) -> None:
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
