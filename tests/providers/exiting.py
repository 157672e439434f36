"""Backends as a library writes them that ends the program when it lacks something."""

from __future__ import annotations

import sys
from typing import Any

from pipecat.services.tts_service import TTSService

from providers import TTSProvider


class ExitingTTS(TTSProvider):
    """Ends the program where it should be built."""

    label = "exiting"

    def __init__(self, config: Any) -> None:
        sys.exit("gone")

    def create(self, voice: str) -> TTSService:
        raise NotImplementedError


class ExitingService(TTSService):
    """A service of Pipecat's kind that does the same."""

    def __init__(self) -> None:
        sys.exit("gone")
