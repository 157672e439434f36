"""Voices of OpenAI, speaches, LocalAI, Kokoro-FastAPI and all servers with `/v1/audio/speech`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import httpx2
from openai import APIError
from pipecat.frames.frames import ErrorFrame
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from config import TTSConfig
from providers.base import StageFailure, TTSProvider, VoiceInfo
from providers.links.failures import KEPT_CHARACTERS
from providers.openai_client import NO_KEY, SharedClient
from providers.options import Options, parse_options
from providers.tts.openai_voices import ServerVoices
from providers.tts.voice_base import GAP_S, ClauseVoice
from session.ports import OPENAI_VOICES
from settings.provider_declarations import Declaration

DEFAULT_MODEL = "gpt-4o-mini-tts"
CHUNK_BYTES = 960
"""20 ms; Pipecat's own chunks hold half a second, which delays the first audio."""
_MAGIC = {b"RIFF": "WAV", b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC"}


class SpeechOptions(Options):
    """`tts.options`."""

    voices: dict[str, str] = Field(default_factory=dict)
    """Voice name → the server's own voice: `{"alloy": "af_heart"}`."""


class OpenAICompatibleTTS(TTSProvider):
    """`tts.provider = "openai"`."""

    declaration = Declaration(
        kind="tts",
        name="openai",
        key_variable="OPENAI_API_KEY",
        key_domains=("openai.com",),
        options=SpeechOptions,
    )
    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.UNKNOWN: (
            "Check that tts.api_base (REALTIME_TTS__API_BASE) leads to a server of this API."
        ),
        ErrorCategory.CONNECTIVITY: (
            "Check that it runs and that tts.api_base (REALTIME_TTS__API_BASE) is right."
        ),
        ErrorCategory.INVALID_REQUEST: (
            "Check tts.model and the voice; tts.options.voices says what a name stands for."
        ),
    }

    def __init__(self, config: TTSConfig) -> None:
        options = parse_options("tts", config, SpeechOptions)
        self._client = SharedClient("tts", config.model_copy(update={"options": {}}))
        self.address = self._client.address
        self.remedies = {**self.remedies, **self._client.remedies}
        self._model = config.model or DEFAULT_MODEL
        self._config = config
        self._voices = ServerVoices(
            self._client.openai, self._model, config.voice_id, options.voices
        )
        if config.api_base is None:
            self._voices.listed = OPENAI_VOICES
        self.named_voices = self._voices.named

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.where}"

    async def start(self) -> None:
        """Ask the server for its voices; it need not be running yet."""
        if self._voices.listed is None:
            await self._voices.ask()

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        return _SpeechService(self._client, self._model, voice, self._voices, self._config)

    def list_voices(self) -> list[VoiceInfo]:
        """Return the known names, and the server's own voices if it lists them."""
        own = {*(self._voices.listed or ()), *self.named_voices.values()} - {*self.named_voices}
        return [
            *(VoiceInfo(name, voice) for name, voice in sorted(self.named_voices.items())),
            *(VoiceInfo(name, name) for name in sorted(own)),
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _SpeechService(ClauseVoice, OpenAITTSService):
    """Pipecat's service on the shared client, with any voice the server knows."""

    failures = (APIError, StageFailure, httpx2.TransportError)

    def __init__(
        self,
        client: SharedClient,
        model: str,
        voice: str,
        voices: ServerVoices,
        config: TTSConfig,
    ) -> None:
        super().__init__(
            voice,
            api_key=NO_KEY,
            http_client=client.openai._client,
            settings=self.Settings(model=model, voice=voice),
        )
        self._client = client.openai
        self._model = model
        self._voices = voices
        self._timeout_s = config.timeout_s
        self.gap_s = config.gap_timeout_s or GAP_S

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Stream the speech of one clause; the SDK does the retries."""
        async with self._client.audio.speech.with_streaming_response.create(
            input=text,
            model=self._model,
            voice=await self._voices.own_name(self._voice),
            response_format="pcm",
        ) as response:
            heard = False
            async for chunk in response.iter_bytes(CHUNK_BYTES):
                if not heard:
                    _check(response.headers.get("content-type", ""), chunk)
                    heard = True
                yield chunk
        if not heard:
            raise SpeechError("it sent no audio")

    def explain(self, error: Exception) -> ErrorFrame:
        """Return the error frame for a failure of the SDK or the connection."""
        category = None
        reason = str(error)
        if isinstance(error, httpx2.TransportError):
            # The SDK wraps errors before a response begins, not those in the middle of it.
            category = ErrorCategory.CONNECTIVITY
            reason = f"the stream was cut in the middle: {error}"
            if isinstance(error, httpx2.TimeoutException):
                reason = f"nothing came for {self._timeout_s:g} s"
        elif isinstance(error, StageFailure):
            category = ErrorCategory.SERVER
        return ErrorFrame(reason, exception=error, category=category)


class SpeechError(StageFailure):
    """The reply is not raw PCM."""


def _check(content_type: str, start: bytes) -> None:
    """Reject a reply that is no raw PCM, by its first bytes: content types are often wrong.

    Raises:
        SpeechError: It is something else, and would sound as noise.
    """
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            raise SpeechError(f"it sent {kind} where raw PCM was asked for")
    if content_type.startswith(("text/", "application/json")):
        said = start[:KEPT_CHARACTERS].decode(errors="replace")
        raise SpeechError(f"it sent {content_type} instead of audio", said)
