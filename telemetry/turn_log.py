"""Logs the outcome of each session and turn, and the time that each of its stages took.

It observes outgoing events, so it sees what the client sees. A turn with a response is logged when
the response ends, a turn without one when its transcript is there, and a response without a turn,
too. Metrics and traces are made from the same records. None of them holds text, audio or keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from loguru import logger
from pipecat.utils.tracing.tracing_context import TracingContext

from audio.formats import AudioFormat
from session.ports import FailureReason
from session.reports import Report, ResponseFailed, TurnFailed, TurnUnderstood
from settings.stacks import DEFAULT_STACK
from telemetry.call_figures import CallFigures
from telemetry.key_masks import without_keys
from telemetry.metrics import Metrics
from telemetry.tracing import SessionTrace, Untraced
from telemetry.turn_lines import call_fields, call_words, log_over
from telemetry.turn_record import STAGES, Stage, TurnRecord
from wire.event_record import FailureBody, ResponseBody, ServerEvent
from wire.response_events import (
    OutputAudioTranscriptDelta,
    OutputTextDelta,
    ResponseCreated,
    ResponseDone,
)
from wire.session_events import BufferCommitted, BufferSpeechStarted, SessionUpdated


@dataclass(slots=True)
class _Answer:
    """A response in progress."""

    item_id: str | None
    """The item of the turn that it answers."""
    start: float
    """When that turn ended; without one, when the response was created."""
    bytes_per_ms: int
    moments: dict[Stage, float] = field(default_factory=dict)
    not_transcribed: FailureReason | None = None
    """Why that turn has no transcript, if it is known to have none."""


class TurnLog:
    """The log of one session."""

    counted: ClassVar[tuple[str, str]] = ("turns", "responses")
    """What is counted of it: what came, and what was made of it."""

    def __init__(
        self,
        session_id: str,
        metrics: Metrics,
        trace: SessionTrace | None = None,
        stack: str = DEFAULT_STACK,
        note: Callable[[TurnRecord], None] | None = None,
    ) -> None:
        """Start with nothing observed.

        Args:
            session_id: The `sess_…` id.
            metrics: The metrics of all sessions.
            trace: The session's traces; None: no tracing.
            stack: The name of its stack.
            note: Is told every turn and response that is over; None: nobody is.
        """
        self._session_id = session_id
        self._note = note
        self._metrics = metrics.of(stack)
        self._stack = stack
        self._on = "" if stack == DEFAULT_STACK else f", stack {stack}"
        self._trace = trace or Untraced()
        self._opened = time.monotonic()
        self._turns: dict[str, float] = {}
        """Item id → when the turn ended, of turns without a response or a transcript so far."""
        self._answers: dict[str, _Answer] = {}
        self._asked: dict[str, float] = {}
        """Response id → when its output was asked for, of responses not announced yet."""
        self._spoken: str | None = None
        """The item id of the open turn."""
        self._turns_taken = 0
        self._responses = 0
        self._failure: FailureReason | None = None
        """The last failure: `response.done` has its message, but not the one for the log."""
        self._speculated = 0
        self._discarded = 0
        self._tracing: object = None
        """`tracing` of the session's settings, as it was logged last."""

    def tracing(self, response_id: str | None = None) -> TracingContext | None:
        """Return the context of Pipecat's spans; None: no tracing.

        Args:
            response_id: The response to trace; None: the open turn or, without one, the last.
        """
        answer = self._answers.get(response_id or "")
        if answer is not None and response_id is not None:
            return self._trace.of(answer.item_id or response_id)
        return self._trace.current if self._spoken is None else self._trace.of(self._spoken)

    def opened(self, client: str, model: str, call_id: str | None = None) -> None:
        """Note that a client connected, or that its call was answered."""
        self._metrics.session_opened()
        call = {} if call_id is None else {"call_id": call_id}
        by = "" if call_id is None else f", call {call_id}"
        logger.bind(
            event="session.opened",
            session_id=self._session_id,
            client=client,
            model=model,
            stack=self._stack,
            **call,
        ).info(
            f"{self._session_id} opened by {client} for model {without_keys(model)}{self._on}{by}"
        )

    def resumed(self, items: int) -> None:
        """Note that the session goes on where another one ended, with so many items."""
        self._metrics.resumed.inc()
        logger.bind(
            event="session.resumed", session_id=self._session_id, stack=self._stack, items=items
        ).info(f"{self._session_id} goes on with {items} items")

    def unconnected(self, reason: str) -> None:
        """Note that the client of a call could not connect; `reason` says what to do about it."""
        self.never_began()
        logger.bind(event="call.unconnected", session_id=self._session_id, reason=reason).warning(
            f"{self._session_id} never connected: {reason}"
        )

    def never_began(self) -> None:
        """Count a call whose client was never connected."""
        self._metrics.all.calls.labels("unconnected").inc()

    def closed(self, reason: str, call: CallFigures | None = None) -> None:
        """Note that the session ended, and with it all turns and responses in progress.

        Args:
            reason: Why it ended.
            call: How well the audio of its call came through; None: it was none, or none came.
        """
        for response_id in list(self._answers):
            self._response_over(response_id, "abandoned")
        for item_id in list(self._turns):
            self._turn_over(item_id, "abandoned")
        if self._spoken is not None:
            self._trace.drop(self._spoken)
        self._metrics.session_closed()
        seconds = time.monotonic() - self._opened
        waste = (
            f", {self._discarded} of {self._speculated} begun early in vain"
            if self._speculated
            else ""
        )
        figures = {} if call is None else call_fields(call)
        came, made = self.counted
        if call is not None:
            self._metrics.all.call_over(call)
        logger.bind(
            event="session.closed",
            session_id=self._session_id,
            stack=self._stack,
            seconds=round(seconds, 3),
            **{came: self._turns_taken, made: self._responses},
            speculated=self._speculated,
            discarded=self._discarded,
            reason=reason,
            **figures,
        ).info(
            f"{self._session_id} closed after {seconds:.1f} s, {self._turns_taken} {came} and "
            f"{self._responses} {made}{waste}{call_words(figures)}: {reason}"
        )

    def appended(self, audio_s: float) -> None:
        """Count appended audio, in seconds."""
        self._metrics.audio_in.inc(audio_s)

    def understood(self, item_id: str) -> None:
        """Note that the transcript of a turn is there."""
        for answer in self._answers.values():
            if answer.item_id == item_id:
                answer.moments["transcript"] = time.monotonic()
        self._turn_over(item_id, "transcribed")

    def unheard(self, item_id: str) -> None:
        """Note that a turn was dropped, or needs no transcript."""
        if item_id == self._spoken:
            self._spoken = None
            self._trace.drop(item_id)
        self._turn_over(item_id, "committed")

    def hears_echo(self) -> None:
        """Note that the microphone hears what the client plays."""
        self._metrics.echo.inc()
        logger.bind(event="echo.heard", session_id=self._session_id).info(
            f"{self._session_id} hears its own voice from a loudspeaker and takes it for no turn: "
            "headphones help, or the client's echo cancellation"
        )

    def echoed(self, item_id: str) -> None:
        """Note that a turn was dropped whose words were the server's own."""
        self._metrics.turn_dropped("echo")
        logger.bind(event="turn.echo", session_id=self._session_id, item_id=item_id).warning(
            f"{self._session_id} {item_id} repeats what is just being said, and is not answered: "
            "headphones help, or the client's echo cancellation"
        )

    def failed(self, error: FailureReason) -> None:
        """Count a provider's failure, whether or not it reaches the client."""
        logger.debug(f"{self._session_id}: {error.message}")
        self._failure = error
        self._metrics.provider_failed(error.stage or "none", error.code)

    def not_transcribed(self, item_id: str, error: FailureReason) -> None:
        """Log that transcription failed, unless a response fails for it and is logged itself."""
        if item_id in self._turns:
            self._turn_over(item_id, "failed", error)
            return
        answer = next((one for one in self._answers.values() if one.item_id == item_id), None)
        if answer is not None:
            # Unless the model hears the turn, the response fails for it.
            answer.not_transcribed = error
        else:
            self._log_untranscribed(item_id, error)

    def _log_untranscribed(self, item_id: str, error: FailureReason) -> None:
        logger.bind(
            event="transcription.failed",
            session_id=self._session_id,
            stack=self._stack,
            item_id=item_id,
            error_code=error.code,
        ).warning(f"{self._session_id} {item_id} was not transcribed{self._on}: {error.for_log}")

    def reported(self, report: Report) -> None:
        """Note a pipeline's report."""
        match report:
            case TurnUnderstood(item_id):
                self.understood(item_id)
            case TurnFailed(item_id, error):
                self.not_transcribed(item_id, error)
            case ResponseFailed(error=error):
                self.failed(error)

    def asked_for(self, response_id: str) -> None:
        """Note that a response's output is asked for; it may be announced later (§B.13)."""
        if response_id not in self._answers:
            self._asked[response_id] = time.monotonic()

    def played(self, response_id: str, length: int) -> None:
        """Note `length` bytes of a response's audio that are sent now."""
        answer = self._answers[response_id]
        answer.moments.setdefault("first_audio", time.monotonic())
        self._metrics.audio_out.inc(length / answer.bytes_per_ms / 1000)

    def speculated(self) -> None:
        """Count a speculative response."""
        self._speculated += 1
        self._metrics.speculations.inc()

    def discarded(self) -> None:
        """Count a speculative response that was discarded."""
        self._discarded += 1
        self._metrics.speculations_discarded.inc()

    def observe(self, event: ServerEvent) -> None:
        """Note an event that is sent now."""
        now = time.monotonic()
        match event:
            case OutputTextDelta() | OutputAudioTranscriptDelta():
                self._answers[event.response_id].moments.setdefault("first_text", now)
            case SessionUpdated(session):
                self._traced(session.get("tracing"))
            case BufferSpeechStarted():
                self._spoken = event.item_id
                self._trace.begin(self._spoken, spoken=True)
            case BufferCommitted():
                self._spoken = None
                self._trace.begin(event.item_id, spoken=True)
                self._turns[event.item_id] = now
                self._turns_taken += 1
                self._metrics.turns.inc()
            case ResponseCreated(response):
                self._response_created(response, now)
            case ResponseDone(response):
                error = (response["status_details"] or {}).get("error")
                self._response_over(response["id"], response["status"], error)

    def _traced(self, tracing: object) -> None:
        """Log the names under which the client traces the session (§C.2)."""
        if tracing == self._tracing:
            return
        self._tracing = tracing
        if isinstance(tracing, dict):
            names = ", ".join(f"{name} {value!r}" for name, value in tracing.items() if value)
            logger.bind(event="session.traced", session_id=self._session_id).info(
                f"{self._session_id} is traced as {names}"
            )

    def _response_created(self, response: ResponseBody, now: float) -> None:
        item_id, start = None, self._asked.pop(response["id"], now)
        # Responses outside the conversation answer no turn.
        if self._turns and response["conversation_id"] is not None:
            item_id, start = self._turns.popitem()
        audio_format = AudioFormat.read(response["audio"]["output"]["format"])
        self._answers[response["id"]] = _Answer(item_id, start, audio_format.bytes_per_ms)
        self._trace.begin(item_id or response["id"], spoken=False)

    def _response_over(
        self, response_id: str, outcome: str, error: FailureBody | None = None
    ) -> None:
        answer = self._answers.pop(response_id)
        self._responses += 1
        now = time.monotonic()
        moments = {**answer.moments, "done": now}
        reason = error["message"] if error else None
        failure = self._failure if self._failure and self._failure.message == reason else None
        record = TurnRecord(
            session_id=self._session_id,
            response_id=response_id,
            item_id=answer.item_id,
            outcome=outcome,
            started_at=time.time() - (now - answer.start),
            stages={stage: moments[stage] - answer.start for stage in STAGES if stage in moments},
            error_code=error["code"] if error else None,
            error_stage=failure.stage if failure else None,
        )
        missing = answer.not_transcribed
        if answer.item_id is not None and missing is not None and missing.message != reason:
            self._log_untranscribed(answer.item_id, missing)
        if failure is not None:
            reason = failure.for_log
        self._report(answer.item_id or response_id, record, reason)

    def _turn_over(self, item_id: str, outcome: str, error: FailureReason | None = None) -> None:
        """Report a turn without a response; other items are ignored."""
        ended = self._turns.pop(item_id, None)
        if ended is None:
            return
        seconds = time.monotonic() - ended
        record = TurnRecord(
            session_id=self._session_id,
            response_id=None,
            item_id=item_id,
            outcome=outcome,
            started_at=time.time() - seconds,
            stages={"transcript": seconds} if outcome == "transcribed" else {},
            error_code=error.code if error else None,
            error_stage=error.stage if error else None,
        )
        self._report(item_id, record, error.for_log if error else None)

    def _report(self, turn: str, record: TurnRecord, reason: str | None) -> None:
        self._metrics.turn_over(record)
        self._trace.end(turn, record)
        if self._note is not None:
            self._note(record)
        ids = {"item_id": record.item_id, "response_id": record.response_id}
        known = {name: value for name, value in ids.items() if value}
        log_over(
            "response" if record.response_id else "turn",
            " ".join([record.session_id, *known.values(), record.outcome]) + self._on,
            record.stages,
            reason or None,
            record.error_code,
            session_id=record.session_id,
            stack=self._stack,
            **known,
            outcome=record.outcome,
        )
