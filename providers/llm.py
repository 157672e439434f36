"""The language models that `llm.provider` can name."""

from __future__ import annotations

from typing import cast

from config import LLMConfig
from providers import registry
from providers.base import LLMProvider
from providers.custom_llm import CustomLLM

PROVIDERS = {
    "anthropic": "providers.anthropic_llm:AnthropicLLM",
    "embedded": "providers.embedded_llm:EmbeddedLLM",
    "google": "providers.google_llm:GoogleLLM",
    "ollama": "providers.ollama:OllamaLLM",
    "openai": "providers.openai_llm:OpenAICompatibleLLM",
    "scripted": "providers.scripted:ScriptedLLM",
}
"""Name → class."""


def load(config: LLMConfig) -> LLMProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(LLMProvider, registry.load("LLM", PROVIDERS, config, CustomLLM))
