"""Logs a translation session: each clause, its outcome, and the time from its last word (§B.14).

As everywhere in the log, there is no text, no audio and no key in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from flow.file_pace import FilePace
from session.ports import FailureReason
from settings.stacks import DEFAULT_STACK
from telemetry.call_figures import CallFigures
from telemetry.metrics import Metrics
from telemetry.tracing import SessionTrace
from telemetry.turn_lines import log_over
from telemetry.turn_log import TurnLog
from telemetry.turn_record import ClauseStage, Stage, TurnRecord


@dataclass(slots=True)
class _Clause:
    """A clause that is not over."""

    start: float | None
    """When its last word ended; None: its audio came faster than it was spoken."""
    moments: dict[ClauseStage, float] = field(default_factory=dict)
    """When each stage was reached, in their order."""


class ClauseLog(TurnLog):
    """The log of one translation session."""

    counted = ("utterances", "clauses")

    def __init__(
        self,
        session_id: str,
        metrics: Metrics,
        trace: SessionTrace | None = None,
        stack: str = DEFAULT_STACK,
        note: Callable[[TurnRecord], None] | None = None,
    ) -> None:
        """Start with nothing observed; see `TurnLog`."""
        super().__init__(session_id, metrics, trace, stack, note)
        self._clauses: dict[str, _Clause] = {}
        self._pace = FilePace(time.monotonic())
        self._appended_s = 0.0
        self._fast_until_s = 0.0
        """Audio up to here came faster than real time."""

    def uttered(self) -> None:
        """Count an utterance that has ended."""
        self._turns_taken += 1

    def cut(self, clause_id: str, age_ms: float) -> None:
        """Note a clause whose last word ended `age_ms` milliseconds ago."""
        age_s = age_ms / 1000
        fast = self._appended_s - age_s < self._fast_until_s
        self._clauses[clause_id] = _Clause(None if fast else time.monotonic() - age_s)

    def appended(self, audio_s: float) -> None:
        """Note `audio_s` seconds of audio that are heard next."""
        super().appended(audio_s)
        self._appended_s += audio_s
        if self._pace.take(audio_s, time.monotonic()):
            self._fast_until_s = self._appended_s

    def written(self, clause_id: str) -> None:
        """Note that the model writes a clause's translation."""
        self._reached(clause_id, "first_text")

    def sounded(self, clause_id: str, audio_s: float) -> None:
        """Note `audio_s` seconds of a clause's audio that are sent now."""
        self._reached(clause_id, "first_audio")
        self._metrics.audio_out.inc(audio_s)

    def over(self, clause_id: str, error: FailureReason | None) -> None:
        """Note that a clause was spoken, or failed."""
        self._reached(clause_id, "done")
        self._report_clause(clause_id, "completed" if error is None else "failed", error)

    def closed(self, reason: str, call: CallFigures | None = None) -> None:
        """Note that the session ended, and with it all clauses in progress."""
        for clause_id in list(self._clauses):
            self._report_clause(clause_id, "abandoned", None)
        super().closed(reason, call)

    def _reached(self, clause_id: str, stage: ClauseStage) -> None:
        clause = self._clauses.get(clause_id)
        if clause is not None:
            clause.moments.setdefault(stage, time.monotonic())

    def _report_clause(self, clause_id: str, outcome: str, error: FailureReason | None) -> None:
        clause = self._clauses.pop(clause_id, None)
        if clause is None:
            return
        self._responses += 1
        start = clause.start
        stages = (
            {} if start is None else {stage: at - start for stage, at in clause.moments.items()}
        )
        self._metrics.clause_over(outcome, stages)
        reached: dict[Stage, float] = dict(stages.items())
        code = error.code if error else None
        if self._note is not None:
            age_s = 0.0 if start is None else time.monotonic() - start
            record = TurnRecord(
                session_id=self._session_id,
                response_id=clause_id,
                item_id=None,
                outcome=outcome,
                started_at=time.time() - age_s,
                stages=reached,
                error_code=code,
            )
            self._note(record)
        log_over(
            "clause",
            f"{self._session_id} {clause_id} {outcome}",
            reached,
            error.for_log if error else None,
            code,
            session_id=self._session_id,
            clause_id=clause_id,
            outcome=outcome,
        )
