"""Supervises the stages of one response: time-outs and failures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pipecat.frames.frames import ErrorFrame
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from answering.voice_lead import VoiceLead
from flow.steps import Breather
from flow.watchdog import Patience, Watchdog
from own_processors.chain import Chain
from providers.base import Provider
from providers.errors import failure_reason
from providers.frames import CompletionFrame, counted_so_far
from session.ports import ClientRoom, FailureReason, ResponseRequest
from session.reports import ResponseFailed, ResponseFinished, ResponseReport, TokensCounted
from settings.stacks import DEFAULT_STACK

_Service = TypeVar("_Service", LLMService, TTSService)


@dataclass(frozen=True, slots=True)
class Stage(Generic[_Service]):
    """A service built for one response, with its provider and time-outs."""

    name: Literal["LLM", "TTS"]
    service: _Service
    provider: Provider
    patience: Patience
    stack: str = DEFAULT_STACK
    """The stack in whose tables the provider's settings are."""


class Supervision:
    """Passes on the reports of one response's processors, and watches their time-outs."""

    def __init__(
        self,
        request: ResponseRequest,
        report: Callable[[ResponseReport], None],
        client: ClientRoom,
        llm: Stage[LLMService],
        tts: Stage[TTSService] | None,
    ) -> None:
        self.request = request
        self.report = report
        self._completion = CompletionFrame("stop")
        self._client = client
        self._llm = llm
        self._tts = tts
        self._llm_watch = Watchdog(lambda limit_s: self._silent(llm, limit_s))
        self._tts_watch = Watchdog(lambda limit_s: self._silent(tts or llm, limit_s))
        self._llm_ended = False
        self._text_ended = False
        self.chains: list[Chain] = []
        """Processors of one's own in this response."""
        self._breather = Breather()
        self.lead = VoiceLead()

    async def room(self) -> None:
        """Wait until the client has read enough; that time does not count as silence of a stage."""
        # A service that has buffered its results would never yield to the event loop otherwise.
        await self._breather.breathe()
        if self._client.has_room:
            return
        with ExitStack() as held:
            for watch in (self._llm_watch, self._tts_watch):
                held.enter_context(watch.held())
            for chain in self.chains:
                for watch in chain.watches:
                    held.enter_context(watch.held())
            await self._client.room()

    def started(self) -> None:
        """Note that the model was asked: its first result is due."""
        self._llm_watch.expect(self._llm.patience.first_s)

    def model_moved(self) -> None:
        """Note that the model made something: more is due."""
        if not self._llm_ended:
            self._llm_watch.expect(self._llm.patience.next_s)

    def model_told(self, completion: CompletionFrame) -> None:
        """Note how the model ended, and report what it has cost: the voice may still fail."""
        self._completion = completion
        if completion.usage is not None:
            self.report(TokensCounted(self.request.response_id, completion.usage))

    def model_ended(self) -> None:
        """Note that the model has ended."""
        self._llm_ended = True
        self._llm_watch.rest()

    def text_ended(self) -> None:
        """Note that the voice gets no more text; it still has to speak what it was given."""
        self._text_ended = True
        if self._tts is not None and not self._tts_watch.waiting:
            self._tts_watch.expect(self._tts.patience.first_s)

    def voice_given(self) -> None:
        """Note that the voice was given a clause: its audio is due."""
        if self._tts is not None and not self._tts_watch.waiting:
            self._tts_watch.expect(self._tts.patience.first_s)

    def voice_moved(self) -> None:
        """Note that the voice made audio; more is due only once it has been given all text."""
        if self._tts is not None and self._text_ended:
            self._tts_watch.expect(self._tts.patience.next_s)
        else:
            self._tts_watch.rest()

    def voice_ended(self) -> None:
        """Note that the voice has spoken all."""
        self._tts_watch.retire()

    def processing(self, *, on: bool) -> None:
        """Note that a processor of one's own is at work, or is done: no stage is silent then."""
        for watch in (self._llm_watch, self._tts_watch):
            if on:
                watch.hold()
            else:
                watch.release()

    def finished(self) -> None:
        """Report that the response is complete."""
        self.unwatched()
        completion = self._completion
        self.report(ResponseFinished(self.request.response_id, completion.reason, completion.usage))

    def failed(self, stage: Stage[Any], frame: ErrorFrame) -> None:
        """Report that a stage failed."""
        self.fail(failure_reason(stage.name, stage.provider, frame, stage.stack))

    def fail(self, error: FailureReason) -> None:
        """Report why the response failed."""
        self.unwatched()
        counted = counted_so_far(self._llm.service)
        if self._completion.usage is None and counted is not None:
            self.report(TokensCounted(self.request.response_id, counted, so_far=True))
        self.report(ResponseFailed(self.request.response_id, error))

    def unwatched(self) -> None:
        """End the time-outs; output of stages that are being stopped does not restart them."""
        self._llm_watch.retire()
        self._tts_watch.retire()
        for chain in self.chains:
            chain.over()

    def _silent(self, stage: Stage[Any], limit_s: float) -> None:
        if any(chain.setting_up for chain in self.chains):
            # The stage was given nothing yet.
            (self._llm_watch if stage is self._llm else self._tts_watch).expect(limit_s)
            return
        text = f"the service has been silent for {limit_s:g} s"
        self.failed(stage, ErrorFrame(text, category=ErrorCategory.CONNECTIVITY))
