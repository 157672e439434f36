"""OpenTelemetry traces: one per turn, made of what `turn_log.py` knows when it is over.

Pipecat's own tracing does not fit. Its turns are those of one `PipelineWorker` per session; here
each response has a lean pipeline of its own (`pipeline_worker.py`), and of some of them nobody ever
hears (`speculation.py`). Its spans of services carry prompts, transcripts and answers, and no
switch leaves them out. So spans are made here, of ids and times alone.

Where they go is said by OpenTelemetry's own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from config import ConfigError
from turn_record import Stage, TurnRecord

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_SPANS: Mapping[Stage, str] = {
    "transcript": "recognise",
    "first_text": "think",
    "first_audio": "speak",
    "done": "deliver",
}
"""A stage → the span that ends with it; each begins where the one before it ended."""


class Tracer(Protocol):
    """Where turns are traced."""

    def trace(self, record: TurnRecord) -> None:
        """Take a turn that is over."""

    def close(self) -> None:
        """Send what has not been sent yet."""


class TurnTracer:
    """Writes a span per turn, and one per stage of it."""

    def __init__(self, service: str, exporter: SpanExporter | None = None) -> None:
        """Prepare.

        Args:
            service: The service's name in traces, unless `OTEL_SERVICE_NAME` has another.
            exporter: Where spans go; None: by OTLP over HTTP, as the environment says.

        Raises:
            ConfigError: OpenTelemetry is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
        except ImportError as missing:
            raise ConfigError(
                f"server.tracing needs the library '{missing.name}': "
                "pip install -r requirements/tracing.txt, or leave it off."
            ) from None
        named = Resource({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=named)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("open-realtime-server")
        self._server = SpanKind.SERVER
        self._failed = Status(StatusCode.ERROR)
        self._within = set_span_in_context

    def trace(self, record: TurnRecord) -> None:
        """Write a turn's spans, with the times they had."""
        known = {
            "realtime.session_id": record.session_id,
            "realtime.item_id": record.item_id,
            "realtime.response_id": record.response_id,
            "realtime.outcome": record.outcome,
            "error.type": record.error_code,
        }
        attributes = {name: value for name, value in known.items() if value is not None}
        start = _ns(record.started_at)
        turn = self._tracer.start_span(
            "turn", kind=self._server, attributes=attributes, start_time=start
        )
        if record.outcome == "failed":
            turn.set_status(self._failed)
        inside, begun = self._within(turn), start
        for stage, seconds in record.stages.items():
            # A transcript that nobody waited for may come after the first words.
            ended = max(begun, _ns(record.started_at + seconds))
            self._tracer.start_span(_SPANS[stage], inside, start_time=begun).end(ended)
            begun = ended
        turn.end(begun)

    def close(self) -> None:
        """Send what has not been sent yet."""
        self._provider.shutdown()


def _ns(unix_s: float) -> int:
    return int(unix_s * 1e9)
