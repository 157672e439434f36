"""Models that Ollama serves on this machine or another: `llm.provider = "ollama"`."""

from __future__ import annotations

from pipecat.utils.errors import ErrorCategory

from config import LLMConfig
from providers.openai_llm import OpenAICompatibleLLM

DEFAULT_MODEL = "llama3.2"


class OllamaLLM(OpenAICompatibleLLM):
    """Ollama by way of its OpenAI-compatible API."""

    default_base = "http://localhost:11434/v1"

    def __init__(self, config: LLMConfig) -> None:
        """Prepare the connection; raises `ProviderSetupError`."""
        model = config.model or DEFAULT_MODEL
        base = config.api_base
        if base is not None and not base.rstrip("/").endswith("/v1"):
            base = f"{base.rstrip('/')}/v1"
        super().__init__(config.model_copy(update={"model": model, "api_base": base}))
        self.remedies = {
            ErrorCategory.INVALID_REQUEST: f"Fetch the model with `ollama pull {model}`.",
            ErrorCategory.CONNECTIVITY: (
                "Start it with `ollama serve`, or say where it is with llm.api_base "
                "(REALTIME_LLM__API_BASE)."
            ),
        }
