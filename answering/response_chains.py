"""The processors of one's own in one response: what is built between its stages, and watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService

from answering.processed_answer import ClientOutput, VoiceInput, VoiceOutput
from answering.supervision import Stage, Supervision
from answering.voice_lead import VoiceLead
from answering.whole_clauses import WholeClauses
from own_processors.chain import Chain, Job
from own_processors.places import Place, Processors
from own_processors.unfit_frames import UnfitFrame, unfit
from session.ports import FailureReason, ResponseRequest


class ResponseChain(Chain):
    """The processors of one place in a response; a failure of one fails the response."""

    def __init__(
        self, processors: Processors, place: Place, last: type[Frame], supervision: Supervision
    ) -> None:
        """Build them.

        Args:
            processors: All that there are.
            place: Where these stand.
            last: What has to come out of them.
            supervision: Of the response.

        Raises:
            ProviderSetupError: One cannot be built.
        """

        def failed(_job: Job, reason: FailureReason) -> None:
            supervision.fail(reason)

        super().__init__(processors.make(place), processors.limit_s, failed)
        self._last = last
        self._spoken = place != "before_client"
        self._supervision = supervision
        supervision.chains.append(self)
        self.beside = supervision.chains

    def job(self, frame: Frame) -> Job | None:
        """Return the response, of which all frames are."""
        return self._supervision.request.response_id

    def is_last(self, frame: Frame) -> bool:
        """Return whether it is the frame that has to come out."""
        return isinstance(frame, self._last)

    def in_progress(self) -> Sequence[Job]:
        """Return the response."""
        return [self._supervision.request.response_id]

    def in_vain(self, frame: Frame) -> str | None:
        """Return why a frame has no effect; before the voice, what is to be spoken has one."""
        has_effect = isinstance(frame, TTSAudioRawFrame) or (
            self._spoken and isinstance(frame, TTSSpeakFrame)
        )
        return None if has_effect else super().in_vain(frame)

    def begun(self, frame: Frame) -> None:
        """Suspend the time-outs of the stages."""
        self._supervision.processing(on=True)

    def ended(self, frame: Frame) -> None:
        """Go on with them."""
        self._supervision.processing(on=False)

    def goes_in(self) -> None:
        """Note that what has to come out goes in."""
        self.entered(self._supervision.request.response_id)

    def comes_out(self) -> None:
        """Note that it has come out."""
        self.left(self._supervision.request.response_id)

    def between(self, before: FrameProcessor, behind: FrameProcessor) -> None:
        """Notice by its neighbours what goes in and what comes out."""

        async def goes_in(_processor: FrameProcessor, frame: Frame) -> None:
            if self.is_last(frame):
                self.goes_in()

        async def comes_out(_processor: FrameProcessor, frame: Frame) -> None:
            if self.is_last(frame):
                self.comes_out()

        before.add_event_handler("on_before_push_frame", goes_in)
        behind.add_event_handler("on_before_process_frame", comes_out)


class AudioChain(ResponseChain):
    """The same behind the voice, which waits while too much of its audio is on its way."""

    def __init__(self, processors: Processors, supervision: Supervision) -> None:
        super().__init__(processors, "before_client", LLMFullResponseEndFrame, supervision)
        self._lead: VoiceLead = supervision.lead
        self._taken: dict[int, int] = {}
        """Bytes of the frames that processors are at, which they may change."""

    def begun(self, frame: Frame) -> None:
        """Remember how much audio it is."""
        super().begun(frame)
        if isinstance(frame, OutputAudioRawFrame):
            self._taken[id(frame)] = len(frame.audio)

    def ended(self, frame: Frame) -> None:
        """Count what was taken as gone: what was made of it was counted when it was pushed."""
        super().ended(frame)
        self._lead.take(self._taken.pop(id(frame), 0))

    def pushed(self, frame: Frame) -> None:
        """Count what goes on."""
        if isinstance(frame, OutputAudioRawFrame):
            self._lead.go_on(len(frame.audio))


def processed_stages(
    processors: Processors,
    supervision: Supervision,
    llm: Stage[LLMService],
    tts: Stage[TTSService] | None,
) -> list[FrameProcessor]:
    """Return what stands behind the model of a response, with processors of one's own.

    Raises:
        ProviderSetupError: A processor cannot be built.
    """
    cutter, output = WholeClauses(supervision), ClientOutput(supervision)
    voice: list[FrameProcessor] = []
    client: list[FrameProcessor] = []
    if processors.before_voice:
        voice_chain = ResponseChain(
            processors, "before_voice", LLMFullResponseEndFrame, supervision
        )
        voice += voice_chain.processors
    if processors.before_client:
        client_chain = AudioChain(processors, supervision)
        client += client_chain.processors
    given = VoiceInput(supervision, [*client, output][0])
    spoken = [] if tts is None else [tts.service, VoiceOutput(supervision)]
    if processors.before_voice:
        voice_chain.between(cutter, given)
    if processors.before_client:
        client_chain.between([given, *spoken][-1], output)
    return [llm.service, cutter, *voice, given, *spoken, *client, output]


class ModelGate(FrameProcessor):
    """Precedes the model: keeps from it what was changed behind the processor that checked it."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Refuse a context that no model can be asked with.

        Raises:
            UnfitFrame: Says what is wrong with it.
        """
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame) and (why := unfit(frame)) is not None:
            raise UnfitFrame(f"it changed what it had pushed to {why}")
        await self.push_frame(frame, direction)


class ModelInput:
    """The processors before the model: what they make of a request is what the model is asked."""

    def __init__(
        self,
        processors: Processors,
        supervision: Supervision,
        service: LLMService[Any],
        request: ResponseRequest,
    ) -> None:
        """Build them.

        Args:
            processors: All that there are.
            supervision: Of the response.
            service: The model.
            request: What it was built for. Many services read that and not the frame, so its
                messages become those of the frame; nobody else may hold them.

        Raises:
            ProviderSetupError: One cannot be built.
        """
        self._chain = chain = ResponseChain(
            processors, "before_model", LLMContextFrame, supervision
        )
        self.processors = [*chain.processors, ModelGate()]

        async def asked(_service: FrameProcessor, frame: Frame) -> None:
            if isinstance(frame, LLMContextFrame):
                request.messages[:] = cast(Any, frame.context.get_messages())
                chain.comes_out()
                supervision.started()

        service.add_event_handler("on_before_process_frame", asked)

    def started(self) -> None:
        """Note that the request goes in."""
        self._chain.goes_in()
