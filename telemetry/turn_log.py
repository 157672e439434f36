"""What became of each session and each turn, and how long every stage of it took.

It listens to the events on their way out, so it sees what the client sees. A turn that is answered
has its line in the log when the response is over, one that nobody answers when its transcript is
there; a response that the client asked for by itself has one, too. Metrics and traces are made of
the same records. None of them ever holds words, audio or keys.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from loguru import logger
from pipecat.utils.tracing.tracing_context import TracingContext

from audio.formats import AudioFormat
from session.ports import FailureReason
from session.reports import Report, ResponseFailed, TurnFailed, TurnUnderstood
from telemetry.metrics import Metrics
from telemetry.tracing import SessionTrace, Untraced
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
    """A response that is under way."""

    item_id: str | None
    """The turn that it answers."""
    start: float
    """When that turn ended; without one, when the response was created."""
    bytes_per_ms: int
    moments: dict[Stage, float] = field(default_factory=dict)


class TurnLog:
    """The log of one session."""

    def __init__(
        self, session_id: str, metrics: Metrics, trace: SessionTrace | None = None
    ) -> None:
        """Start with nothing observed.

        Args:
            session_id: The `sess_…` id.
            metrics: What is counted over all sessions.
            trace: Where its turns are traced; None: nowhere.
        """
        self._session_id = session_id
        self._metrics = metrics
        self._trace = trace or Untraced()
        self._opened = time.monotonic()
        self._turns: dict[str, float] = {}
        """Turns that nobody answers so far, and that have no transcript yet → when they ended."""
        self._answers: dict[str, _Answer] = {}
        self._spoken: str | None = None
        """The turn that is being spoken."""
        self._turns_taken = 0
        self._responses = 0
        self._failure: FailureReason | None = None
        """The last one: the client is told of it in an event that does not say what is whose."""
        self._speculated = 0
        self._discarded = 0
        self._tracing: object = None

    def tracing(self, response_id: str | None = None) -> TracingContext | None:
        """Return under which Pipecat's services trace what they do; None: they do not.

        Args:
            response_id: For which response; None: for the turn that is being spoken, or will be.
        """
        answer = self._answers.get(response_id or "")
        if answer is not None and response_id is not None:
            return self._trace.of(answer.item_id or response_id)
        return self._trace.current if self._spoken is None else self._trace.of(self._spoken)

    def opened(self, client: str, model: str) -> None:
        """Note that a client connected."""
        self._metrics.session_opened()
        logger.bind(
            event="session.opened", session_id=self._session_id, client=client, model=model
        ).info(f"{self._session_id} opened by {client} for model {model}")

    def closed(self, reason: str) -> None:
        """Note that the session is over, and with it all that was under way."""
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
        logger.bind(
            event="session.closed",
            session_id=self._session_id,
            seconds=round(seconds, 3),
            turns=self._turns_taken,
            responses=self._responses,
            speculated=self._speculated,
            discarded=self._discarded,
            reason=reason,
        ).info(
            f"{self._session_id} closed after {seconds:.1f} s, {self._turns_taken} turns and "
            f"{self._responses} responses{waste}: {reason}"
        )

    def heard(self, audio_s: float) -> None:
        """The client appended audio."""
        self._metrics.audio_in.inc(audio_s)

    def understood(self, item_id: str) -> None:
        """The transcript of a turn is there."""
        for answer in self._answers.values():
            if answer.item_id == item_id:
                answer.moments["transcript"] = time.monotonic()
        self._turn_over(item_id, "transcribed")

    def unheard(self, item_id: str) -> None:
        """Nobody wants the transcript of a turn, or it was none."""
        if item_id == self._spoken:
            self._spoken = None
            self._trace.drop(item_id)
        self._turn_over(item_id, "committed")

    def failed(self, error: FailureReason) -> None:
        """A provider failed, whether or not the client will hear of it."""
        logger.debug(f"{self._session_id}: {error.message}")
        self._failure = error
        self._metrics.provider_errors.labels(error.stage or "none", error.code).inc()

    def not_transcribed(self, item_id: str, error: FailureReason) -> None:
        """Audio has no transcript. Where a response needs it, that will fail, and say so."""
        if item_id in self._turns:
            self._turn_over(item_id, "failed", error)
        elif all(answer.item_id != item_id for answer in self._answers.values()):
            logger.bind(
                event="transcription.failed",
                session_id=self._session_id,
                item_id=item_id,
                error_code=error.code,
            ).warning(f"{self._session_id} {item_id} was not transcribed: {error.for_log}")

    def reported(self, report: Report) -> None:
        """Take note of what a pipeline reports."""
        match report:
            case TurnUnderstood(item_id):
                self.understood(item_id)
            case TurnFailed(item_id, error):
                self.not_transcribed(item_id, error)
            case ResponseFailed(error=error):
                self.failed(error)

    def played(self, response_id: str, length: int) -> None:
        """So many bytes of a response's audio are on their way to the client."""
        answer = self._answers[response_id]
        answer.moments.setdefault("first_audio", time.monotonic())
        self._metrics.audio_out.inc(length / answer.bytes_per_ms / 1000)

    def speculated(self) -> None:
        """An answer was begun before the turn was over."""
        self._speculated += 1
        self._metrics.speculations.inc()

    def discarded(self) -> None:
        """Such an answer was thrown away."""
        self._discarded += 1
        self._metrics.speculations_discarded.inc()

    def observe(self, event: ServerEvent) -> None:
        """Take note of an event that is sent now."""
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
        """Log under which names the client wants to find the session again (§C.2)."""
        if tracing == self._tracing:
            return
        self._tracing = tracing
        if isinstance(tracing, dict):
            names = ", ".join(f"{name} {value!r}" for name, value in tracing.items() if value)
            logger.bind(event="session.traced", session_id=self._session_id).info(
                f"{self._session_id} is traced as {names}"
            )

    def _response_created(self, response: ResponseBody, now: float) -> None:
        item_id, start = None, now
        # Responses beside the conversation answer nobody.
        if self._turns and response["conversation_id"] is not None:
            item_id, start = self._turns.popitem()
        audio_format = AudioFormat(response["audio"]["output"]["format"]["type"])
        self._answers[response["id"]] = _Answer(item_id, start, audio_format.bytes_per_ms)
        self._trace.begin(item_id or response["id"], spoken=False)

    def _response_over(
        self, response_id: str, outcome: str, error: FailureBody | None = None
    ) -> None:
        answer = self._answers.pop(response_id)
        self._responses += 1
        now = time.monotonic()
        moments = {**answer.moments, "done": now}
        record = TurnRecord(
            session_id=self._session_id,
            response_id=response_id,
            item_id=answer.item_id,
            outcome=outcome,
            started_at=time.time() - (now - answer.start),
            stages={stage: moments[stage] - answer.start for stage in STAGES if stage in moments},
            error_code=error["code"] if error else None,
        )
        reason = error["message"] if error else None
        if self._failure is not None and self._failure.message == reason:
            reason = self._failure.for_log
        self._report(answer.item_id or response_id, record, reason)

    def _turn_over(self, item_id: str, outcome: str, error: FailureReason | None = None) -> None:
        """A turn is over that no response answers; nothing happens for any other item."""
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
        )
        self._report(item_id, record, error.for_log if error else None)

    def _report(self, turn: str, record: TurnRecord, reason: str | None) -> None:
        self._metrics.turn_over(record)
        self._trace.end(turn, record)
        ids = {"item_id": record.item_id, "response_id": record.response_id}
        known = {name: value for name, value in ids.items() if value}
        bound = logger.bind(
            event="response" if record.response_id else "turn",
            session_id=record.session_id,
            **known,
            outcome=record.outcome,
            **{f"{stage}_ms": round(s * 1000, 1) for stage, s in record.stages.items()},
            **({"error_code": record.error_code} if reason else {}),
        )
        stages = ", ".join(
            f"{stage.replace('_', ' ')} {seconds * 1000:.0f} ms"
            for stage, seconds in record.stages.items()
        )
        line = ": ".join(
            part
            for part in (
                " ".join([record.session_id, *known.values(), record.outcome]),
                stages,
                reason,
            )
            if part
        )
        if reason:
            bound.warning(line)
        else:
            bound.info(line)
