"""What is counted of the calls, for Prometheus; autoscalers go by `models_running`."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from models_http.engines import Engines, Kind
from telemetry.metrics import add_process_metrics

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60)
OUTCOMES = ("completed", "failed", "refused", "abandoned")
"""What may become of a call; an abandoned one is of a client that has gone."""


class CallMetrics:
    """All metrics of a server of models, in a registry of its own."""

    def __init__(self, engines: Engines) -> None:
        """Begin all counts at zero.

        Args:
            engines: Whose calls are counted.
        """
        self._registry = registry = CollectorRegistry()
        self._calls = Counter(
            "models_calls_total",
            "Calls, by what was asked for (stt, tts) and what became of it.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "models_call_seconds",
            "Seconds from a call to the end of its answer, of those that were completed.",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._first_audio = Histogram(
            "models_first_audio_seconds",
            "Seconds from a call to the first audio of its answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._audio = Counter(
            "models_audio_seconds_total",
            "Seconds of audio that were transcribed (stt) and made (tts).",
            ["kind"],
            registry=registry,
        )
        running = Gauge(
            "models_running", "Calls that an engine works on.", ["kind"], registry=registry
        )
        waiting = Gauge(
            "models_waiting", "Calls that wait for an engine.", ["kind"], registry=registry
        )
        reading = Gauge(
            "models_reading", "Calls whose request is coming in.", ["kind"], registry=registry
        )
        places = Gauge(
            "models_parallel", "Calls that an engine takes at a time.", ["kind"], registry=registry
        )
        for engine in engines.all:
            gauges = {
                "running": running,
                "waiting": waiting,
                "reading": reading,
                "parallel": places,
            }
            for figure, gauge in gauges.items():
                gauge.labels(engine.kind).set_function(partial(getattr, engine.places, figure))
            self._seconds.labels(engine.kind)
            self._audio.labels(engine.kind)
            for outcome in OUTCOMES:
                self._calls.labels(engine.kind, outcome)
        add_process_metrics(registry)

    def over(self, kind: Kind, outcome: str, seconds: float, audio_s: float) -> None:
        """Count a call that is over.

        Args:
            kind: What was asked for.
            outcome: One of `OUTCOMES`.
            seconds: How long it took.
            audio_s: Seconds of audio that were transcribed, or made.
        """
        self._calls.labels(kind, outcome).inc()
        if outcome == "completed":
            self._seconds.labels(kind).observe(seconds)
        self._audio.labels(kind).inc(audio_s)

    def first_audio(self, seconds: float) -> None:
        """Count how long a client waited for the first audio."""
        self._first_audio.observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
