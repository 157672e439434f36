"""A backend of your own: recogniser, model and voice, each a Pipecat service in a provider.

Run it with `python examples/custom_backend.py`, then talk to it with `python test_client.py`.
The recogniser times the turn, the model says it back, the voice beeps once per word.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import uvicorn
from loguru import logger

logger.disable("pipecat")  # it greets at import

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService

sys.path.insert(0, str(Path(__file__).parent.parent))

from config import ConfigError, load_settings
from main import create_app
from pipeline_manager import PipelineManager
from providers import ClauseVoice, LLMProvider, ResponseRequest, STTProvider, TTSProvider
from serving.process.uvicorn_websocket import server_config
from telemetry.logs import configure_logging


class StopwatchSTT(SegmentedSTTService):
    """Gets one whole turn per call, as raw 16-bit PCM at 16 kHz."""

    Settings = STTSettings
    wants_wav_segments = False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        yield TranscriptionFrame(f"{len(audio) / 32000:.1f} seconds of speech", "", "")


class ParrotLLM(LLMService):
    """Answers the one request it was built for."""

    def __init__(self, request: ResponseRequest) -> None:
        super().__init__(settings=LLMSettings(model="parrot"))
        self._request = request

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self.push_frame(LLMFullResponseStartFrame())
            heard = self._request.messages[-1]["content"]
            await self.push_frame(LLMTextFrame(f"You said: {heard}"))
            await self.push_frame(LLMFullResponseEndFrame())
        else:
            await self.push_frame(frame, direction)


class BeepTTS(ClauseVoice):
    """Any sample rate will do; the server resamples to 24 kHz."""

    def __init__(self) -> None:
        super().__init__("beep", sample_rate=16000)

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        beep = 8000 * np.sin(2 * np.pi * 440 / 16000 * np.arange(1600))
        pcm = np.concatenate((beep, np.zeros(1600))).astype("<i2").tobytes()
        for _word in text.split():
            yield pcm


class Stopwatch(STTProvider):
    label = "stopwatch"

    def create(self) -> SegmentedSTTService:
        return StopwatchSTT(settings=STTSettings(model=None, language=None))


class Parrot(LLMProvider):
    label = "parrot"

    def create(self, request: ResponseRequest) -> LLMService:
        return ParrotLLM(request)


class Beeper(TTSProvider):
    label = "beeper"

    def create(self, voice: str) -> TTSService:
        return BeepTTS()


if __name__ == "__main__":
    try:
        settings = load_settings()
        configure_logging(settings.server)
        manager = PipelineManager(settings, stt=Stopwatch(), llm=Parrot(), tts=Beeper())
        server = uvicorn.Server(server_config(create_app(settings, manager), settings))
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from None
    server.run()
