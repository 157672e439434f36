"""Gets what the protocol reports about a response out of Pipecat services of any vendor.

Pipecat would run tool calls itself and keep usage for its metrics. Here both are passed on: the
client runs the calls and is told the usage.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallFromLLM,
    LLMContextFrame,
    LLMFullResponseEndFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory

from providers.base import StageFailure
from providers.call_ids import new_call_id
from providers.frames import CompletionFrame, ToolCallFrame
from providers.llm.adapter_messages import adapter_messages
from session.ports import FinishReason, TokenUsage


class StreamError(Exception):
    """A service reported a failure within a stream that had begun.

    The stream's own HTTP status was a success; `status_code` is the one that the failure
    corresponds to.
    """

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class NotUnderstood(StageFailure):
    """The service's reply is not what its API describes."""


class ReportingLLMService(LLMService[Any]):
    """Any Pipecat service of one response: a mixin to put before that service's class."""

    def __init__(self, **kwargs: Any) -> None:
        """Build the service with `kwargs`, the arguments of its own class."""
        super().__init__(**kwargs)
        self.finish_reason: FinishReason = "stop"
        self.usage: TokenUsage | None = None
        self.silence_s: float | None = None
        """Seconds without output after which the service has failed; None: it has its own time-out.
        """
        self.single_call = False
        """Whether the response may have one tool call at most."""
        self.instructions = ""
        """Instructions, for a service whose settings cannot hold them."""
        self._watch: asyncio.Timeout | None = None
        self._calls = 0

    async def tell_tool_call(self, index: int, call_id: str, name: str, arguments: str) -> None:
        """Push a delta of a tool call."""
        self.finish_reason = "tool_calls"
        await self.push_frame(ToolCallFrame(index, call_id, name, arguments))

    async def run_function_calls(self, function_calls: Sequence[FunctionCallFromLLM]) -> None:
        """Push whole calls as frames: the client runs them."""
        for call in function_calls[:1] if self.single_call else function_calls:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            await self.tell_tool_call(self._calls, new_call_id(), call.function_name, arguments)
            self._calls += 1

    async def start_llm_usage_metrics(self, tokens: LLMTokenUsage) -> None:
        """Keep the usage."""
        cached = tokens.cache_read_input_tokens or 0
        # Anthropic counts what it read from its cache apart from the prompt; total_tokens never.
        prompt = max(tokens.total_tokens - tokens.completion_tokens, tokens.prompt_tokens)
        if prompt or tokens.completion_tokens:
            self.usage = TokenUsage(prompt, tokens.completion_tokens, cached)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Run the model on a context, or fail when that takes too long."""
        if not isinstance(frame, LLMContextFrame):
            await super().process_frame(frame, direction)
            return
        self._prepare(frame.context)
        self._watch = watch = asyncio.timeout(self.silence_s)
        try:
            async with watch:
                await super().process_frame(frame, direction)
        except TimeoutError:
            if not watch.expired():
                raise
            # The service may have been cancelled before it could end its answer.
            await self.push_frame(LLMFullResponseEndFrame())
        finally:
            self._watch = None

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push frames; before the end of the response, push its `CompletionFrame`."""
        watch = self._watch
        if isinstance(frame, LLMFullResponseEndFrame):
            if watch is not None and watch.expired():
                await self._fail_late()
            await super().push_frame(CompletionFrame(self.finish_reason, self.usage))
        silence_s = self.silence_s
        if silence_s is None or watch is None or watch.expired():
            await super().push_frame(frame, direction)
            return
        # Time spent waiting for a slow client does not count as the service's.
        watch.reschedule(None)
        await super().push_frame(frame, direction)
        watch.reschedule(asyncio.get_running_loop().time() + silence_s)

    async def _call_event_handler(self, event_name: str, *args: Any, **kwargs: Any) -> None:
        """Fail a response that took too long; some services end it as if it were complete."""
        if event_name == "on_completion_timeout":
            await self._fail_late()
        await super()._call_event_handler(event_name, *args, **kwargs)

    async def _fail_late(self) -> None:
        reason = "the model did not answer in time"
        await self.push_error_frame(ErrorFrame(reason, category=ErrorCategory.CONNECTIVITY))

    def _prepare(self, context: LLMContext) -> None:
        messages: list[Any] = list(context.messages)
        instructed = isinstance(self._settings.system_instruction, str)
        # Pipecat would drop the first message in favour of the instructions.
        while instructed and messages and messages[0]["role"] == "system":
            self.append_system_instruction(_text(messages.pop(0)))
        if self.instructions:
            messages.insert(0, {"role": "system", "content": self.instructions})
        context.set_messages(cast(Any, adapter_messages(messages)))


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")
