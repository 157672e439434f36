"""Models that Ollama serves on this machine or another: `llm.provider = "ollama"`.

Responses use its OpenAI-compatible API. At start, its own API checks that the model exists and
loads it, which takes seconds, before the first turn needs it.
"""

from __future__ import annotations

from typing import Any

from loguru import logger
from openai import APIConnectionError, APIError, APIStatusError
from openai._types import RequestOptions
from pipecat.utils.errors import ErrorCategory, classify_http_status_code
from pipecat.utils.security.redaction import redact_secrets

from config import LLMConfig
from providers.base import StageFailure
from providers.errors import quotes_received
from providers.llm.ollama_models import DEFAULT_BASE, DEFAULT_MODEL
from providers.llm.openai import ChatOptions, OpenAICompatibleLLM
from providers.openai_client import explained, unconnected
from settings.provider_declarations import Declaration


class OllamaLLM(OpenAICompatibleLLM):
    """Ollama by way of its OpenAI-compatible API."""

    declaration = Declaration(kind="llm", name="ollama", options=ChatOptions)
    # Its OpenAI-compatible API takes texts and images.
    hears_audio = False
    default_base = DEFAULT_BASE
    tries_service = True

    def __init__(self, config: LLMConfig) -> None:
        """Prepare the connection; raises `ProviderSetupError`."""
        model = config.model or DEFAULT_MODEL
        base = config.api_base
        if base is not None and not base.rstrip("/").endswith("/v1"):
            base = f"{base.rstrip('/')}/v1"
        super().__init__(config.model_copy(update={"model": model, "api_base": base}))
        self._pull = f"ollama pull {model}"
        self.remedies = {
            **self.remedies,
            ErrorCategory.INVALID_REQUEST: (
                f"If Ollama does not have the model, fetch it with `{self._pull}`; `ollama list` "
                "shows those it has. Else check llm.api_base (REALTIME_LLM__API_BASE)."
            ),
            ErrorCategory.SERVER: (
                "Ollama's log says more; where memory is short, choose a smaller model with "
                "llm.model (REALTIME_LLM__MODEL)."
            ),
            ErrorCategory.CONNECTIVITY: (
                "Start it with `ollama serve`, or say where it is with llm.api_base "
                "(REALTIME_LLM__API_BASE)."
            ),
        }

    async def start(self) -> None:
        """Load the model; a failure is only logged, as Ollama may be started later."""
        try:
            if self._model in await self._models():
                # An empty prompt loads the model without generating.
                await self._call("generate", {"model": self._model, "prompt": "", "stream": False})
            else:
                self._warn(f"Ollama at {self._client.where} has no {self._model}: {self._pull}")
        except APIStatusError as error:
            told = f"Ollama at {self._client.where} cannot load {self._model}: Error code: "
            remedy = self._remedy(classify_http_status_code(error.status_code))
            self._warn(f"{told}{error.status_code}. {remedy}")
            # What a service says itself is logged only with debug on, as it is of responses.
            logger.debug(self.redacted(redact_secrets(str(explained(error)))))
        except APIError as error:
            told = unconnected(error) if isinstance(error, APIConnectionError) else str(error)
            reason = told.rstrip(".")
            if quotes_received(error):
                logger.debug(self.redacted(redact_secrets(reason)))
                reason = f"… ({type(error).__name__})"
            remedy = self._remedy(ErrorCategory.CONNECTIVITY)
            self._warn(f"Ollama at {self._client.where} did not answer: {reason}. {remedy}")
        except StageFailure as error:
            remedy = error.remedy or self._remedy(ErrorCategory.UNKNOWN)
            self._warn(f"Ollama at {self._client.where}: {error.reason}. {remedy}")
        # A server other than Ollama may answer with JSON of any shape.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            remedy = self._remedy(ErrorCategory.UNKNOWN)
            self._warn(f"{self._client.where} does not answer as Ollama does. {remedy}")

    def _remedy(self, category: ErrorCategory) -> str:
        return self.remedies.get(category, self.remedies[ErrorCategory.UNKNOWN])

    def _warn(self, text: str) -> None:
        # Servers quote the key, and so may the library's errors.
        logger.warning(self.redacted(text))

    async def _models(self) -> set[str]:
        """Return the names of all models, with and without the tag `latest`."""
        answer = await self._call("tags")
        names = {model["name"] for model in answer["models"]}
        return names | {name.removesuffix(":latest") for name in names}

    async def _call(self, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call Ollama's own API."""
        url = str(self._client.openai.base_url).removesuffix("/v1/") + f"/api/{name}"
        client = self._client.openai
        once: RequestOptions = {"max_retries": 0}
        if body is None:
            return await client.get(url, cast_to=dict[str, Any], options=once)
        return await client.post(url, body=body, cast_to=dict[str, Any], options=once)
