"""Any Pipecat voice: `tts.provider = "package.module:Class"`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

from pipecat.frames.frames import ErrorFrame, Frame
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.tts_service import TTSService, WebsocketTTSService

from config import TTSConfig
from providers.base import TTSProvider
from providers.custom_service import ServiceFactory, watched
from providers.options import refuse
from providers.tts.timed_words import TimedWords
from providers.tts.voice_base import NEVER_S, PromptEnd
from session.ports import OPENAI_VOICES, ResponseRequest


class CustomTTS(TTSProvider):
    """A Pipecat service that `tts.provider` names by its class."""

    def __init__(self, service: type[Any], config: TTSConfig) -> None:
        """Prepare to build `service`, once per response.

        Raises:
            ProviderSetupError: The class is no voice, or does not accept these settings.
        """
        self._factory = ServiceFactory("tts", service, TTSService, config)
        self.remedies = self._factory.remedies
        self.address = config.api_base
        self._config = config
        self._service = service
        # Services with a WebSocket receive audio outside `run_tts` and end a clause themselves.
        if issubclass(service, WebsocketTTSService):
            refuse("tts", config, ("gap_timeout_s",))
            self._service = type(service.__name__, (TimedWords, service), {})
        else:
            silence = {"silence_s": config.timeout_s, "gap_s": config.gap_timeout_s}
            self._service = type(service.__name__, (_WatchedVoice, TimedWords, service), silence)
        # All of OpenAI's voice names stand for the configured voice.
        chosen = config.voice_id or config.options.get("settings", {}).get("voice")
        if chosen:
            self.named_voices = dict.fromkeys(OPENAI_VOICES, chosen)
        elif issubclass(service, OpenAITTSService):
            self.named_voices = {name: name for name in OPENAI_VOICES}

    @property
    def label(self) -> str:
        """Class and model."""
        return self._factory.label

    def setting_of(self, argument: str) -> str | None:
        """Return the option of this name, also one within another."""
        return self._factory.setting_of(argument)

    async def start(self) -> None:
        """Build one service, so that a refusal is known before the first response."""
        self.create(ResponseRequest("start", "", []).voice)

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        # Without a configured voice, the service keeps its default.
        own = self.named_voices.get(voice, None if voice in OPENAI_VOICES else voice)
        service = self._factory.build(self._service, model=self._config.model, voice=own)
        return cast(TTSService, service)

    async def close(self) -> None:
        """Close the connections."""
        await self._factory.close()


class _WatchedVoice(PromptEnd):
    """A mixin to put before a service whose `run_tts` yields the audio.

    Such services may take seconds to end a response without audio, never end it after an exception,
    and wait for ever for a server that does not answer.
    """

    silence_s: float
    gap_s: float | None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # No time-outs of Pipecat's: the clause ends when `run_tts` has returned.
        self._stop_frame_timeout_s = NEVER_S
        self._max_consecutive_zero_audio_contexts = 0

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak one clause; whatever goes wrong becomes an error frame."""
        try:
            spoken = super().run_tts(text, context_id)
            async for frame in watched(spoken, self.silence_s, self.gap_s):
                yield frame
        # A service may raise whatever its client library raises: it fails the response.
        except Exception as error:
            yield ErrorFrame(str(error) or repr(error), exception=error)
