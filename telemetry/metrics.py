"""Prometheus metrics, in one explicit registry per application.

Processes that serve one address share their counts in a folder (`telemetry/shared_counts.py`), so
that each can answer for all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from glob import glob

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from settings.stacks import DEFAULT_STACK
from telemetry.call_figures import CallFigures
from telemetry.shared_counts import folder_of_counts, forget_process
from telemetry.turn_record import ClauseStage, TurnRecord

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OPEN = "realtime_sessions_active"
_STACK = "stack"
"""The label of what is counted for each stack."""
_STAGE_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30)
_LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
_LOSS_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
_DELAY_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)


def add_process_metrics(registry: CollectorRegistry) -> None:
    """Add the metrics of this process: memory, CPU time, file descriptors, garbage collections."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)


class Metrics:
    """All metrics; counters that are used directly are attributes."""

    def __init__(self, stacks: Sequence[str] = (DEFAULT_STACK,)) -> None:
        """Start counting.

        Args:
            stacks: The names of all stacks, whose counts begin at zero.

        Raises:
            ConfigError: The folder of shared counts does not exist.
        """
        self._folder = folder_of_counts()
        self._registry = registry = CollectorRegistry()
        self._sessions_active = Gauge(
            _OPEN,
            "Open sessions.",
            [_STACK],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._sessions = Counter(
            "realtime_sessions_total", "Sessions that were opened.", [_STACK], registry=registry
        )
        self.refused = Counter(
            "realtime_connections_refused_total",
            "Connections that got no session, by reason.",
            ["reason"],
            registry=registry,
        )
        self._turns = Counter(
            "realtime_turns_total",
            "Turns of users that were committed.",
            [_STACK],
            registry=registry,
        )
        self._turns_dropped = Counter(
            "realtime_turns_dropped_total",
            "Turns that are not answered, by what they were instead.",
            [_STACK, "reason"],
            registry=registry,
        )
        self._echo = Counter(
            "realtime_echo_sessions_total",
            "Sessions in which the microphone hears what the client plays.",
            [_STACK],
            registry=registry,
        )
        self._responses = Counter(
            "realtime_responses_total",
            "Responses, by outcome.",
            [_STACK, "outcome"],
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "realtime_stage_seconds",
            "Seconds from the end of the turn (or response.create) to each stage of its answer.",
            [_STACK, "stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._clauses = Counter(
            "realtime_clauses_total",
            "Clauses of translation sessions, by outcome.",
            [_STACK, "outcome"],
            registry=registry,
        )
        self._clause_seconds = Histogram(
            "realtime_clause_seconds",
            "Seconds from the last word of a clause to each stage of its translation.",
            [_STACK, "stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._provider_errors = Counter(
            "realtime_provider_errors_total",
            "Failures of providers, by stage and error code.",
            [_STACK, "stage", "code"],
            registry=registry,
        )
        self._speculations = Counter(
            "realtime_speculations_total",
            "Answers that were begun before the turn was over.",
            [_STACK],
            registry=registry,
        )
        self._speculations_discarded = Counter(
            "realtime_speculations_discarded_total",
            "Answers that were begun early in vain.",
            [_STACK],
            registry=registry,
        )
        self._audio_seconds = Counter(
            "realtime_audio_seconds_total",
            "Seconds of audio taken from clients (in) and made for them (out).",
            [_STACK, "direction"],
            registry=registry,
        )
        self.recordings = Counter(
            "realtime_recordings_total",
            "Sessions that were recorded, by how their recording ended.",
            ["outcome"],
            registry=registry,
        )
        self.calls = Counter(
            "realtime_calls_total",
            "WebRTC calls that ended, by whether their client had connected.",
            ["outcome"],
            registry=registry,
        )
        self._call_loss = Histogram(
            "realtime_call_loss_ratio",
            "Share of a call's packets that never came from its client.",
            buckets=_LOSS_BUCKETS,
            registry=registry,
        )
        self._call_jitter = Histogram(
            "realtime_call_jitter_seconds",
            "Variation of the time that the packets of a call's client took.",
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self._call_round_trip = Histogram(
            "realtime_call_round_trip_seconds",
            "Seconds to a call's client and back.",
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self._call_concealed = Counter(
            "realtime_call_concealed_seconds_total",
            "Seconds of calls' audio that were made up for lost packets.",
            registry=registry,
        )
        self._resumed = Counter(
            "realtime_sessions_resumed_total",
            "Sessions that went on where another one had ended.",
            [_STACK],
            registry=registry,
        )
        self.store_reachable = Gauge(
            "realtime_store_reachable",
            "Whether the store that servers share answers; nothing where none is configured.",
            ["store"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.store_failures = Counter(
            "realtime_store_failures_total",
            "Requests to the store that failed, by what they were for.",
            ["use"],
            registry=registry,
        )
        self.sessions_uncounted = Counter(
            "realtime_sessions_uncounted_total",
            "Sessions that were opened without asking the store, because it was away.",
            registry=registry,
        )
        self.loop_lag = Histogram(
            "realtime_event_loop_lag_seconds",
            "Seconds that the event loop was late for a timer: what one session costs others.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        if self._folder is None:
            self._tasks = Gauge(
                "realtime_event_loop_tasks",
                "Tasks of the event loop: they come and go with sessions and responses.",
                registry=registry,
            )
            add_process_metrics(registry)
        for stack in stacks:
            self.of(stack)

    def of(self, stack: str) -> StackMetrics:
        """Return the metrics of one stack's sessions, by its name."""
        return StackMetrics(self, stack)

    def call_over(self, call: CallFigures) -> None:
        """Count a call that had connected, and its figures."""
        self.calls.labels("connected").inc()
        if call.loss is not None:
            self._call_loss.observe(call.loss)
        if call.jitter_ms is not None:
            self._call_jitter.observe(call.jitter_ms / 1000)
        if call.round_trip_ms is not None:
            self._call_round_trip.observe(call.round_trip_ms / 1000)
        if call.concealed_ms is not None:
            self._call_concealed.inc(call.concealed_ms / 1000)

    def open_sessions(self, own: int) -> int:
        """Return the number of open sessions of all processes that share their counts.

        Args:
            own: The number of this process.
        """
        if self._folder is None:
            return own
        files = glob(str(self._folder / "gauge_livesum_*.db"))
        gauges = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return int(sum(s.value for gauge in gauges for s in gauge.samples if s.name == _OPEN))

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format; call it in the event loop."""
        if self._folder is None:
            self._tasks.set(len(asyncio.all_tasks()))
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(everybody)

    def close(self) -> None:
        """Remove this process's open sessions from the shared counts."""
        if self._folder is not None:
            forget_process(os.getpid())


class StackMetrics:
    """What the sessions of one stack count."""

    def __init__(self, metrics: Metrics, stack: str) -> None:
        """Begin all its counts that have no other label.

        Args:
            metrics: Those of all stacks.
            stack: Its name.
        """
        self.all = metrics
        self._stack = stack
        self._sessions_active = metrics._sessions_active.labels(stack)
        self._sessions = metrics._sessions.labels(stack)
        self.resumed = metrics._resumed.labels(stack)
        self.turns = metrics._turns.labels(stack)
        self.echo = metrics._echo.labels(stack)
        self.speculations = metrics._speculations.labels(stack)
        self.speculations_discarded = metrics._speculations_discarded.labels(stack)
        self.audio_in = metrics._audio_seconds.labels(stack, "in")
        self.audio_out = metrics._audio_seconds.labels(stack, "out")

    def session_opened(self) -> None:
        """Count a session that was opened."""
        self._sessions.inc()
        self._sessions_active.inc()

    def session_closed(self) -> None:
        """Count a session that ended."""
        self._sessions_active.dec()

    def turn_dropped(self, reason: str) -> None:
        """Count a turn that is not answered, by what it was instead."""
        self.all._turns_dropped.labels(self._stack, reason).inc()

    def provider_failed(self, stage: str, code: str) -> None:
        """Count a provider's failure; `stage` is `none` where it is no provider's."""
        self.all._provider_errors.labels(self._stack, stage, code).inc()

    def turn_over(self, record: TurnRecord) -> None:
        """Count a response that ended, or a turn without one."""
        if record.response_id is not None:
            self.all._responses.labels(self._stack, record.outcome).inc()
        for stage, seconds in record.stages.items():
            self.all._stage_seconds.labels(self._stack, stage).observe(seconds)

    def clause_over(self, outcome: str, stages: Mapping[ClauseStage, float]) -> None:
        """Count a clause that was translated, or was not, and the seconds to its stages."""
        self.all._clauses.labels(self._stack, outcome).inc()
        for stage, seconds in stages.items():
            self.all._clause_seconds.labels(self._stack, stage).observe(seconds)
