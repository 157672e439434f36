"""Any Pipecat language model: `llm.provider = "package.module:Class"`."""

from __future__ import annotations

from typing import Any, cast

from pipecat.services.llm_service import LLMService
from pipecat.services.openai.base_llm import BaseOpenAILLMService

from config import LLMConfig
from generation import ResponseRequest
from providers.base import LLMProvider
from providers.chat_stream import TellingChatService
from providers.custom import ServiceFactory
from providers.stock_llm import TellingLLMService


class CustomLLM(LLMProvider):
    """A Pipecat service that `llm.provider` names by its class."""

    reasoning = False

    def __init__(self, service: type[Any], config: LLMConfig) -> None:
        """Prepare to build `service`, once per response.

        Raises:
            ProviderSetupError: It is not a language model, or not with these settings.
        """
        self._factory = ServiceFactory("llm", service, LLMService, config)
        self._config = config
        is_chat = issubclass(service, BaseOpenAILLMService)
        telling = TellingChatService if is_chat else TellingLLMService
        self._service = type(service.__name__, (telling, service), {})

    @property
    def label(self) -> str:
        """Class and model."""
        return self._factory.label

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
        return cast(LLMService[Any], service)
