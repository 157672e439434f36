"""Takes out of spans whatever may quote a user, a model or a key, before they leave the process.

Pipecat's services put prompts, transcripts, answers and tools into their spans, and OpenTelemetry
the words of exceptions; nothing switches that off. Only attributes that are known to be harmless
are let through: one that a new version adds is left out until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

_HARMLESS = {
    "error.type",
    "exception.type",
    "gen_ai.operation.name",
    "gen_ai.output.type",
    "is_final",
    "language",
    "stream",
    "stt.incomplete",
    "tool_count",
    "tts.interrupted",
    "vad_enabled",
    "voice_id",
}
_HARMLESS_GROUPS = ("realtime.", "metrics.", "gen_ai.request.", "gen_ai.usage.")


class WordlessExporter(SpanExporter):
    """Hands spans on without the words in them."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Stand before another.

        Args:
            exporter: Where spans go.
        """
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand spans on."""
        return self._exporter.export([_wordless(span) for span in spans])

    def shutdown(self) -> None:
        """Close the other one."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the other one send what it has; returns whether it could in the time."""
        return self._exporter.force_flush(timeout_millis)


def _wordless(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_harmless(span.attributes),
        events=[Event(e.name, _harmless(e.attributes), e.timestamp) for e in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _harmless(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: value
        for name, value in (attributes or {}).items()
        if name in _HARMLESS or name.startswith(_HARMLESS_GROUPS)
    }
