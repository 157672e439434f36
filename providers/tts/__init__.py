"""The voices that `tts.provider` can name."""

from __future__ import annotations

from typing import cast

from config import TTSConfig
from providers import registry
from providers.base import TTSProvider
from providers.tts.custom import CustomTTS

PROVIDERS = {
    "azure": "providers.tts.azure:AzureTTS",
    "edge": "providers.tts.edge:EdgeTTS",
    "elevenlabs": "providers.tts.elevenlabs:ElevenLabsTTS",
    "embedded": "providers.tts.embedded:EmbeddedTTS",
    "kokoro": "providers.tts.kokoro:KokoroTTS",
    "openai": "providers.tts.openai:OpenAICompatibleTTS",
    "piper": "providers.tts.piper:PiperTTS",
    "scripted": "providers.scripted:ScriptedTTS",
}
"""Name → class."""


def load(config: TTSConfig) -> TTSProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(TTSProvider, registry.load("TTS", PROVIDERS, config, CustomTTS))
