"""Any Pipecat language model: `llm.provider = "package.module:Class"`."""

from __future__ import annotations

from typing import Any, cast

from openai import AsyncOpenAI, Timeout
from pipecat.adapters.llm.services.open_ai_adapter import OpenAILLMInvocationParams
from pipecat.services.llm_service import LLMService
from pipecat.services.openai.base_llm import BaseOpenAILLMService

from config import LLMConfig
from providers.base import LLMProvider
from providers.custom_service import ServiceFactory
from providers.http_clients import UNCOMPRESSED, bounded
from providers.llm.alternating_messages import MessageForm, write_messages
from providers.llm.chat_stream import TellingChatService
from providers.llm.openai import ChatOptions
from providers.llm.pipecat_services import ReportingLLMService
from providers.options import parse_options
from session.ports import ResponseRequest

_PASS_AUDIO_ON = {"OpenAILLMAdapter", "GeminiLLMAdapter"}
"""Pipecat's adapters that write the audio of a context for their services; others leave it as it
is, and their services refuse it. By name: one of them cannot be imported without Google's SDK."""


class CustomLLM(LLMProvider):
    """A Pipecat service that `llm.provider` names by its class."""

    reasoning = False

    def __init__(self, service: type[Any], config: LLMConfig) -> None:
        """Prepare to build `service`, once per response.

        Raises:
            ProviderSetupError: The class is no language model, or does not accept these settings.
        """
        is_chat = isinstance(service, type) and issubclass(service, BaseOpenAILLMService)
        options = dict(config.options)
        own = {"messages": options.pop("messages", None)} if is_chat else {}
        chosen = parse_options("llm", config.model_copy(update={"options": own}), ChatOptions)
        config = config.model_copy(update={"options": options})
        self._factory = ServiceFactory("llm", service, LLMService, config)
        # Without one of its own, a service gets messages as OpenAI's.
        adapter: type | None = cast(Any, service).adapter_class
        self.hears_audio = adapter is None or any(
            one.__name__ in _PASS_AUDIO_ON for one in adapter.__mro__
        )
        self.remedies = self._factory.remedies
        self.address = config.api_base
        self._config = config
        self._clients = _Clients(config)
        telling = _CustomChat if is_chat else ReportingLLMService
        shared = {"clients": self._clients, "form": chosen.messages or "as_written"}
        self._service = type(service.__name__, (telling, service), shared)

    @property
    def label(self) -> str:
        """Class and model."""
        return self._factory.label

    def setting_of(self, argument: str) -> str | None:
        """Return the option of this name, also one within another."""
        return self._factory.setting_of(argument)

    async def start(self) -> None:
        """Build one service, so that a refusal is known before the first response."""
        self.create(ResponseRequest("start", "", []))

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build the model of one response."""
        asked = request.temperature
        service = self._factory.build(
            self._service,
            model=self._config.model,
            system_instruction=request.instructions or None,
            temperature=self._config.temperature if asked is None else asked,
            max_tokens=request.max_output_tokens,
        )
        if isinstance(service, ReportingLLMService):
            service.silence_s = self._config.timeout_s
            service.single_call = request.parallel_tool_calls is False
            if not self._factory.takes("system_instruction"):
                service.instructions = request.instructions
        else:
            cast(_CustomChat, service).request = request
        return cast(LLMService[Any], service)

    async def close(self) -> None:
        """Close the connections."""
        await self._factory.close()
        await self._clients.close()


class _Clients:
    """The chat completions client that all responses share; the first one creates it."""

    def __init__(self, config: LLMConfig) -> None:
        self._config = config
        self.client: AsyncOpenAI | None = None

    def share(self, client: AsyncOpenAI) -> AsyncOpenAI:
        config = self._config
        timeout = Timeout(config.timeout_s, connect=config.connect_timeout_s)
        http = client._client
        hooks = http.event_hooks
        http.event_hooks = {**hooks, "response": [*hooks["response"], bounded("llm")]}
        self.client = client.with_options(
            timeout=timeout, max_retries=config.retries, default_headers=UNCOMPRESSED
        )
        return self.client

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()


class _CustomChat(TellingChatService):
    """A mixin to put before the class of the configured service of chat completions."""

    clients: _Clients
    form: MessageForm
    request: ResponseRequest

    def create_client(self, *args: Any, **kwargs: Any) -> AsyncOpenAI:
        """Use the shared client; the first response creates it."""
        return self.clients.client or self.clients.share(super().create_client(*args, **kwargs))

    def build_chat_completion_params(
        self, params_from_context: OpenAILLMInvocationParams
    ) -> dict[str, Any]:
        """Write the messages in the form asked for; ask for one tool call if only one may be."""
        params: dict[str, Any] = super().build_chat_completion_params(params_from_context)
        params["messages"] = write_messages(self.form, params["messages"])
        if self.request.tools and self.request.parallel_tool_calls is not None:
            params["parallel_tool_calls"] = self.request.parallel_tool_calls
        return params
