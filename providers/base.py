"""What a provider is: a name in `config.py` that builds Pipecat services.

A provider lives as long as the process. It holds what sessions share (loaded models, worker
processes, HTTP connections) and builds one light service for each turn of a session's pipelines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from settings.declarations import Declaration

if TYPE_CHECKING:
    from pipecat.services.llm_service import LLMService
    from pipecat.services.stt_service import STTService
    from pipecat.services.tts_service import TTSService
    from pipecat.utils.errors import ErrorCategory

    from session.ports import ResponseRequest


class ProviderSetupError(Exception):
    """A provider cannot work as configured. The message names the remedy."""


class StageFailure(Exception):
    """Why a stage failed, in words of ours, so that it may be logged."""

    remedy: str | None = None
    """What to do about it; None: what the provider says about this kind of failure."""

    def __init__(self, reason: str, quoted: str = "") -> None:
        """Describe a failure.

        Args:
            reason: What happened.
            quoted: What the service said to it. It may repeat what it was sent, so it is for the
                client alone.
        """
        super().__init__(f"{reason}: {quoted}" if quoted else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice that clients may choose, for `GET /v1/audio/voices`."""

    id: str
    """What a session's `voice` names."""
    speaks_as: str
    """The provider's own name of it; the same unless `id` is one of OpenAI's names."""
    language: str | None = None
    """BCP 47 tag of the language it was made for; None: many, or not known."""


class Provider(ABC):
    """Common to all kinds: a label for people, and what is loaded once per process."""

    declaration: ClassVar[Declaration | None] = None
    """By what name `config.py` knows it, and what it needs. None: a provider that is named by its
    class, or handed to `PipelineManager`."""
    secrets: frozenset[str] = frozenset()
    """What must not be shown to anybody: the API key, which services like to quote."""
    remedies: Mapping[ErrorCategory, str] = {}
    """What to do about a kind of failure, where the provider knows more than `provider_errors`."""
    address: str | None = None
    """URL of the service that it speaks to; None: it runs here, or only its library knows."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Provider and model in a few words, for the start-up banner and for errors."""

    def redacted(self, text: str) -> str:
        """Return `text` with the provider's secrets struck out."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

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
    steady_interims: bool = True
    """Whether words on which two interim results agree usually stay: only then do clients see
    them as deltas before the transcript is final."""

    @abstractmethod
    def create(self) -> STTService:
        """Build the recogniser of one session.

        Returns:
            A `SegmentedSTTService`, which is handed whole turns, or a `TurnSTTService`, which
            hears them as they are spoken. For a streaming service of Pipecat, derive from
            `providers.stt.streams.StreamSTT`.
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

        The service answers an `LLMContextFrame`, which holds the messages, tools and tool choice
        of `request`, with `LLMTextFrame`s between an `LLMFullResponseStartFrame` and an
        `LLMFullResponseEndFrame`. Beyond what Pipecat's frames say, it may push `ToolCallFrame`s
        and one `CompletionFrame`.
        """


class TTSProvider(Provider):
    """A voice."""

    voices: frozenset[str] | None = None
    """Names a client may choose; None: any, the service decides."""
    named_voices: Mapping[str, str] = {}
    """OpenAI's voice names → the provider's own voices that come closest."""

    @abstractmethod
    def create(self, voice: str) -> TTSService:
        """Build the voice of one response. It speaks 16-bit mono PCM.

        Args:
            voice: As the client chose it; one of OpenAI's names stands for `named_voices[voice]`.
        """

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices that clients may choose, OpenAI's names first."""
        own = self.voices or frozenset(self.named_voices.values())
        return [
            *(VoiceInfo(name, voice) for name, voice in sorted(self.named_voices.items())),
            *(VoiceInfo(name, name) for name in sorted(own - self.named_voices.keys())),
        ]
