"""Builds the pipelines of a session from the configured providers, or from your own.

Recognition, one per session:   transport in → STT → transport out
Response, one per response:     LLM → clauses → TTS → transport out

A custom backend is a provider of your own (`providers/base.py`) given to `PipelineManager`, or a
subclass that overrides `create_stt`, `create_llm` or `create_tts`; README, "Your own backend",
has a complete one. One manager serves all sessions of a stack, which share what it loads; managers
of several stacks share what their settings have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Literal

from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.tracing.tracing_context import TracingContext

from answering.response_pipeline import ResponsePipeline
from answering.supervision import Stage
from config import Settings
from flow.watchdog import Patience
from hearing.recogniser_pipeline import TranscriptOutput, hearing_pipeline
from own_processors import places
from own_processors.places import Processors
from providers import llm as llm_providers
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import LLMProvider, Provider, ProviderSetupError, STTProvider, TTSProvider
from providers.links.passing_on import PassesOn, leads_back
from providers.running_pipeline import RunningPipeline
from providers.shared import SharedProviders
from session.ports import (
    AUDIO_TOKENS_PER_S,
    Capabilities,
    ClientRoom,
    FailingStage,
    ResponseRequest,
)
from session.reports import ResponseReport
from settings.localisation import _
from settings.provider_declarations import Kind
from settings.stacks import DEFAULT_STACK
from turn_detection.turn_models import TurnModels
from upstream.loading import Ears, Mind, Mouth, load_upstream
from upstream.service import UpstreamService
from upstream.session_pipelines import SessionPipelines, UpstreamPipelines

StageKind = Literal["stt", "llm", "tts", "upstream"]
STAGES: Mapping[StageKind, FailingStage] = {
    "stt": "STT",
    "llm": "LLM",
    "tts": "TTS",
    "upstream": "Upstream",
}
"""Kind of a stage → its name, as people read it."""


class PipelineManager:
    """The providers of the process; builds the pipelines made of them."""

    def __init__(
        self,
        settings: Settings,
        *,
        stt: STTProvider | None = None,
        llm: LLMProvider | None = None,
        tts: TTSProvider | None = None,
        processors: Processors | None = None,
        beside: Sequence[PipelineManager] = (),
        name: str = DEFAULT_STACK,
    ) -> None:
        """Choose the providers.

        Args:
            settings: The server's configuration, which names a provider per kind.
            stt: A recogniser of your own, instead of the configured one.
            llm: A model of your own, instead of the configured one.
            tts: A voice of your own, instead of the configured one.
            processors: Processors of your own between them: at each place where there are some,
                instead of the configured ones of that place.
            beside: Managers of other stacks, started before this one and closed behind it: what
                they have for equal settings is used, not loaded again.
            name: The stack's.

        Raises:
            ProviderSetupError: A provider or a processor does not exist or cannot work as
                configured.
        """
        self.settings = settings
        self.name = name
        there = SharedProviders(settings, beside)
        self.stt: STTProvider = (
            stt or there.of_kind("stt") or there.lent("stt", stt_providers.load(settings.stt))
        )
        self.llm: LLMProvider = llm_providers.checked(
            llm or there.of_kind("llm") or there.lent("llm", llm_providers.load(settings.llm)),
            settings.llm,
        )
        self.tts: TTSProvider = (
            tts or there.of_kind("tts") or there.lent("tts", tts_providers.load(settings.tts))
        )
        configured = places.load(settings.processors)
        self.processors = configured if processors is None else processors.over(configured)
        self._check_processors()
        shared_models = beside[0].turn_models if beside else None
        self.turn_models: TurnModels = TurnModels(settings.vad, settings.turns, shared_models)
        self._own: list[Provider] = [
            provider for provider in (self.stt, self.llm, self.tts) if not there.has(provider)
        ]
        usual = next((one for one in beside if one.name == DEFAULT_STACK), None)
        self._usual = set() if usual is None else {usual.stt, usual.llm, usual.tts}
        """The default stack's providers, whose settings are in the server's own tables."""

    def _check_processors(self) -> None:
        """Refuse processors that what they should change would pass by.

        Raises:
            ProviderSetupError: There are some.
        """
        if self.settings.llm.audio_input and (
            names := self.processors.names_at("before_recogniser")
        ):
            raise ProviderSetupError(
                _(
                    "processors.before_recogniser has {names}, but with llm.audio_input the model "
                    "hears the user's audio itself, not what they make of it. Leave them out, or "
                    "switch llm.audio_input off."
                ).format(names=", ".join(names))
            )

    def for_session(self, passed: Sequence[str] = ()) -> SessionPipelines:
        """Return what builds the pipelines of one session, which closes it at its end.

        Args:
            passed: The servers that have passed the session on to this one.
        """
        return _Shared(self, passed)

    @property
    def mark(self) -> str | None:
        """The name under which sessions are passed on from here; None: they are not."""
        return self.stt.mark

    def leads_back(self, passed: Sequence[str]) -> bool:
        """Return whether a session would come back that these servers have passed on."""
        return self.mark is not None and leads_back(self.mark, passed)

    async def start(self) -> None:
        """Load all models, once, before the first session.

        Raises:
            ProviderSetupError: A provider cannot start, or a processor cannot be built; those
                that did start are closed again.
        """
        self.processors.check()
        await self.turn_models.start()
        started = []
        try:
            for provider in self._own:
                await provider.start()
                started.append(provider)
        except BaseException:
            for provider in started:
                await provider.close()
            raise

    async def close(self) -> None:
        """Release what `start` loaded."""
        self.turn_models.close()
        for provider in self._own:
            await provider.close()

    @property
    def capabilities(self) -> Capabilities:
        """What the providers can do; requests for more are refused by name."""
        return Capabilities(
            voices=self._voices(),
            voice_aliases=frozenset(
                name for name, own in self.tts.named_voices.items() if name != own
            ),
            languages=self.stt.languages,
            transcription_prompt=self.stt.accepts_prompt,
            images=self.llm.images,
            reasoning=self.llm.reasoning,
            forced_calls=self.llm.forced_calls,
            hears_audio=self.settings.llm.audio_input,
            audio_tokens_per_s=self.llm.audio_tokens_per_s or AUDIO_TOKENS_PER_S,
            translates=self.llm.translates,
            context_tokens=self.llm.context_tokens,
            llm_name=self.llm.label,
            stt_name=self.stt.label,
            tts_name=self.tts.label,
        )

    def _voices(self) -> frozenset[str] | None:
        own = self.tts.voices
        return None if own is None else own | self.tts.named_voices.keys()

    @property
    def voice_languages(self) -> list[tuple[str, str | None]]:
        """Name and language (BCP 47) of each voice; None: it speaks several, or does not tell."""
        return self.tts.voice_languages()

    def describe(self) -> dict[str, str]:
        """Return kind → the name of what is in use, for the start-up banner."""
        vad = self.settings.vad
        told = _("Silero (threshold {threshold:g}, {ms} ms of silence end a turn)")
        if vad.type == "none":
            told = _("Silero (turns are committed by the client)")
        own = {"Processors": ", ".join(self.processors.names)} if self.processors.names else {}
        return {
            "VAD": told.format(threshold=vad.threshold, ms=vad.silence_duration_ms),
            **{STAGES[kind]: label for kind, label in self.labels().items()},
            **own,
        }

    def stages(self) -> Mapping[StageKind, Provider]:
        """Return kind → provider, for those who tell of them."""
        return {"stt": self.stt, "llm": self.llm, "tts": self.tts}

    def labels(self) -> dict[StageKind, str]:
        """Return kind → the name of what is in use, and of a model that hears that it does."""
        told = {kind: provider.label for kind, provider in self.stages().items()}
        if "llm" in told and self.settings.llm.audio_input:
            heard = _("{model}, which hears the user's voice")
            told["llm"] = heard.format(model=self.llm.label)
        return told

    def redacted(self, text: str) -> str:
        """Return `text` with the secrets of all providers redacted."""
        for provider in self.stages().values():
            text = provider.redacted(text)
        return text

    def addresses(self) -> dict[StageKind, str]:
        """Return stage → the URL of its service, for stages that do not run in this process."""
        return {
            stage: provider.address
            for stage, provider in self.stages().items()
            if provider.address is not None
        }

    @property
    def recogniser_noise_reduced(self) -> bool:
        """Whether the recogniser gets the audio behind a session's noise reduction (§C.2)."""
        wanted = self.settings.stt.noise_reduced
        return self.stt.noise_reduced if wanted is None else wanted

    def tables(self, kind: Kind) -> str:
        """Return the name of the stack in whose tables the settings of a stage are."""
        return DEFAULT_STACK if getattr(self, kind) in self._usual else self.name

    def create_stt(self) -> STTService:
        """Build the recogniser of one session."""
        return self.stt.create()

    def create_llm(self, request: ResponseRequest) -> LLMService:
        """Build the model of one response."""
        return self.llm.create(request)

    def create_tts(self, request: ResponseRequest) -> TTSService:
        """Build the voice of one response."""
        return self.tts.create(request.voice)

    def hearing_pipeline(
        self,
        transport_input: FrameProcessor,
        service: FrameProcessor,
        transport_output: TranscriptOutput,
        tracing: TracingContext | None = None,
    ) -> RunningPipeline:
        """Start the pipeline that transcribes one session's turns.

        Args:
            transport_input: The first processor, into which turns are pushed.
            service: The recogniser, from `create_stt`.
            transport_output: The last processor, which reports transcripts.
            tracing: The context of the recogniser's spans; None: no tracing.

        Raises:
            ProviderSetupError: The recogniser's class is not supported, or a processor cannot be
                built.
        """
        return hearing_pipeline(
            transport_input, service, transport_output, self.settings.stt, tracing, self.processors
        )

    def response_pipeline(
        self,
        request: ResponseRequest,
        report: Callable[[ResponseReport], None],
        room: ClientRoom,
        tracing: TracingContext | None = None,
    ) -> ResponsePipeline:
        """Build the pipeline of one response.

        Args:
            request: What to generate.
            report: Takes the reports about the response.
            room: The client's back-pressure.
            tracing: The context of the services' spans; None: no tracing.

        Raises:
            ProviderSetupError: A service or a processor cannot be built.
        """
        if self.processors.before_model:
            # They change the messages, which are the conversation's and a speculation's too.
            request = replace(request, messages=deepcopy(request.messages))
        of, tables = self.settings, self.tables
        service = self.create_llm(request)
        llm = Stage("LLM", service, self.llm, Patience.of(of.llm), tables("llm"))
        tts = None
        if request.spoken:
            voice = self.create_tts(request)
            tts = Stage("TTS", voice, self.tts, Patience.of(of.tts), tables("tts"))
        return ResponsePipeline(request, llm, tts, report, room, tracing, self.processors)


class _Shared:
    """The pipelines of a session that has nothing of its own: all providers are the process's."""

    def __init__(self, manager: PipelineManager, passed: Sequence[str]) -> None:
        self._manager = manager
        self._passed = passed
        self.hearing_pipeline = manager.hearing_pipeline
        self.response_pipeline = manager.response_pipeline

    def create_stt(self) -> STTService:
        """Build the recogniser, which may itself pass the session on."""
        service = self._manager.create_stt()
        if isinstance(service, PassesOn):
            service.came_by(self._passed)
        return service

    async def close(self) -> None:
        """There is nothing to release."""


class UpstreamManager(PipelineManager):
    """A speech-to-speech service in place of the stages; each session has a connection to it."""

    def __init__(
        self,
        settings: Settings,
        upstream: UpstreamService,
        beside: Sequence[PipelineManager] = (),
        name: str = DEFAULT_STACK,
    ) -> None:
        """Put `upstream` in the place of the stages; the rest is as in `PipelineManager`.

        Raises:
            ProviderSetupError: There are processors, which stand between stages.
        """
        super().__init__(
            settings,
            stt=Ears(upstream),
            llm=Mind(upstream),
            tts=Mouth(upstream),
            beside=beside,
            name=name,
        )
        self.upstream = upstream

    def _check_processors(self) -> None:
        """Refuse all: they stand between stages."""
        if self.processors.names:
            raise ProviderSetupError(
                _(
                    "[processors] has {names}, but with an upstream there are no stages between "
                    "which processors could stand. Leave them out, or leave out [upstream]."
                ).format(names=", ".join(self.processors.names))
            )

    def for_session(self, passed: Sequence[str] = ()) -> SessionPipelines:
        """Begin what stands behind one session, which closes it at its end."""
        return UpstreamPipelines(self.upstream.session(passed), self.hearing_pipeline)

    @property
    def mark(self) -> str | None:
        """The upstream's."""
        return self.upstream.mark

    def stages(self) -> Mapping[StageKind, Provider]:
        """Return the upstream alone."""
        return {"upstream": self.upstream}

    async def start(self) -> None:
        """Load the turn detector and what the upstream needs."""
        await self.turn_models.start()
        await self.upstream.start()

    async def close(self) -> None:
        """Release what `start` loaded."""
        self.turn_models.close()
        await self.upstream.close()


def pipelines_for(
    settings: Settings,
    beside: Sequence[PipelineManager] = (),
    processors: Processors | None = None,
    name: str = DEFAULT_STACK,
) -> PipelineManager:
    """Build what the settings name: an upstream, or the three stages.

    Args:
        settings: Of the stack.
        beside: Managers of other stacks, as in `PipelineManager`.
        processors: Those between the stages, instead of the configured ones; an upstream has none.
        name: The stack's.

    Raises:
        ProviderSetupError: A provider does not exist or cannot work as configured.
    """
    if settings.upstream.provider is None:
        return PipelineManager(settings, processors=processors, beside=beside, name=name)
    return UpstreamManager(settings, load_upstream(settings.upstream, name), beside, name)
