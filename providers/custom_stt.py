"""Any Pipecat recogniser: `stt.provider = "package.module:Class"`."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

from pipecat.services.stt_service import SegmentedSTTService, STTService

from config import STTConfig
from providers.custom import ServiceFactory
from providers.stream_stt import StreamedTurns, StreamSTT
from providers.turn_stt import TurnSTTService


class CustomSTT(StreamSTT):
    """A Pipecat service that `stt.provider` names by its class.

    One that takes segments is built once per session, one that streams once per turn.
    """

    # Services that finalise on their own hear the end of a turn in it.
    trailing_silence_ms = 800

    def __init__(self, service: type[Any], config: STTConfig) -> None:
        """Prepare to build `service`.

        Raises:
            ProviderSetupError: It is not a recogniser, or not with these settings.
        """
        super().__init__(config)
        self._factory = ServiceFactory("stt", service, STTService, config)
        self._stt = config
        self._takes_turns = issubclass(service, SegmentedSTTService | TurnSTTService)
        settings = getattr(service, "Settings", None)
        known = {item.name for item in fields(settings)} if is_dataclass(settings) else set()
        self.accepts_prompt = "prompt" in known

    @property
    def label(self) -> str:
        """Class and model."""
        return self._factory.label

    def create(self) -> STTService:
        """Build the recogniser of one session."""
        return self._build(self._stt.language, None) if self._takes_turns else StreamedTurns(self)

    def connect(self, language: str | None, prompt: str | None) -> STTService:
        """Build the recogniser of one turn."""
        return self._build(language or self._stt.language, prompt)

    def _build(self, language: str | None, prompt: str | None) -> STTService:
        service = self._factory.build(model=self._stt.model, language=language, prompt=prompt)
        return cast(STTService, service)
