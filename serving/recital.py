"""Stands in the model's place while a voice is tried: it says one sentence and no more.

A response's pipeline begins with a model. The voice is to be tried in that very pipeline, but
without the configured model, whose faults are none of the voice's.
"""

from __future__ import annotations

from pipecat.frames.frames import LLMTextFrame

from providers import AnsweringModel
from providers.base import LLMProvider
from providers.frames import CompletionFrame
from session.ports import ResponseRequest


class Reciter(LLMProvider):
    """A model that answers with its instructions."""

    label = "the check"

    def create(self, request: ResponseRequest) -> AnsweringModel:
        """Build what says the instructions of `request`."""
        return _Recital(request.instructions)


class _Recital(AnsweringModel):
    def __init__(self, text: str) -> None:
        super().__init__("check")
        self._text = text

    async def answer(self) -> None:
        await self.push_frame(LLMTextFrame(self._text))
        await self.push_frame(CompletionFrame("stop"))
