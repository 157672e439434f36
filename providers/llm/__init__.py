"""The language models that `llm.provider` can name: each declares itself in its module here.

Other wings may enter by the modules in `__all__`.
"""

from __future__ import annotations

from typing import cast

from config import LLMConfig
from providers import registry
from providers.base import LLMProvider
from providers.llm.custom import CustomLLM


def load(config: LLMConfig) -> LLMProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(LLMProvider, registry.load("llm", config, CustomLLM))


__all__ = ["ollama_models"]
