"""Anthropic's models: `llm.provider = "anthropic"`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from anthropic import (
    DEFAULT_CONNECTION_LIMITS,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncAnthropic,
    AsyncStream,
    DefaultAsyncHttpxClient,
    Timeout,
)
from anthropic.types import MessageParam
from anthropic.types.beta import BetaMessageDeltaUsage, BetaRawMessageStreamEvent, BetaUsage
from pipecat.adapters.llm.services.anthropic_adapter import AnthropicLLMAdapter
from pipecat.processors.aggregators.llm_context import LLMStandardMessage
from pipecat.services.anthropic.llm import AnthropicLLMService, AnthropicLLMSettings
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory

from config import LLMConfig
from providers.base import LLMProvider, ProviderSetupError
from providers.call_ids import new_call_id
from providers.http_clients import UNCOMPRESSED, bounded, trusted, wait_briefly
from providers.llm.pipecat_services import NotUnderstood, ReportingLLMService, StreamError
from providers.options import Options, parse_options, required_key
from session.ports import FinishReason, ResponseRequest, TokenUsage
from settings.localisation import _
from settings.origins import is_here
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "claude-sonnet-4-6"
DEFAULT_MAX_TOKENS = 4096
"""Token limit, which Anthropic requires; far beyond any spoken answer."""
MAX_TEMPERATURE = 1.0

CUT = "the stream ended in the middle of the answer"

_TAKES_EFFORT = re.compile(r"claude-(opus-4-[5-9]|sonnet-4-[6-9]|[a-z]+-([5-9]|\d\d))\b")
_EFFORTS = {"minimal": "low"}
_REASONS: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Anthropic's error type → HTTP status, for errors reported within a stream."""
_COUNTS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)


class AnthropicOptions(Options):
    """What `llm.options` may hold."""

    prompt_caching: bool = False
    """Use Anthropic's prompt cache: cheaper and faster once a conversation is long."""


def _direct(base: str) -> dict[str, Any]:
    """Return what keeps the SDK's client from the proxies of the environment, for this machine.

    The SDK reads them itself, `trust_env` or not, unless it is given the way.
    """
    if not is_here(base):
        return {}
    limits = DEFAULT_CONNECTION_LIMITS
    return {"transport": httpx2.AsyncHTTPTransport(verify=trusted(), limits=limits)}


class AnthropicLLM(LLMProvider):
    """The Messages API."""

    declaration = Declaration(
        kind="llm",
        name="anthropic",
        key_variable="ANTHROPIC_API_KEY",
        key_domains=("anthropic.com",),
        extra=True,
        options=AnthropicOptions,
    )
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: (
            "Check that llm.api_base (REALTIME_LLM__API_BASE), if set, leads to such a service."
        ),
        ErrorCategory.INVALID_REQUEST: (
            "Check llm.model (REALTIME_LLM__MODEL); https://platform.claude.com/docs lists the "
            "names."
        ),
    }

    def __init__(self, config: LLMConfig) -> None:
        """Prepare the connections; raises `ProviderSetupError`."""
        if config.temperature is not None and config.temperature > MAX_TEMPERATURE:
            raise ProviderSetupError(
                _(
                    "llm.temperature is {temperature:g}, but Anthropic's "
                    "models take 0 to {max_temperature:g}: change "
                    "REALTIME_LLM__TEMPERATURE."
                ).format(temperature=config.temperature, max_temperature=MAX_TEMPERATURE)
            )
        self._config = config
        self._options = parse_options("llm", config, AnthropicOptions)
        self._model = config.model or DEFAULT_MODEL
        self.reasoning = _TAKES_EFFORT.match(self._model) is not None
        self._client = AsyncAnthropic(
            api_key=required_key(self.declaration, config),
            base_url=config.api_base and config.api_base.rstrip("/").removesuffix("/v1"),
            max_retries=config.retries,
            timeout=Timeout(config.timeout_s, connect=config.connect_timeout_s),
            http_client=DefaultAsyncHttpxClient(
                verify=trusted(),
                headers=UNCOMPRESSED,
                **_direct(config.api_base or ""),
                event_hooks={"response": [wait_briefly, bounded("llm")]},
            ),
        )
        self.address = str(self._client.base_url)

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.base_url.host}"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build the model of one response."""
        settings = AnthropicLLMSettings(
            model=self._model,
            system_instruction=request.instructions,
            max_tokens=request.max_output_tokens or DEFAULT_MAX_TOKENS,
            enable_prompt_caching=self._options.prompt_caching,
        )
        if request.temperature is not None:
            # Clients may ask for a temperature of up to 1.2; Anthropic allows at most 1.
            settings.temperature = min(request.temperature, MAX_TEMPERATURE)
        elif self._config.temperature is not None:
            settings.temperature = self._config.temperature
        if request.reasoning_effort is not None:
            effort = request.reasoning_effort
            settings.effort = _EFFORTS.get(effort, effort)
        return _MessagesService(self._client, settings, request)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _InOrder(AnthropicLLMAdapter):
    """Converts messages; Pipecat's own would put a single image before the text."""

    def _from_standard_message(self, message: LLMStandardMessage) -> MessageParam:
        converted = super()._from_standard_message(message)
        parts, given = converted["content"], message.get("content")
        if isinstance(parts, list) and isinstance(given, list):
            texts = iter([part for part in parts if part["type"] == "text"])
            images = iter([part for part in parts if part["type"] != "text"])
            converted["content"] = [
                next(texts if part["type"] == "text" else images) for part in given
            ]
        return converted


class _MessagesService(ReportingLLMService, AnthropicLLMService):
    """One response of Pipecat's service, which also reads the stream's events itself.

    Pipecat keeps only the last tool call of a message, takes an interrupted stream for a complete
    one, and reports usage only at the end.
    """

    adapter_class = _InOrder

    def __init__(
        self,
        client: AsyncAnthropic,
        settings: AnthropicLLMSettings,
        request: ResponseRequest,
    ) -> None:
        super().__init__(api_key="shared", client=client, settings=settings)
        self._request = request
        self._counts = dict.fromkeys(_COUNTS, 0)

    async def _create_message_stream(
        self, api_call: Callable[..., Awaitable[Any]], params: dict[str, Any]
    ) -> AsyncIterator[BetaRawMessageStreamEvent]:
        params["tools"] = [_tool(tool) for tool in self._request.tools]
        if self._request.tools:
            params["tool_choice"] = _tool_choice(self._request)
        try:
            stream = await super()._create_message_stream(api_call, params)
        except APITimeoutError as error:
            raise TimeoutError("the model did not answer in time") from error
        except APIConnectionError as error:
            raise ConnectionError(str(error.__cause__ or error)) from error
        return self._listen(stream)

    def _should_inject_trailing_user_message(self) -> bool:
        # A response is a new message, not the continuation of the assistant's last one.
        return True

    async def _listen(
        self, stream: AsyncStream[BetaRawMessageStreamEvent]
    ) -> AsyncIterator[BetaRawMessageStreamEvent]:
        calls: dict[int, _Call] = {}
        last = None
        try:
            async for event in stream:
                last = event.type
                if event.type == "message_start":
                    self._count(event.message.usage)
                elif event.type == "message_delta":
                    self._count(event.usage)
                    self.finish_reason = _REASONS.get(event.delta.stop_reason or "", "stop")
                if not await self._took_call(calls, event):
                    yield event
        except APIStatusError as error:
            raise _reported(error) from error
        except httpx2.TimeoutException as error:
            raise TimeoutError("the model fell silent in the middle of the answer") from error
        except httpx2.TransportError as error:
            raise ConnectionError(CUT) from error
        except ValueError as error:
            raise NotUnderstood("the answer is no stream of messages", str(error)) from error
        if last is None:
            kind = stream.response.headers.get("content-type", "empty")
            raise NotUnderstood(f"the answer is no stream of messages but {kind}")
        if last != "message_stop":
            raise ConnectionError(CUT)

    async def _took_call(self, calls: dict[int, _Call], event: BetaRawMessageStreamEvent) -> bool:
        """Push the event if it is a tool call's delta; return whether Pipecat must not see it."""
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            calls[event.index] = _Call(len(calls), event.content_block.name)
            arguments = ""
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            arguments = event.delta.partial_json
        elif event.type == "content_block_stop" and event.index in calls:
            # A call of a function without parameters streams no arguments.
            arguments = "" if calls[event.index].has_arguments else "{}"
        else:
            return False
        call = calls[event.index]
        call.has_arguments |= bool(arguments)
        await self.tell_tool_call(call.position, call.call_id, call.name, arguments)
        return True

    def _count(self, usage: BetaUsage | BetaMessageDeltaUsage) -> None:
        """Keep the usage; fields of a later report replace those of an earlier one."""
        for name in self._counts:
            if (value := getattr(usage, name, None)) is not None:
                self._counts[name] = value
        fresh, written, read, output = self._counts.values()
        # Anthropic counts tokens read from and written to its cache apart from the prompt's.
        self.usage = TokenUsage(fresh + written + read, output, read)


@dataclass(slots=True)
class _Call:
    position: int
    name: str
    call_id: str = field(default_factory=new_call_id)
    has_arguments: bool = False


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": tool["description"]} if tool.get("description") else {}
    schema = {"type": "object", **tool["parameters"]}
    return {"name": tool["name"], "input_schema": schema, **described}


def _tool_choice(request: ResponseRequest) -> dict[str, Any]:
    choice = request.tool_choice
    if choice == "none":
        return {"type": "none"}
    if isinstance(choice, dict):
        chosen: dict[str, Any] = {"type": "tool", "name": choice["name"]}
    else:
        chosen = {"type": "any" if choice == "required" else "auto"}
    if request.parallel_tool_calls is False:
        chosen["disable_parallel_tool_use"] = True
    return chosen


def _reported(error: APIStatusError) -> Exception:
    """Return an error reported within a stream with its HTTP status; the stream's own was 200."""
    body = error.body.get("error") if isinstance(error.body, dict) else None
    if not isinstance(body, dict):
        return error
    kind, message = str(body.get("type")), body.get("message")
    return StreamError(f"{kind}: {message}", _STATUS.get(kind, 500))
