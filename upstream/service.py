"""What an upstream is to the rest of the server: a provider of sessions that hear and speak."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from pipecat.utils.tracing.tracing_context import TracingContext

from flow.watchdog import Patience
from providers.base import Provider, ProviderSetupError, VoiceInfo
from providers.stt.turns import TurnProcessor
from session.ports import ClientRoom, ResponseRequest
from session.reports import ResponseReport
from settings.localisation import _
from upstream.generation import UpstreamGeneration


class UpstreamSession(ABC):
    """What stands behind one client's session: one connection, opened again when it is lost."""

    def __init__(self, provider: UpstreamService) -> None:
        """Begin a session at `provider`, which is named in errors, and whose patience counts."""
        self._provider = provider
        self._patience = provider.patience

    @abstractmethod
    def ears(self) -> TurnProcessor:
        """Return what takes the frames of the session's turns."""

    def generation(
        self,
        request: ResponseRequest,
        report: Callable[[ResponseReport], None],
        room: ClientRoom,
        tracing: TracingContext | None = None,
    ) -> UpstreamGeneration:
        """Return what will make a response; its arguments are those of `response_pipeline`."""
        return UpstreamGeneration(
            request, report, room, self._provider, self._patience, self.ask, self.give_up
        )

    @abstractmethod
    async def ask(self, asked: UpstreamGeneration) -> None:
        """Ask the service for a response; raises `LinkFailure`."""

    @abstractmethod
    def give_up(self, asked: UpstreamGeneration, silent: bool) -> None:
        """Have nothing more made of a response.

        Args:
            asked: The response.
            silent: Whether it is given up because the service was silent for too long.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the connection."""


class UpstreamService(Provider):
    """A speech-to-speech service, for the life of the process."""

    voices: frozenset[str] | None = None
    """Names a client may choose; None: any, the service decides."""
    named_voices: Mapping[str, str] = {}
    """OpenAI's names of voices → the service's own that stand for them."""
    languages: frozenset[str] | None = None
    """ISO 639-1 codes it hears; None: any."""
    accepts_prompt: bool = True
    """Whether its transcription takes a prompt."""
    images: bool = True
    """Whether it takes images."""
    forced_calls: bool = True
    """Whether its model can be told to call a function."""
    reasoning: bool = True
    """Whether a reasoning effort has an effect."""
    context_tokens: int | None = None
    """Tokens it reads; None: it is not known."""
    patience: Patience
    """How long it may be silent."""

    mark: str | None = None
    """Name by which the service knows sessions that are passed on to it from here
    (`links/passing_on.py`); None: it is no service that could pass them on and back."""

    @abstractmethod
    def session(self, passed: Sequence[str] = ()) -> UpstreamSession:
        """Begin what stands behind one client's session; it connects at once, in the background.

        Args:
            passed: The servers that have passed the session on.
        """

    def check_voice(self, voice: str | None) -> None:
        """Check the configured voice.

        Raises:
            ProviderSetupError: The service has no such voice.
        """
        known = self.voices
        if voice is None or known is None or voice in known or voice in self.named_voices:
            return
        raise ProviderSetupError(
            _(
                "upstream.voice_id '{voice}' is no voice of {service}: choose one of {voices}."
            ).format(
                voice=voice,
                service=self.label,
                voices=", ".join(sorted(known | self.named_voices.keys())),
            )
        )

    def list_voices(self) -> list[VoiceInfo]:
        """Return the voices that clients may choose."""
        named, own = self.named_voices, self.voices or frozenset()
        return [
            *(VoiceInfo(name, voice) for name, voice in sorted(named.items())),
            *(VoiceInfo(name, name) for name in sorted(own - named.keys())),
        ]
