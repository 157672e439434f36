"""The speech recognition that `stt.provider` can name."""

from __future__ import annotations

from typing import cast

from config import STTConfig
from providers import registry
from providers.base import STTProvider
from providers.custom_stt import CustomSTT

PROVIDERS = {
    "azure": "providers.azure_stt:AzureSTT",
    "deepgram": "providers.deepgram:DeepgramSTT",
    "embedded": "providers.embedded_stt:EmbeddedSTT",
    "moonshine": "providers.moonshine:MoonshineSTT",
    "openai": "providers.openai_stt:OpenAICompatibleSTT",
    "scripted": "providers.scripted:ScriptedSTT",
    "whisper": "providers.whisper:WhisperSTT",
}
"""Name → class."""


def load(config: STTConfig) -> STTProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(STTProvider, registry.load("STT", PROVIDERS, config, CustomSTT))
