"""Loads the upstream that the settings name, and puts it in the place of the three stages.

What asks a recogniser, a model or a voice what it can do asks stand-ins here, which know it of the
upstream.
"""

from __future__ import annotations

from typing import NoReturn

from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService

from providers.base import LLMProvider, STTProvider, TTSProvider, VoiceInfo
from session.ports import ResponseRequest
from settings.stacks import DEFAULT_STACK, in_stack
from settings.upstream import UpstreamConfig
from upstream.google.service import GeminiLive
from upstream.openai.service import OpenAIRealtime
from upstream.service import UpstreamService


def load_upstream(config: UpstreamConfig, stack: str = DEFAULT_STACK) -> UpstreamService:
    """Build the configured upstream.

    Args:
        config: Its settings.
        stack: The stack in whose tables they are: remedies name them there.

    Raises:
        ProviderSetupError: It cannot work as configured.
    """
    upstream = GeminiLive(config) if config.provider == "google" else OpenAIRealtime(config)
    upstream.remedies = {kind: in_stack(told, stack) for kind, told in upstream.remedies.items()}
    return upstream


def _not_a_stage() -> NoReturn:
    raise AssertionError("an upstream has no stages: ask its session")


class Ears(STTProvider):
    """What an upstream hears."""

    stage = "Upstream"

    def __init__(self, upstream: UpstreamService) -> None:
        """Know it of `upstream`."""
        self._upstream = upstream
        self.languages = upstream.languages
        self.accepts_prompt = upstream.accepts_prompt
        self.secrets, self.remedies = upstream.secrets, upstream.remedies

    @property
    def label(self) -> str:
        """The upstream's."""
        return self._upstream.label

    def create(self) -> STTService:
        """There is none."""
        _not_a_stage()


class Mind(LLMProvider):
    """What an upstream answers."""

    hears_audio = True
    translates = False

    def __init__(self, upstream: UpstreamService) -> None:
        """Know it of `upstream`."""
        self._upstream = upstream
        self.images, self.reasoning = upstream.images, upstream.reasoning
        self.forced_calls = upstream.forced_calls
        self.context_tokens = upstream.context_tokens
        self.secrets, self.remedies = upstream.secrets, upstream.remedies

    @property
    def label(self) -> str:
        """The upstream's."""
        return self._upstream.label

    def create(self, request: ResponseRequest) -> LLMService:
        """There is none."""
        _not_a_stage()


class Mouth(TTSProvider):
    """What an upstream says."""

    def __init__(self, upstream: UpstreamService) -> None:
        """Know it of `upstream`."""
        self._upstream = upstream
        self.voices, self.named_voices = upstream.voices, upstream.named_voices
        self.secrets, self.remedies = upstream.secrets, upstream.remedies

    @property
    def label(self) -> str:
        """The upstream's."""
        return self._upstream.label

    def create(self, voice: str) -> TTSService:
        """There is none."""
        _not_a_stage()

    def list_voices(self) -> list[VoiceInfo]:
        """Return the upstream's."""
        return self._upstream.list_voices()
