"""The voices that `tts.provider` can name."""

from __future__ import annotations

from typing import cast

from config import TTSConfig
from providers import registry
from providers.base import TTSProvider
from providers.custom_tts import CustomTTS

PROVIDERS = {
    "azure": "providers.azure_tts:AzureTTS",
    "edge": "providers.edge:EdgeTTS",
    "elevenlabs": "providers.elevenlabs:ElevenLabsTTS",
    "embedded": "providers.embedded_tts:EmbeddedTTS",
    "kokoro": "providers.kokoro:KokoroTTS",
    "openai": "providers.openai_tts:OpenAICompatibleTTS",
    "piper": "providers.piper:PiperTTS",
    "scripted": "providers.scripted:ScriptedTTS",
}
"""Name → class."""


def load(config: TTSConfig) -> TTSProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(TTSProvider, registry.load("TTS", PROVIDERS, config, CustomTTS))
