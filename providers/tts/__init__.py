"""The voices that `tts.provider` can name: each declares itself in its module here.

Other wings may enter by the modules in `__all__`.
"""

from __future__ import annotations

from typing import cast

from config import TTSConfig
from providers import registry
from providers.base import TTSProvider
from providers.tts.custom import CustomTTS


def load(config: TTSConfig) -> TTSProvider:
    """Build the configured provider; raises `ProviderSetupError`."""
    return cast(TTSProvider, registry.load("tts", config, CustomTTS))


__all__ = ["one_text", "voice_base", "espeak", "flite", "hibari", "speech_engine"]
