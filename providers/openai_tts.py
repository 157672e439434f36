"""Voices of OpenAI, speaches, LocalAI, Kokoro-FastAPI and all that have `/v1/audio/speech`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pipecat.frames.frames import Frame, TTSAudioRawFrame
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.tts_service import TTSService

from audio_utils import WIRE_RATE
from config import TTSConfig
from providers.base import TTSProvider
from providers.openai_client import NO_KEY, SharedClient

DEFAULT_MODEL = "gpt-4o-mini-tts"
CHUNK_BYTES = 960
"""20 ms: Pipecat waits for half a second of audio before the first frame."""


class OpenAICompatibleTTS(TTSProvider):
    """`tts.provider = "openai"`."""

    def __init__(self, config: TTSConfig) -> None:
        self._client = SharedClient("tts", config)
        self._model = config.model or DEFAULT_MODEL

    @property
    def label(self) -> str:
        """Model and host."""
        return f"{self._model} at {self._client.where}"

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        return _SpeechService(self._client, self._model, voice)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _SpeechService(OpenAITTSService):
    """Pipecat's service on the shared client, with any voice the server knows."""

    def __init__(self, client: SharedClient, model: str, voice: str) -> None:
        super().__init__(
            api_key=NO_KEY,
            http_client=client.openai._client,
            sample_rate=WIRE_RATE,
            stop_frame_timeout_s=30,
            max_consecutive_zero_audio_contexts=0,
            settings=self.Settings(model=model, voice=voice),
        )
        self._client = client.openai
        self._model = model
        self._voice = voice

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Stream the speech of one clause; failures are raised and fail the response."""
        async with self._client.audio.speech.with_streaming_response.create(
            input=text,
            model=self._model,
            voice=self._voice,
            response_format="pcm",
        ) as response:
            async for chunk in response.iter_bytes(CHUNK_BYTES):
                yield TTSAudioRawFrame(chunk, self.sample_rate, 1, context_id=context_id)

    async def tts_process_generator(
        self, context_id: str, generator: AsyncGenerator[Frame | None, None]
    ) -> None:
        """Speak, and end the answer at once even if the server sent no audio at all."""
        await super().tts_process_generator(context_id, generator)
        self._is_yielding_frames_synchronously = True
