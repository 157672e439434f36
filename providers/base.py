"""What a provider is: a name in `config.py` that builds Pipecat services.

A provider lives as long as the process. It holds what sessions share (loaded models, worker
processes, HTTP connections) and builds one light service for each turn of a session's pipelines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from settings.masks import masked
from settings.provider_declarations import Declaration

if TYPE_CHECKING:
    from pipecat.services.llm_service import LLMService
    from pipecat.services.stt_service import STTService
    from pipecat.services.tts_service import TTSService
    from pipecat.utils.errors import ErrorCategory

    from session.ports import FailingStage, FailureReason, ResponseRequest, Transcript


class ProviderSetupError(Exception):
    """A provider cannot work as configured. The message names the remedy."""


class StageFailure(Exception):
    """Why a stage failed, without text from the service, so that it may be logged."""

    remedy: str | None = None
    """The remedy; None: the provider's remedy for this kind of failure."""
    code: str | None = None
    """The code for the client; None: that of this kind of failure."""
    told: str | None = None
    """All that the client is told; None: the stage, the reason and the remedy."""

    def __init__(self, reason: str, quoted: str = "") -> None:
        """Describe a failure.

        Args:
            reason: What happened.
            quoted: The service's own message. It may repeat what the service was sent, so it is
                shown to the client and not logged.
        """
        super().__init__(f"{reason}: {quoted}" if quoted else reason)
        self.reason = reason


class ProviderFailure(Exception):
    """A call of `STTProvider.transcribe` or `TTSProvider.speak` failed."""

    def __init__(self, reason: FailureReason) -> None:
        """Describe the failure.

        Args:
            reason: What clients are told: the provider, the reason and the remedy, with a code.
        """
        super().__init__(reason.message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice that clients may choose, for `GET /v1/audio/voices`."""

    id: str
    """What a session's `voice` names."""
    speaks_as: str
    """The provider's own name of the voice; equals `id` unless that is one of OpenAI's names."""
    language: str | None = None
    """BCP 47 tag of its language; None: several, or unknown."""


class Provider(ABC):
    """What all kinds of provider have: a label, and resources loaded once per process."""

    declaration: ClassVar[Declaration | None] = None
    """Its name in `config.py`, and what it needs. None: a provider that the settings name by its
    class, or that is passed to `PipelineManager`."""
    secrets: frozenset[str] = frozenset()
    """Strings to redact, such as the API key: services quote it in errors."""
    remedies: Mapping[ErrorCategory, str] = {}
    """Kind of failure → remedy, where the provider knows a better one than `errors.py`."""
    address: str | None = None
    """URL of its service; None: it runs in this process, or only its library knows the URL."""
    lifelike: bool = True
    """Whether what it says or hears is real: a stand-in for tests cannot be judged by it."""
    parallel: int | None = None
    """How many calls its engine works on at a time; further ones wait. None: it runs elsewhere, and
    its service decides."""
    tries_service: bool = False
    """Whether `start` uses the service and warns by itself if that does not answer."""

    @classmethod
    def build(cls, config: Any) -> Provider:
        """Build the provider that a group of settings names; it may be one of another class."""
        make: Callable[[Any], Provider] = cls
        return make(config)

    @property
    @abstractmethod
    def label(self) -> str:
        """Provider and model in a few words, for the start-up banner and for errors."""

    def setting_of(self, argument: str) -> str | None:
        """Return the setting that is handed to the service's library under a name, if one is.

        Known where the settings name arguments freely; such a library may refuse them only when it
        is called.
        """
        return None

    def redacted(self, text: str) -> str:
        """Return `text` with the provider's secrets redacted."""
        return masked(text, sorted(self.secrets, key=len, reverse=True))

    def share(self, other: Any) -> None:  # noqa: B027 (most providers load nothing)
        """Use the model that another provider loads, where this one would load the same.

        Args:
            other: Of this class, and with the same settings but for those of its sessions and
                requests, such as the voice. It is started before this one, and closed behind it.
        """

    async def fetch(self) -> Path | None:
        """Download those files of its models that are not there yet, and load nothing.

        Returns:
            The folder that has them now; None: it needs none that could be downloaded.

        Raises:
            ProviderSetupError: A file cannot be downloaded.
        """
        return None

    async def start(self) -> None:  # noqa: B027 (most providers load nothing)
        """Load models and warm them up, before the first session.

        Raises:
            ProviderSetupError: What is missing, and how to get it.
        """

    async def close(self) -> None:  # noqa: B027 (most providers hold nothing)
        """Release what `start` acquired."""


class STTProvider(Provider):
    """Speech recognition."""

    stage: FailingStage = "STT"
    """What clients, the log and the metrics call it where it fails."""
    languages: frozenset[str] | None = None
    """ISO 639-1 codes the recogniser accepts; None: any."""
    accepts_prompt: bool = True
    """Whether a transcription prompt has an effect."""
    steady_interims: bool = True
    """Whether words on which two interim results agree usually stay: only then do clients see
    them as deltas before the transcript is final."""
    noise_reduced: bool = False
    """Whether it understands more of audio that a session's `noise_reduction` has filtered.
    Otherwise it gets what was sent, and the turn detector alone what was filtered: recognisers that
    were trained on noisy speech, as neural ones are, are worse behind a filter. The setting
    `stt.noise_reduced` overrules it."""

    @abstractmethod
    def create(self) -> STTService:
        """Build the recogniser of one session.

        Returns:
            A `SegmentedSTTService`, which gets whole turns, or a `TurnSTTService`, which gets their
            audio as it arrives. For a streaming service of Pipecat, derive from
            `providers.stt.streams.StreamSTT`. What the client wishes, `TranscriptionSettings`,
            comes with the turns' frames, or in the fields of a segmented service's `Settings`
            that `providers.stt.wishes` names; what it finds beyond words goes into the metadata
            of its frames (`providers.frames`).
        """

    mark: str | None = None
    """Name by which the service knows sessions that are passed on to it from here
    (`links/passing_on.py`); None: it is no service that could pass them on and back."""

    async def transcribe(
        self,
        pcm: bytes,
        language: str | Sequence[str] | None = None,
        prompt: str | None = None,
        *,
        keywords: Sequence[str] = (),
        logprobs: bool = False,
    ) -> Transcript:
        """Transcribe one turn, outside of any session.

        It takes as long as it takes: bound it by `asyncio.timeout`. Cancelled, it has the engine
        stop, or never begin.

        Args:
            pcm: The turn, 16-bit mono at 16 kHz.
            language: What is spoken, or the languages that may be, as tags (`en`, `en-US`); None:
                as configured, or as the recogniser finds.
            prompt: What the recogniser is to believe was said before, or how to write.
            keywords: Words to expect.
            logprobs: Whether log probabilities are wanted.

        Raises:
            ProviderFailure: The recogniser failed.
        """
        # Pipecat, which this needs, takes a second to import; the settings import this module.
        from providers.stt.one_turn import transcribe_turn
        from session.ports import TranscriptionSettings

        named = (language,) if isinstance(language, str) else tuple(language or ())
        wishes = TranscriptionSettings(named, prompt, tuple(keywords), logprobs=logprobs)
        return await transcribe_turn(self, pcm, wishes)


class LLMProvider(Provider):
    """A language model."""

    images: bool = True
    """Whether it accepts images."""
    forced_calls: bool = True
    """Whether it can be told to call a function."""
    reasoning: bool = True
    """Whether a reasoning effort has an effect."""
    hears_audio: bool = False
    """Whether it can be given what the user says as audio, which `llm.audio_input` asks for: parts
    of the context's messages, as Pipecat writes them, with a WAV file of 16 kHz."""
    audio_tokens_per_s: float | None = None
    """Tokens that a second of such audio takes of its window; None: as many as usual."""
    context_tokens: int | None = None
    """Tokens it reads, where `llm.context_tokens` does not say; None: it is not known."""
    translates: bool = True
    """Whether it can translate what it is given, for translation sessions (§B.14)."""
    for_trial: bool = False
    """Whether the start-up banner should say that it is a stand-in for a real model."""

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
    several: frozenset[str] | None = None
    """ISO 639 codes of the languages that every voice without one of its own speaks; None: it does
    not tell."""

    @abstractmethod
    def create(self, voice: str) -> TTSService:
        """Build the voice of one response. It speaks 16-bit mono PCM.

        Args:
            voice: As the client chose it; one of OpenAI's names stands for `named_voices[voice]`.
        """

    def speak(self, text: str, voice: str) -> AsyncGenerator[bytes, None]:
        """Speak a text, outside of any session.

        Closing the generator has the engine stop, or never begin: iterate over it within
        `contextlib.aclosing`, and bound the time to its next piece by `asyncio.timeout`.

        Args:
            text: What to say; of several sentences, the first is heard while the others are made.
            voice: As for `create`.

        Yields:
            16-bit mono PCM at 24 kHz, as it is made; none where there is nothing to pronounce.

        Raises:
            ProviderFailure: The voice failed, perhaps in the middle.
        """
        # As above.
        from providers.tts.one_text import speak_text

        return speak_text(self, text, voice)

    def voice_languages(self) -> list[tuple[str, str | None]]:
        """Return name and language (BCP 47) of each voice; None: several, or it does not tell."""
        return [(voice.id, voice.language) for voice in self.list_voices()]

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices that clients may choose, OpenAI's names first."""
        own = self.voices or frozenset(self.named_voices.values())
        return [
            *(VoiceInfo(name, voice) for name, voice in sorted(self.named_voices.items())),
            *(VoiceInfo(name, name) for name in sorted(own - self.named_voices.keys())),
        ]
