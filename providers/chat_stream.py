"""What Pipecat drops of a streamed chat completion: tool calls as they stream, reason and usage."""

from __future__ import annotations

from collections.abc import AsyncIterator

from openai import AsyncStream
from openai.types.chat import ChatCompletionChunk
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.openai.base_llm import BaseOpenAILLMService

from frames import CompletionFrame, ToolCallFrame
from generation import FinishReason, TokenUsage
from protocol import new_id

_REASONS: dict[str, FinishReason] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
}


class TellingChatService(BaseOpenAILLMService):
    """Any Pipecat service of chat completions, with a listener on its stream.

    A base to put before that service's class.
    """

    async def get_chat_completions(self, context: LLMContext) -> AsyncStream[ChatCompletionChunk]:
        """Open the stream, with a listener on it."""
        stream = await super().get_chat_completions(context)
        return _Tee(stream, self)  # type: ignore[return-value]


class _Tee:
    """Passes chunks on, and pushes what Pipecat would drop as frames of our own."""

    def __init__(
        self, stream: AsyncStream[ChatCompletionChunk], service: BaseOpenAILLMService
    ) -> None:
        self._stream = stream
        self._service = service

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        reason: FinishReason | None = None
        usage: TokenUsage | None = None
        # Providers' own ids may be longer than the 32 characters that clients may echo (§A.5).
        call_ids: dict[int, str] = {}
        names: dict[int, str] = {}
        async for chunk in self._stream:
            if chunk.usage:
                details = chunk.usage.prompt_tokens_details
                usage = TokenUsage(
                    chunk.usage.prompt_tokens,
                    chunk.usage.completion_tokens,
                    (details.cached_tokens or 0) if details else 0,
                )
            if chunk.choices:
                choice = chunk.choices[0]
                if choice.finish_reason:
                    reason = _REASONS.get(choice.finish_reason, "stop")
                for call in (choice.delta and choice.delta.tool_calls) or []:
                    call_id = call_ids.setdefault(call.index, new_id("call"))
                    if call.function and call.function.name:
                        names[call.index] = call.function.name
                    arguments = (call.function and call.function.arguments) or ""
                    await self._service.push_frame(
                        ToolCallFrame(call.index, call_id, names.get(call.index, ""), arguments)
                    )
                if choice.delta:
                    # Pipecat would look for a handler of the call; the client is the handler.
                    choice.delta.tool_calls = None
            yield chunk
        if reason is None:
            raise ConnectionError("the stream ended in the middle of the answer")
        await self._service.push_frame(CompletionFrame(reason, usage))

    async def close(self) -> None:
        """Release the connection."""
        await self._stream.close()
