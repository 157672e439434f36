"""What the protocol needs to know of a response, from Pipecat services of any vendor.

Pipecat runs tool calls itself and keeps usage for its metrics. Here the client runs the calls, so
they are passed on as they are, and the usage goes to the client.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallFromLLM,
    LLMFullResponseEndFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory

from frames import CompletionFrame, ToolCallFrame
from generation import FinishReason, TokenUsage
from protocol import new_id


class TellingLLMService(LLMService[Any]):
    """Any Pipecat service of one response. A base to put before that service's class."""

    def __init__(self, **kwargs: Any) -> None:
        """Build the service that comes next in line with `kwargs`."""
        super().__init__(**kwargs)
        self.finish_reason: FinishReason = "stop"
        self._usage: TokenUsage | None = None
        self._calls = 0
        self.add_event_handler("on_completion_timeout", _timed_out)

    async def tell_tool_call(self, index: int, call_id: str, name: str, arguments: str) -> None:
        """Pass on a piece of a tool call."""
        self.finish_reason = "tool_calls"
        await self.push_frame(ToolCallFrame(index, call_id, name, arguments))

    async def run_function_calls(self, function_calls: Sequence[FunctionCallFromLLM]) -> None:
        """Pass whole calls on: the client runs them."""
        for call in function_calls:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            # Providers' own ids may be longer than the 32 characters clients may echo (§A.5).
            await self.tell_tool_call(self._calls, new_id("call"), call.function_name, arguments)
            self._calls += 1

    async def start_llm_usage_metrics(self, tokens: LLMTokenUsage) -> None:
        """Keep the usage."""
        cached = tokens.cache_read_input_tokens or 0
        # Anthropic counts what it read from its cache apart from the prompt; total_tokens never.
        prompt = max(tokens.total_tokens - tokens.completion_tokens, tokens.prompt_tokens)
        self._usage = TokenUsage(prompt, tokens.completion_tokens, cached)

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Say how the answer ended before it ends."""
        if isinstance(frame, LLMFullResponseEndFrame):
            await super().push_frame(CompletionFrame(self.finish_reason, self._usage))
        await super().push_frame(frame, direction)


async def _timed_out(service: FrameProcessor) -> None:
    # Pipecat lets some services end such an answer as if it were complete.
    await service.push_error_frame(
        ErrorFrame("the model did not answer in time", category=ErrorCategory.CONNECTIVITY)
    )
