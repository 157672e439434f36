"""Removes from spans whatever may quote a user, a model or a key, before they are exported.

Pipecat's services put prompts, transcripts, answers and tools into their spans, and OpenTelemetry
the messages of exceptions; neither has a switch for that. So only attributes on a list of harmless
ones are exported: one that a new version adds is removed until it is on the list.
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
    """Passes spans to another exporter without the text in them."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Wrap another exporter.

        Args:
            exporter: Exports the cleaned spans.
        """
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans without their text."""
        return self._exporter.export([_wordless(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the wrapped exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the wrapped exporter; return whether it succeeded in the time."""
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
