"""A voice that says one recording whatever it is given, for tests that name it in the settings."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pipecat.services.tts_service import TTSService

from audio.pcm import read_wav
from config import TTSConfig
from providers.base import TTSProvider
from providers.tts.voice_base import ClauseVoice
from tests.support.places import DATA


class RecordedVoice(TTSProvider):
    """Says `flite-rms_s06`."""

    label = "a recording"

    def __init__(self, config: TTSConfig) -> None:
        """Take no settings."""

    def create(self, voice: str) -> TTSService:
        return _Recorded("recorded")


class _Recorded(ClauseVoice):
    async def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        yield read_wav(DATA / "flite-rms_s06.wav")
