"""Transcription by OpenAI, speaches, LocalAI and all servers with `/v1/audio/transcriptions`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from json import JSONDecodeError
from typing import Any

from openai import APIStatusError
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory

from config import STTConfig
from providers.base import StageFailure, STTProvider
from providers.openai_client import NO_KEY, SHOWN_CHARACTERS, SharedClient, explained
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "gpt-4o-mini-transcribe"


class OpenAICompatibleSTT(STTProvider):
    """`stt.provider = "openai"`."""

    declaration = Declaration(kind="stt", name="openai", key_variable="OPENAI_API_KEY")
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: (
            "Check that stt.api_base (REALTIME_STT__API_BASE) leads to a server of this API."
        ),
        ErrorCategory.INVALID_REQUEST: (
            "Check stt.model (REALTIME_STT__MODEL) and the path in stt.api_base, which usually "
            "ends in /v1."
        ),
        ErrorCategory.CONNECTIVITY: (
            "Check that it runs and that stt.api_base (REALTIME_STT__API_BASE) is right."
        ),
    }

    def __init__(self, config: STTConfig) -> None:
        self._config = config
        self._client = SharedClient("stt", config)
        self.address = self._client.address
        self._model = config.model or DEFAULT_MODEL

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.where}"

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        return _TranscriptionService(self._client, self._model, self._config.language)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _TranscriptionService(OpenAISTTService):
    """Pipecat's service on the shared client; without a language, the model detects it."""

    def __init__(self, client: SharedClient, model: str, language: str | None) -> None:
        super().__init__(
            api_key=NO_KEY,
            http_client=client.openai._client,
            settings=self.Settings(model=model),
        )
        self._client = client.openai
        # Pipecat's default is English; here the recogniser detects the language.
        settings: Any = self._settings
        settings.language = language
        self._model = model

    def language_to_service_language(self, language: Language) -> str | None:
        """Pass the code on as the client gave it."""
        return str(language)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Transcribe one turn, a WAV file; failures are raised as they are, to keep their kind."""
        arguments: dict[str, Any] = {
            name: value
            for name in ("language", "prompt")
            if (value := getattr(self._settings, name))
        }
        try:
            result = await self._client.audio.transcriptions.create(
                file=("audio.wav", audio, "audio/wav"), model=self._model, **arguments
            )
        except APIStatusError as refusal:
            raise explained(refusal) from refusal
        except JSONDecodeError as error:
            raise StageFailure("the server's answer is no JSON", str(error)) from error
        text = getattr(result, "text", None)
        if not isinstance(text, str):
            # The SDK does not validate: it returns an HTML page or JSON of another shape as it is.
            shown = " ".join(str(result).split())[:SHOWN_CHARACTERS]
            raise StageFailure("the server's answer is no transcription", shown)
        yield TranscriptionFrame(text.strip(), "", "", result=result)
