"""Chat completions of OpenAI, vLLM, llama.cpp, LM Studio and all that speak the same API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from openai import NOT_GIVEN, AsyncOpenAI
from pipecat.adapters.llm.services.open_ai_adapter import OpenAILLMInvocationParams
from pipecat.services.llm_service import LLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field, field_validator

from config import LLMConfig
from providers.base import LLMProvider, ProviderSetupError
from providers.llm.alternating_messages import Message, MessageForm, write_messages
from providers.llm.audio_messages import newest_audio, with_some_audio
from providers.llm.chat_stream import TellingChatService
from providers.openai_client import OPENAI_HOST, SharedClient
from providers.options import Options, parse_options
from session.ports import ResponseRequest
from settings.localisation import _
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "gpt-4.1-mini"
SESSION_HEADER = "x-session-id"
"""What Ray Serve and others call it."""
_OPENAI_HOSTS = re.compile(r"(.+\.)?api\.openai\.com|.+\.openai\.azure\.(com|us|cn)")
"""OpenAI's own service, in all regions, and Azure's: they take messages in any order."""

_OPENAI_AUDIO = re.compile(r"\bgpt-(4o-)?(mini-)?audio")
"""OpenAI's models that hear, also at OpenRouter and other resellers."""

_OWN_HEADERS = re.compile(
    r"(proxy-)?authorization|(x-)?api-key|x-goog-api-key|cookie|host|date|content-.*|accept(-.*)?"
    r"|transfer-encoding|connection|keep-alive|proxy-.*|te|trailer|upgrade|expect|range|via"
    r"|user-agent|openai-.*|x-stainless-.*"
)
"""What HTTP, the SDK and services read in their own way."""


class ChatOptions(Options):
    """`llm.options`."""

    messages: MessageForm | None = None
    """How the conversation is put to the model; None: `as_written` for OpenAI itself, otherwise
    `alternating`."""
    session_header: str | None = Field(
        None, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]*$", max_length=100
    )
    """Header with the session's id, by which a balancer keeps requests of one session at the engine
    whose cache has their beginning. None: `x-session-id`, but none for OpenAI itself; empty:
    none."""

    @field_validator("session_header")
    @classmethod
    def _check_header(cls, name: str | None) -> str | None:
        """Refuse headers without whose own value no request succeeds."""
        if name is not None and _OWN_HEADERS.fullmatch(name.lower()):
            raise ValueError(
                _(
                    "must be a header of its own, and {name} is one that requests have already; "
                    "such as {usual}"
                ).format(name=name, usual=SESSION_HEADER)
            )
        return name


_FEW = (
    "If it takes fewer pieces of audio in a request, llm.options.audios says how many: the newest."
)
"""What else may be wrong where a model that is to hear refuses a request."""


class HearingOptions(ChatOptions):
    """`llm.options` of a provider whose models may hear."""

    audios: int | None = Field(None, ge=1)
    """Most pieces of audio in a request, the newest; for models that hear, some of which take no
    more than a few. None: as many as there are."""


class OpenAICompatibleLLM(LLMProvider):
    """`llm.provider = "openai"`."""

    declaration = Declaration(
        kind="llm",
        name="openai",
        key_variable="OPENAI_API_KEY",
        key_domains=("openai.com",),
        options=HearingOptions,
    )
    hears_audio = True
    default_base: str | None = None
    """Default base URL; None: OpenAI's."""
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: (
            "Check that llm.api_base (REALTIME_LLM__API_BASE) leads to a server of this API."
        ),
        ErrorCategory.INVALID_REQUEST: (
            "Check llm.model (REALTIME_LLM__MODEL) and the path in llm.api_base, which usually "
            "ends in /v1."
        ),
        ErrorCategory.CONNECTIVITY: (
            "Check that it runs and that llm.api_base (REALTIME_LLM__API_BASE) is right."
        ),
    }

    def __init__(self, config: LLMConfig) -> None:
        known = HearingOptions if self.hears_audio else ChatOptions
        options = parse_options("llm", config, known)
        self._config = config
        self._client = SharedClient(
            "llm", config.model_copy(update={"options": {}}), self.default_base
        )
        self.address = self._client.address
        self.remedies = {**self.remedies, **self._client.remedies}
        any_order = _OPENAI_HOSTS.fullmatch(self._client.where) is not None
        self._form = options.messages or ("as_written" if any_order else "alternating")
        usual = "" if any_order else SESSION_HEADER
        given = options.session_header
        self._session_header = usual if given is None else given
        self._audios = options.audios if isinstance(options, HearingOptions) else None
        if self._audios is not None and not config.audio_input:
            raise ProviderSetupError(
                _(
                    "llm.options.audios has no meaning without llm.audio_input: switch that on, or "
                    "unset it."
                )
            )
        if config.audio_input:
            refused = ErrorCategory.INVALID_REQUEST
            self.remedies = {**self.remedies, refused: f"{self.remedies[refused]} {_FEW}"}
        self._model = config.model or DEFAULT_MODEL

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.where}"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build the model of one response."""
        asked = request.temperature
        temperature = self._config.temperature if asked is None else asked
        return _ChatService(
            self._client,
            self._model,
            temperature,
            request,
            self._form,
            hears=self._config.audio_input,
            audios=self._audios,
            session_header=self._session_header,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _ChatService(TellingChatService, OpenAILLMService):
    """One response of Pipecat's OpenAI service."""

    def __init__(
        self,
        client: SharedClient,
        model: str,
        temperature: float | None,
        request: ResponseRequest,
        form: MessageForm,
        *,
        hears: bool,
        audios: int | None,
        session_header: str,
    ) -> None:
        self._shared = client
        self._request = request
        self._form = form
        self._hears = hears
        own = _OPENAI_HOSTS.fullmatch(client.where) is not None
        self._wants_audio = own or _OPENAI_AUDIO.search(model) is not None
        self._audios = audios
        self._session_header = session_header
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
        """Set the request's parameters to those of this response."""
        request = self._request
        params: dict[str, Any] = super().build_chat_completion_params(params_from_context)
        # Not those of the request: here audio is written as the API takes it.
        messages = cast(list[Message], params_from_context["messages"])
        if self._audios is not None:
            messages = newest_audio(messages, self._audios)
        if self._hears:
            # Some models that hear also speak, unless they are told not to.
            params["modalities"] = ["text"]
            if self._wants_audio:
                messages = with_some_audio(messages)
        params["messages"] = write_messages(self._form, messages, request.instructions)
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
            # Other servers know only the older name of the parameter.
            openai = self._shared.where == OPENAI_HOST
            name = "max_completion_tokens" if openai else "max_tokens"
            params[name] = request.max_output_tokens
        if self._session_header and request.session_id is not None:
            params["extra_headers"] = {self._session_header: request.session_id}
        return params


def _chat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    # Some chat templates do not take a function without a description.
    described = {"name": tool["name"], "description": tool.get("description") or ""}
    return {"type": "function", "function": {**described, "parameters": tool["parameters"]}}


def _chat_choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice["name"]}}
