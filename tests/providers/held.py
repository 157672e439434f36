"""A recogniser and a voice that work until the test lets them, and tell when they are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService

from providers.base import StageFailure, STTProvider, TTSProvider
from providers.tts.voice_base import ClauseVoice

PIECE = bytes(range(256)) * 40
"""About 213 ms."""


class _Held:
    """What both have in common."""

    label = "held"
    parallel: int | None = 1

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun = asyncio.Event()
        self.stopped = asyncio.Event()
        """Set when a call was stopped before its end."""
        self.go_on = asyncio.Event()

    async def hold(self) -> None:
        self.begun.set()
        try:
            await self.go_on.wait()
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped.set()
            raise


class HeldVoice(_Held, TTSProvider):
    """Makes `first` pieces, waits, and makes one more or fails."""

    def __init__(self, first: int = 1, failure: Exception | None = None) -> None:
        super().__init__()
        self.first = first
        self.failure = failure

    def create(self, voice: str) -> TTSService:
        return _Voice(self)


class _Voice(ClauseVoice):
    def __init__(self, provider: HeldVoice) -> None:
        super().__init__("held")
        self._provider = provider

    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        provider = self._provider
        provider.asked.append(text)
        for _ in range(provider.first):
            yield PIECE
        await provider.hold()
        if provider.failure is not None:
            raise provider.failure
        yield PIECE


class HeldRecogniser(_Held, STTProvider):
    """Waits, and understands "held" or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.failure = failure

    def create(self) -> SegmentedSTTService:
        return _Recogniser(self)


class _Recogniser(SegmentedSTTService):
    Settings = STTSettings

    def __init__(self, provider: HeldRecogniser) -> None:
        super().__init__(settings=STTSettings(model=None, language=None))
        self._provider = provider

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        self._provider.asked.append("")
        await self._provider.hold()
        if self._provider.failure is not None:
            raise self._provider.failure
        yield TranscriptionFrame("held", "", "")


BROKEN = StageFailure("the engine broke", "and quoted its user")
