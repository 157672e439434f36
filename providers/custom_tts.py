"""Any Pipecat voice: `tts.provider = "package.module:Class"`."""

from __future__ import annotations

from typing import Any, cast

from pipecat.services.tts_service import TTSService

from config import TTSConfig
from generation import OPENAI_VOICES
from providers.base import TTSProvider
from providers.custom import ServiceFactory


class CustomTTS(TTSProvider):
    """A Pipecat service that `tts.provider` names by its class."""

    def __init__(self, service: type[Any], config: TTSConfig) -> None:
        """Prepare to build `service`, once per response.

        Raises:
            ProviderSetupError: It is not a voice, or not with these settings.
        """
        self._factory = ServiceFactory("tts", service, TTSService, config)
        self._config = config
        # OpenAI's names mean nothing to a service that nobody has mapped them for.
        chosen = config.voice_id or config.options.get("settings", {}).get("voice")
        self.named_voices = dict.fromkeys(OPENAI_VOICES, chosen) if chosen else {}

    @property
    def label(self) -> str:
        """Class and model."""
        return self._factory.label

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        own = self.named_voices.get(voice, voice)
        service = self._factory.build(model=self._config.model, voice=own)
        return cast(TTSService, service)
