"""What became of each session and each response, and how long every stage of it took.

It listens to the events on their way out, so it sees what the client sees. The log gets one line
per session and per response; metrics and traces are made of the same records. None of them ever
holds words, audio or keys.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from loguru import logger

from audio_format import AudioFormat
from generation import ProviderError
from metrics import Metrics
from protocol import ServerEvent
from tracing import Tracer
from turn_record import STAGES, Stage, TurnRecord

_FIRST_AUDIO = {"response.output_audio.delta"}
_FIRST_TEXT = {"response.output_text.delta", "response.output_audio_transcript.delta"}


@dataclass(slots=True)
class _Turn:
    """A turn that was committed."""

    item_id: str
    ended: float
    transcribed: float | None = None


@dataclass(slots=True)
class _Answer:
    """A response that is under way."""

    created: float
    turn: _Turn | None
    bytes_per_ms: int
    moments: dict[Stage, float] = field(default_factory=dict)


class TurnLog:
    """The log of one session."""

    def __init__(self, session_id: str, metrics: Metrics, tracer: Tracer | None = None) -> None:
        """Start with nothing observed.

        Args:
            session_id: The `sess_…` id.
            metrics: What is counted over all sessions.
            tracer: Where turns are traced; None: nowhere.
        """
        self._session_id = session_id
        self._metrics = metrics
        self._tracer = tracer
        self._opened = time.monotonic()
        self._turn: _Turn | None = None
        self._answers: dict[str, _Answer] = {}
        self._responses = 0
        self._speculated = 0
        self._discarded = 0
        self._tracing: object = None

    def opened(self, client: str, model: str) -> None:
        """Note that a client connected."""
        self._metrics.session_opened()
        logger.bind(
            event="session.opened", session_id=self._session_id, client=client, model=model
        ).info(f"{self._session_id} opened by {client} for model {model}")

    def closed(self, reason: str) -> None:
        """Note that the session is over."""
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
            responses=self._responses,
            speculated=self._speculated,
            discarded=self._discarded,
            reason=reason,
        ).info(
            f"{self._session_id} closed after {seconds:.1f} s and {self._responses} responses"
            f"{waste}: {reason}"
        )

    def heard(self, audio_s: float) -> None:
        """The client appended audio."""
        self._metrics.audio_in.inc(audio_s)

    def understood(self, item_id: str) -> None:
        """The transcript of a turn is there."""
        for turn in [self._turn, *(answer.turn for answer in self._answers.values())]:
            if turn is not None and turn.item_id == item_id:
                turn.transcribed = time.monotonic()

    def failed(self, error: ProviderError) -> None:
        """A stage of a turn failed."""
        self._metrics.provider_errors.labels(error.stage or "none", error.code).inc()

    def not_transcribed(self, item_id: str, error: ProviderError) -> None:
        """A turn has no transcript."""
        self.failed(error)
        logger.bind(
            event="transcription.failed",
            session_id=self._session_id,
            item_id=item_id,
            error_code=error.code,
        ).warning(f"{self._session_id} {item_id} was not transcribed: {error.message}")

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
        kind = event["type"]
        if kind == "session.updated":
            self._traced(event["session"].get("tracing"))
        elif kind == "input_audio_buffer.committed":
            self._turn = _Turn(event["item_id"], now)
            self._metrics.turns.inc()
        elif kind == "response.created":
            response = event["response"]
            audio_format = AudioFormat(response["audio"]["output"]["format"]["type"])
            self._answers[response["id"]] = _Answer(now, self._turn, audio_format.bytes_per_ms)
            self._turn = None
        elif kind == "response.done":
            self._finished(event["response"], now)
        elif kind in _FIRST_TEXT:
            self._answers[event["response_id"]].moments.setdefault("first_text", now)
        elif kind in _FIRST_AUDIO:
            answer = self._answers[event["response_id"]]
            answer.moments.setdefault("first_audio", now)
            # The length of base64 says how much is in it, but for two bytes.
            audio_ms = len(event["delta"]) * 3 / 4 / answer.bytes_per_ms
            self._metrics.audio_out.inc(audio_ms / 1000)

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

    def _finished(self, response: ServerEvent, now: float) -> None:
        answer = self._answers.pop(response["id"])
        self._responses += 1
        moments = {**answer.moments, "done": now}
        start = answer.created
        if answer.turn is not None:
            start = answer.turn.ended
            if answer.turn.transcribed is not None:
                moments["transcript"] = answer.turn.transcribed
        error = (response["status_details"] or {}).get("error")
        record = TurnRecord(
            session_id=self._session_id,
            response_id=response["id"],
            item_id=answer.turn.item_id if answer.turn is not None else None,
            outcome=response["status"],
            started_at=time.time() - (now - start),
            stages={stage: moments[stage] - start for stage in STAGES if stage in moments},
            error_code=error and error["code"],
        )
        self._metrics.responded(record)
        if self._tracer is not None:
            self._tracer.trace(record)
        self._log(record, error and error["message"])

    def _log(self, record: TurnRecord, reason: str | None) -> None:
        bound = logger.bind(
            event="response",
            session_id=record.session_id,
            response_id=record.response_id,
            outcome=record.outcome,
            **{f"{stage}_ms": round(s * 1000, 1) for stage, s in record.stages.items()},
            **({"item_id": record.item_id} if record.item_id else {}),
            **({"error_code": record.error_code} if reason else {}),
        )
        stages = ", ".join(
            f"{stage.replace('_', ' ')} {seconds * 1000:.0f} ms"
            for stage, seconds in record.stages.items()
        )
        line = f"{record.session_id} {record.response_id} {record.outcome}: {stages}"
        if reason:
            bound.warning(f"{line}: {reason}")
        else:
            bound.info(line)
