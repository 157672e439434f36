"""The speech recognition that `stt.provider` can name."""

from __future__ import annotations

from typing import cast

from config import STTConfig
from providers import registry
from providers.base import STTProvider

PROVIDERS = {
    "embedded": "providers.embedded_stt:EmbeddedSTT",
    "openai": "providers.openai_stt:OpenAICompatibleSTT",
    "scripted": "providers.scripted:ScriptedSTT",
}
"""Name → class."""


def load(config: STTConfig) -> STTProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(STTProvider, registry.load("STT", PROVIDERS, config))
