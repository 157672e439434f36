"""Voices of OpenAI, speaches, LocalAI, Kokoro-FastAPI and all that have `/v1/audio/speech`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from pipecat.frames.frames import Frame, TTSAudioRawFrame
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory
from pydantic import Field

from audio_utils import WIRE_RATE
from config import TTSConfig
from generation import OPENAI_VOICES
from providers.base import TTSProvider, VoiceInfo
from providers.openai_client import NO_KEY, SharedClient
from providers.openai_voices import ServerVoices
from providers.options import Options, parse_options

DEFAULT_MODEL = "gpt-4o-mini-tts"
CHUNK_BYTES = 960
"""20 ms: Pipecat waits for half a second of audio before the first frame."""


class SpeechOptions(Options):
    """What only this provider knows."""

    voices: dict[str, str] = Field(default_factory=dict)
    """What names stand for on the server: `{"alloy": "af_heart"}`."""


class OpenAICompatibleTTS(TTSProvider):
    """`tts.provider = "openai"`."""

    remedies: Mapping[ErrorCategory, str] = {
        ErrorCategory.AUTHENTICATION: "Check OPENAI_API_KEY or tts.api_key.",
        ErrorCategory.INVALID_REQUEST: (
            "Check tts.model and the voice; tts.options.voices says what a name stands for."
        ),
    }

    def __init__(self, config: TTSConfig) -> None:
        options = parse_options("tts", config, SpeechOptions)
        self._client = SharedClient("tts", config.model_copy(update={"options": {}}))
        self._model = config.model or DEFAULT_MODEL
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
        """Ask the server which voices it has; it need not be there yet."""
        if self._voices.listed is None:
            await self._voices.ask()

    def create(self, voice: str) -> TTSService:
        """Build the voice of one response."""
        return _SpeechService(self._client, self._model, voice, self._voices)

    def list_voices(self) -> list[VoiceInfo]:
        """Return what names stand for, and the server's own names if it tells them."""
        own = {*(self._voices.listed or ()), *self.named_voices.values()} - {*self.named_voices}
        return [
            *(VoiceInfo(name, voice) for name, voice in sorted(self.named_voices.items())),
            *(VoiceInfo(name, name) for name in sorted(own)),
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class _SpeechService(OpenAITTSService):
    """Pipecat's service on the shared client, with any voice the server knows."""

    def __init__(self, client: SharedClient, model: str, voice: str, voices: ServerVoices) -> None:
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
        self._voices = voices

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Stream the speech of one clause; failures are raised and fail the response."""
        async with self._client.audio.speech.with_streaming_response.create(
            input=text,
            model=self._model,
            voice=await self._voices.own_name(self._voice),
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
