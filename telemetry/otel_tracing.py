"""OpenTelemetry traces, one per turn, with the spans of Pipecat's own services inside.

Pipecat's services write spans (`llm`, `tts`, `stt`: model, tokens, time to first byte) as children
of the turn in a `TracingContext`. Pipecat itself sets that in its `PipelineWorker`, one per
session; here each response has a pipeline of its own (`providers/running_pipeline.py`), so it is
set here. A turn's span has one child per stage as the client saw it, whatever the provider. A
discarded speculative response (`answering/held_response.py`) is in its turn's trace.

OpenTelemetry's own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, say where traces go.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from pipecat.utils.tracing.tracing_context import TracingContext

from telemetry.turn_record import Stage, TurnRecord
from telemetry.wordless_spans import WordlessExporter

_LISTEN = "listen"
_SPANS: Mapping[Stage, str] = {
    "transcript": "recognise",
    "first_text": "think",
    "first_audio": "speak",
    "done": "deliver",
}
"""Stage → the span that ends with it; each begins where the one before it ended."""


class TurnTracer:
    """The traces of all sessions of this process."""

    def __init__(self, service: str, exporter: SpanExporter | None = None) -> None:
        """Prepare the exporter.

        Args:
            service: The service's name in traces, unless `OTEL_SERVICE_NAME` sets one.
            exporter: Where spans go; None: by OTLP over HTTP, as the environment says.
        """
        named = Resource({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=named)
        wordless = WordlessExporter(exporter or OTLPSpanExporter())
        self._provider.add_span_processor(BatchSpanProcessor(wordless))

    def install(self) -> None:
        """Make Pipecat's services write to it, as the process's global tracer provider."""
        trace.set_tracer_provider(_OnlyForPipecat(self._provider))

    def session(self) -> TracedSession:
        """Begin the traces of one session."""
        return TracedSession(self._provider.get_tracer("open-realtime-server"))

    def close(self) -> None:
        """Send what has not been sent yet."""
        self._provider.shutdown()


class _OnlyForPipecat(trace.TracerProvider):
    """Gives a tracer to Pipecat only.

    Otherwise HTTP libraries would trace every request, in whatever trace the client's headers name.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, instrumenting_module_name: str, *args: Any, **kwargs: Any) -> trace.Tracer:
        if instrumenting_module_name == "pipecat":
            return self._provider.get_tracer(instrumenting_module_name, *args, **kwargs)
        return trace.NoOpTracer()


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn in progress, with its span and the context of its services' spans."""

    span: trace.Span
    began_ns: int
    context: TracingContext


class TracedSession:
    """The traces of one session."""

    def __init__(self, tracer: trace.Tracer) -> None:
        """Start without turns.

        Args:
            tracer: Makes the spans.
        """
        self.current = TracingContext()
        self._tracer = tracer
        self._turns: dict[str, _Turn] = {}

    def begin(self, turn: str, *, spoken: bool) -> None:
        """Begin the trace of a turn, or of a response without one, unless it has begun."""
        if turn in self._turns:
            return
        now = time.time_ns()
        # An empty context: no parent, whatever span is current where the session runs.
        span = self._tracer.start_span("turn", Context(), SpanKind.SERVER, start_time=now)
        context = TracingContext()
        for known in (context, self.current) if spoken else (context,):
            known.set_turn_context(span.get_span_context())
        self._turns[turn] = _Turn(span, now, context)

    def of(self, turn: str) -> TracingContext:
        """Return the context of Pipecat's spans for a turn."""
        return self._turns[turn].context

    def end(self, turn: str, record: TurnRecord) -> None:
        """Write the spans of a turn that is over, with the times they had."""
        known = self._turns.pop(turn)
        attributes = {
            "realtime.session_id": record.session_id,
            "realtime.item_id": record.item_id,
            "realtime.response_id": record.response_id,
            "realtime.outcome": record.outcome,
            "error.type": record.error_code,
        }
        known.span.set_attributes({k: v for k, v in attributes.items() if v is not None})
        if record.outcome == "failed":
            known.span.set_status(Status(StatusCode.ERROR))
        inside, at = set_span_in_context(known.span), _ns(record.started_at)
        if record.item_id is not None and known.began_ns < at:
            self._tracer.start_span(_LISTEN, inside, start_time=known.began_ns).end(at)
        for stage, seconds in record.stages.items():
            # The transcript may come after the first text, if the response did not wait for it.
            ended = max(at, _ns(record.started_at + seconds))
            self._tracer.start_span(_SPANS[stage], inside, start_time=at).end(ended)
            at = ended
        known.span.end(max(at, known.began_ns))

    def drop(self, turn: str) -> None:
        """End the trace of a turn that was dropped, with only its services' spans in it."""
        dropped = self._turns.pop(turn, None)
        if dropped is not None:
            dropped.span.set_attribute("realtime.outcome", "cleared")
            dropped.span.end()


def _ns(unix_s: float) -> int:
    return int(unix_s * 1e9)
