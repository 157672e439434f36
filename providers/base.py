"""What a provider is: a name in `config.py` that builds Pipecat services.

A provider lives as long as the process. It holds what sessions share (loaded models, worker
processes, HTTP connections) and builds one light service for each turn of a session's pipelines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipecat.services.llm_service import LLMService
    from pipecat.services.stt_service import STTService
    from pipecat.services.tts_service import TTSService

    from generation import ResponseRequest


class ProviderSetupError(Exception):
    """A provider cannot work as configured. The message names the remedy."""


class Provider(ABC):
    """Common to all kinds: a label for people, and what is loaded once per process."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Provider and model in a few words, for the start-up banner."""

    async def start(self) -> None:  # noqa: B027 (most providers load nothing)
        """Load models and warm them up, before the first session.

        Raises:
            ProviderSetupError: What is missing, and how to get it.
        """

    async def close(self) -> None:  # noqa: B027 (most providers hold nothing)
        """Release what `start` acquired."""


class STTProvider(Provider):
    """Speech recognition."""

    languages: frozenset[str] | None = None
    """ISO 639-1 codes the recogniser accepts; None: any."""
    accepts_prompt: bool = True
    """Whether a transcription prompt has an effect."""
    logprobs: bool = False
    """Whether it can report log probabilities, as `logprobs` in a transcription's metadata."""

    @abstractmethod
    def create(self) -> STTService:
        """Build the recogniser of one session.

        Returns:
            A `SegmentedSTTService`, which is handed whole turns, or a `TurnSTTService`, which
            hears them as they are spoken.
        """


class LLMProvider(Provider):
    """A language model."""

    images: bool = True
    """Whether it may be given images."""
    reasoning: bool = True
    """Whether a reasoning effort has an effect."""
    for_trial: bool = False
    """Whether start-up should say that it is for trying things out."""

    @abstractmethod
    def create(self, request: ResponseRequest) -> LLMService:
        """Build the model of one response.

        The service answers an `LLMContextFrame` with `LLMTextFrame`s. Beyond what Pipecat's
        frames say, it pushes `ToolCallFrame`s and one `CompletionFrame`.
        """


class TTSProvider(Provider):
    """A voice."""

    voices: frozenset[str] | None = None
    """Names a client may choose; None: any, the service decides."""

    @abstractmethod
    def create(self, voice: str) -> TTSService:
        """Build the voice of one response. It speaks 16-bit mono PCM."""
