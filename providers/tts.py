"""The voices that `tts.provider` can name."""

from __future__ import annotations

from typing import cast

from config import TTSConfig
from providers import registry
from providers.base import TTSProvider

PROVIDERS = {
    "embedded": "providers.embedded_tts:EmbeddedTTS",
    "openai": "providers.openai_tts:OpenAICompatibleTTS",
    "scripted": "providers.scripted:ScriptedTTS",
}
"""Name → class."""


def load(config: TTSConfig) -> TTSProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(TTSProvider, registry.load("TTS", PROVIDERS, config))
