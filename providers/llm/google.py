"""Google's Gemini models: `llm.provider = "google"`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from google import genai
from google.genai.errors import APIError, UnknownApiResponseError
from google.genai.types import (
    Content,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
    HttpOptions,
    HttpRetryOptions,
)
from google.genai.types import FinishReason as GoogleReason
from pipecat.adapters.llm.services.gemini_adapter import GeminiLLMAdapter
from pipecat.processors.aggregators.llm_context import LLMContext, LLMContextMessage
from pipecat.services.google.llm import (
    GoogleLLMService,
    GoogleLLMSettings,
    GoogleThinkingConfig,
)
from pipecat.services.llm_service import LLMService
from pipecat.utils.errors import ErrorCategory

from config import LLMConfig
from providers.base import LLMProvider
from providers.http_clients import UNCOMPRESSED, bounded, trusted
from providers.llm.pipecat_services import NotUnderstood, ReportingLLMService, StreamError
from providers.options import Options, parse_options, required_key
from session.ports import FinishReason, ResponseRequest, TokenUsage
from settings.origins import is_here
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "gemini-3.6-flash"
DEFAULT_BASE = "https://generativelanguage.googleapis.com"
FIRST_RETRY_S = 0.5
"""Seconds before the second attempt."""
RETRIED = [408, 500, 502, 503, 504]
"""HTTP statuses that are retried once; not 429: more requests would not help."""

_THINKS_BY_LEVEL = re.compile(r"gemini-([3-9]|\d\d)|gemma-4")
_THINKS_BY_BUDGET = re.compile(r"gemini-2\.5")
_LEVELS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
_BUDGETS = {"low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
"""Reasoning effort → thinking level, or thinking budget in tokens, as in Google's own
OpenAI-compatible API. `minimal`, the least that a model allows, is also Pipecat's default."""
_REASONS: dict[GoogleReason, FinishReason] = {
    GoogleReason.STOP: "stop",
    GoogleReason.MAX_TOKENS: "length",
    GoogleReason.SAFETY: "content_filter",
    GoogleReason.RECITATION: "content_filter",
    GoogleReason.LANGUAGE: "content_filter",
    GoogleReason.BLOCKLIST: "content_filter",
    GoogleReason.PROHIBITED_CONTENT: "content_filter",
    GoogleReason.SPII: "content_filter",
}
"""Finish reasons of a successful response; all others are failures."""
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


class GoogleLLM(LLMProvider):
    """The Gemini API."""

    declaration = Declaration(
        kind="llm",
        name="google",
        key_variable="GOOGLE_API_KEY",
        key_domains=("googleapis.com",),
        extra=True,
    )
    hears_audio = True
    audio_tokens_per_s = 32.0
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: (
            "Check that llm.api_base (REALTIME_LLM__API_BASE), if set, leads to such a service."
        ),
        # Google answers an invalid key with 400, as it does a bad request.
        ErrorCategory.INVALID_REQUEST: (
            "Check GOOGLE_API_KEY or llm.api_key, and llm.model (REALTIME_LLM__MODEL); "
            "https://ai.google.dev/gemini-api/docs/models lists the names."
        ),
    }

    def __init__(self, config: LLMConfig) -> None:
        """Prepare the connections; raises `ProviderSetupError`."""
        parse_options("llm", config, Options)
        self._temperature = config.temperature
        self._model = config.model or DEFAULT_MODEL
        name = self._model.rpartition("/")[2]
        self._thinks_by_level = _THINKS_BY_LEVEL.match(name) is not None
        self.reasoning = self._thinks_by_level or _THINKS_BY_BUDGET.match(name) is not None
        self.address = self._base = config.api_base or DEFAULT_BASE
        way: dict[str, Any] = {"trust_env": not is_here(self._base)}
        self._http = _PatientClient(
            verify=trusted(),
            timeout=httpx.Timeout(config.timeout_s, connect=config.connect_timeout_s),
            headers=UNCOMPRESSED,
            **way,
            event_hooks={"response": [bounded("llm")]},
        )
        self._client = genai.Client(
            vertexai=False,
            api_key=required_key(self.declaration, config),
            http_options=HttpOptions(
                base_url=self._base,
                httpx_async_client=self._http,
                # The SDK also prepares clients of its own, which are not used here.
                client_args={"verify": trusted(), **way},
                async_client_args={"verify": trusted(), "ssl": trusted(), **way},
                retry_options=HttpRetryOptions(
                    attempts=config.retries + 1,
                    initial_delay=FIRST_RETRY_S,
                    jitter=FIRST_RETRY_S,
                    http_status_codes=RETRIED,
                ),
            ),
        )

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {httpx.URL(self._base).host}"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build the model of one response."""
        asked = request.temperature
        settings = GoogleLLMSettings(
            model=self._model,
            system_instruction=request.instructions,
            temperature=self._temperature if asked is None else asked,
            max_tokens=request.max_output_tokens,
            thinking=self._thinking(request.reasoning_effort),
        )
        return _GeminiService(self._client, settings, request)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _thinking(self, effort: str | None) -> GoogleThinkingConfig | None:
        if effort not in _LEVELS:
            return None
        if self._thinks_by_level:
            return GoogleThinkingConfig(thinking_level=_LEVELS[effort])
        return GoogleThinkingConfig(thinking_budget=_BUDGETS[effort])


class _PatientClient(httpx.AsyncClient):
    """An HTTP client that keeps its own time-outs; Google's SDK sets one for everything."""

    def build_request(self, *args: Any, **kwargs: Any) -> httpx.Request:
        """Build a request with the time-outs of the client."""
        return super().build_request(*args, **{**kwargs, "timeout": self.timeout})


class _InTurns(GeminiLLMAdapter):
    """Writes messages as turns: Google refuses a call that does not begin the model's turn.

    It also refuses results that are not in one turn, or are not alone there. Pipecat, for its part,
    would tell the instructions again as the user's words where it finds no text of a user alone.
    """

    def _from_universal_context_messages(
        self,
        universal_context_messages: list[LLMContextMessage],
        *,
        system_instruction: str | None = None,
    ) -> GeminiLLMAdapter.ConvertedMessages:
        converted = super()._from_universal_context_messages(universal_context_messages)
        turns: list[Content] = []
        for content in converted.messages:
            if turns and _kind(turns[-1]) == _kind(content):
                turns[-1].parts = [*(turns[-1].parts or ()), *(content.parts or ())]
            else:
                turns.append(content)
        converted.messages = turns
        return converted


def _kind(content: Content) -> tuple[str | None, bool]:
    """Return whose a turn is, and whether it is of results."""
    results = any(part.function_response is not None for part in content.parts or ())
    return content.role, results


class _GeminiService(ReportingLLMService, GoogleLLMService):
    """One response of Pipecat's service, on the shared client."""

    adapter_class = _InTurns

    def __init__(
        self,
        client: genai.Client,
        settings: GoogleLLMSettings,
        request: ResponseRequest,
    ) -> None:
        self._shared = client
        self._request = request
        super().__init__(
            api_key="shared",
            settings=settings,
            tool_config=_tool_config(request),
            # The HTTP client's time-outs bound silence.
            stream_idle_timeout_secs=None,
        )
        # Google's API has no such parameter.
        self.single_call = request.parallel_tool_calls is False

    def create_client(self) -> None:
        """Use the process's client instead of one of our own."""
        self._client = self._shared

    async def _close_client(self) -> None:
        """Leave the client open: other responses share it."""

    def _should_inject_trailing_user_message(self) -> bool:
        # A response is a new message, not the continuation of the assistant's last one.
        return True

    async def _stream_response(self, context: LLMContext) -> AsyncIterator[GenerateContentResponse]:
        reason: FinishReason | None = None
        try:
            async for chunk in super()._stream_response(context):
                self._count(chunk.usage_metadata)
                reason = _finish_reason(chunk) or reason
                yield chunk
        except APIError as error:
            raise _plain(error) from error
        except UnknownApiResponseError as error:
            raise NotUnderstood("the answer is no stream of Gemini's", str(error)) from error
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.TransportError as error:
            raise ConnectionError(f"the connection failed: {error}") from error
        if reason is None:
            raise ConnectionError("the stream ended in the middle of the answer")
        self.finish_reason = reason

    def _count(self, told: GenerateContentResponseUsageMetadata | None) -> None:
        """Keep what was counted so far; Pipecat tells it only behind a failure."""
        if told is not None:
            asked = (told.prompt_token_count or 0) + (told.tool_use_prompt_token_count or 0)
            made = (told.candidates_token_count or 0) + (told.thoughts_token_count or 0)
            self.usage = TokenUsage(asked, made, told.cached_content_token_count or 0)


def _finish_reason(chunk: GenerateContentResponse) -> FinishReason | None:
    if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason is not None:
        return "content_filter"
    if not chunk.candidates or chunk.candidates[0].finish_reason is None:
        return None
    reason = chunk.candidates[0].finish_reason
    if reason not in _REASONS:
        raise StreamError(f"the model stopped for {reason.value}", 500)
    return _REASONS[reason]


def _plain(error: APIError) -> StreamError:
    """Return an error with its HTTP status, which may have been reported within a stream."""
    return StreamError(f"{error.code} {error.status or ''}: {error.message}", error.code)


def _tool_config(request: ResponseRequest) -> dict[str, Any] | None:
    if not request.tools:
        return None
    choice = request.tool_choice
    if isinstance(choice, dict):
        chosen = {"mode": "ANY", "allowed_function_names": [choice["name"]]}
    else:
        chosen = {"mode": _MODES[choice]}
    return {"function_calling_config": chosen}
