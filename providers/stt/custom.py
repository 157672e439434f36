"""Any Pipecat recogniser: `stt.provider = "package.module:Class"`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

from pipecat.frames.frames import Frame
from pipecat.services.stt_service import SegmentedSTTService, STTService

from config import STTConfig
from providers.custom_service import ServiceFactory, watched
from providers.stt.streams import StreamedTurns, StreamSTT
from providers.stt.turns import TurnSTTService
from providers.stt.wishes import named
from session.ports import NO_WISHES, TranscriptionSettings


class CustomSTT(StreamSTT):
    """A Pipecat service that `stt.provider` names by its class.

    A segmented service is built once per session, a streaming one once per turn.
    """

    # Services with end-pointing of their own take this silence as the end of the turn.
    trailing_silence_ms = 800

    def __init__(self, service: type[Any], config: STTConfig) -> None:
        """Prepare to build `service`.

        Raises:
            ProviderSetupError: The class is no recogniser, or does not accept these settings.
        """
        super().__init__(config)
        self._factory = ServiceFactory("stt", service, STTService, config)
        self.remedies = self._factory.remedies
        self.address = config.api_base
        self._takes_turns = issubclass(service, SegmentedSTTService | TurnSTTService)
        self._service = service
        if issubclass(service, SegmentedSTTService):
            silence = {"silence_s": config.timeout_s}
            self._service = type(service.__name__, (_WatchedSegments, service), silence)
        self.accepts_prompt = self._factory.takes("prompt")

    @property
    def label(self) -> str:
        """Class and model."""
        return self._factory.label

    def setting_of(self, argument: str) -> str | None:
        """Return the option of this name, also one within another."""
        return self._factory.setting_of(argument)

    async def start(self) -> None:
        """Build one service, so that a refusal is known before the first session."""
        self._build(self._configured)

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        if not self._takes_turns:
            return StreamedTurns(self)
        return self._build(self._configured)

    def connect(self, settings: TranscriptionSettings) -> STTService:
        """Build the recogniser of one turn."""
        return self._build(settings)

    async def close(self) -> None:
        """Close the connections."""
        await self._factory.close()

    @property
    def _configured(self) -> TranscriptionSettings:
        return NO_WISHES.in_language(self.config.language)

    def _build(self, settings: TranscriptionSettings) -> STTService:
        wishes = named(settings, self._factory.known)
        service = self._factory.build(self._service, model=self.config.model, **wishes)
        return cast(STTService, service)


class _WatchedSegments(SegmentedSTTService):
    """A mixin to put before the class of a segmented service."""

    silence_s: float

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Transcribe one turn, or fail when that takes too long."""
        async for frame in watched(super().run_stt(audio), self.silence_s):
            yield frame
