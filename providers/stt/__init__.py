"""The speech recognition that `stt.provider` can name."""

from __future__ import annotations

from typing import cast

from config import STTConfig
from providers import registry
from providers.base import STTProvider
from providers.stt.custom import CustomSTT

PROVIDERS = {
    "azure": "providers.stt.azure:AzureSTT",
    "deepgram": "providers.stt.deepgram:DeepgramSTT",
    "embedded": "providers.stt.embedded:EmbeddedSTT",
    "moonshine": "providers.stt.moonshine:MoonshineSTT",
    "openai": "providers.stt.openai:OpenAICompatibleSTT",
    "scripted": "providers.scripted:ScriptedSTT",
    "whisper": "providers.stt.whisper:WhisperSTT",
}
"""Name → class."""


def load(config: STTConfig) -> STTProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(STTProvider, registry.load("STT", PROVIDERS, config, CustomSTT))
