"""The language models that `llm.provider` can name."""

from __future__ import annotations

from typing import cast

from config import LLMConfig
from providers import registry
from providers.base import LLMProvider
from providers.llm.custom import CustomLLM

PROVIDERS = {
    "anthropic": "providers.llm.anthropic:AnthropicLLM",
    "embedded": "providers.llm.embedded:EmbeddedLLM",
    "google": "providers.llm.google:GoogleLLM",
    "ollama": "providers.llm.ollama:OllamaLLM",
    "openai": "providers.llm.openai:OpenAICompatibleLLM",
    "scripted": "providers.scripted:ScriptedLLM",
}
"""Name → class."""


def load(config: LLMConfig) -> LLMProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(LLMProvider, registry.load("LLM", PROVIDERS, config, CustomLLM))
