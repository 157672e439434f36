"""Chat completions of OpenAI, Ollama, vLLM, llama.cpp and all that speak the same API.

Pipecat's own service, with one thing added: it keeps what Pipecat drops, namely tool calls as
they stream, the finish reason and the usage.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from openai import NOT_GIVEN, AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk
from pipecat.adapters.llm.services.open_ai_adapter import OpenAILLMInvocationParams
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import LLMService
from pipecat.services.openai.llm import OpenAILLMService

from config import LLMConfig
from frames import CompletionFrame, ToolCallFrame
from generation import FinishReason, ResponseRequest, TokenUsage
from protocol import new_id
from providers.base import LLMProvider
from providers.openai_client import SharedClient

DEFAULT_MODEL = "gpt-4.1-mini"
_REASONS: dict[str, FinishReason] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
}


class OpenAICompatibleLLM(LLMProvider):
    """`llm.provider = "openai"`."""

    def __init__(self, config: LLMConfig) -> None:
        self._config = config
        self._client = SharedClient("llm", config)
        self._model = config.model or DEFAULT_MODEL

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.where}"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build the model of one response."""
        asked = request.temperature
        temperature = self._config.temperature if asked is None else asked
        return _ChatService(self._client, self._model, temperature, request)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _ChatService(OpenAILLMService):
    """One response of Pipecat's OpenAI service."""

    def __init__(
        self,
        client: SharedClient,
        model: str,
        temperature: float | None,
        request: ResponseRequest,
    ) -> None:
        self._shared = client
        self._request = request
        super().__init__(
            api_key="shared",
            settings=self.Settings(
                model=model, temperature=NOT_GIVEN if temperature is None else temperature
            ),
        )

    def create_client(self, *args: Any, **kwargs: Any) -> AsyncOpenAI:
        """Use the process's client instead of one of our own."""
        return self._shared.openai

    def build_chat_completion_params(
        self, params_from_context: OpenAILLMInvocationParams
    ) -> dict[str, Any]:
        """Ask for exactly what this response is about."""
        request = self._request
        params: dict[str, Any] = super().build_chat_completion_params(params_from_context)
        system = [{"role": "system", "content": request.instructions}]
        params["messages"] = (system if request.instructions else []) + request.messages
        params.pop("tools", None)
        params.pop("tool_choice", None)
        if request.tools:
            params["tools"] = [_chat_tool(tool) for tool in request.tools]
            params["tool_choice"] = _chat_choice(request.tool_choice)
            if request.parallel_tool_calls is not None:
                params["parallel_tool_calls"] = request.parallel_tool_calls
        if request.reasoning_effort is not None:
            params["reasoning_effort"] = request.reasoning_effort
        if request.max_output_tokens is not None:
            # Only OpenAI itself has moved on from max_tokens.
            openai = self._shared.base_url is None
            name = "max_completion_tokens" if openai else "max_tokens"
            params[name] = request.max_output_tokens
        return params

    async def get_chat_completions(self, context: LLMContext) -> AsyncStream[ChatCompletionChunk]:
        """Open the stream, with a listener on it."""
        stream = await super().get_chat_completions(context)
        return _Tee(stream, self)  # type: ignore[return-value]


class _Tee:
    """Passes chunks on, and pushes what Pipecat would drop as frames of our own."""

    def __init__(self, stream: AsyncStream[ChatCompletionChunk], service: _ChatService) -> None:
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


def _chat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "parameters": tool["parameters"]}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _chat_choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice["name"]}}
