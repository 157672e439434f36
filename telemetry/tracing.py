"""What a session traces of its turns, and nothing of the kind where tracing is off.

OpenTelemetry is an optional library: only `otel_tracing.py`, loaded when tracing is on, imports it.
"""

from __future__ import annotations

from typing import Protocol

from pipecat.utils.tracing.tracing_context import TracingContext

from telemetry.turn_record import TurnRecord


class SessionTrace(Protocol):
    """The traces of one session. A turn goes by its item's id, or its response's if it has none."""

    @property
    def current(self) -> TracingContext | None:
        """Under which Pipecat's services trace what they do for the turn that was spoken last."""

    def begin(self, turn: str, *, spoken: bool) -> None:
        """A turn begins, or a response that answers none; nothing if it has begun already."""

    def of(self, turn: str) -> TracingContext | None:
        """Return under which Pipecat's services trace what they do for a turn."""

    def end(self, turn: str, record: TurnRecord) -> None:
        """A turn is over."""

    def drop(self, turn: str) -> None:
        """A turn was none."""


class Tracer(Protocol):
    """The traces of all sessions."""

    def session(self) -> SessionTrace:
        """Begin the traces of one session."""

    def close(self) -> None:
        """Send what has not been sent yet."""


class Untraced:
    """A session that nobody traces."""

    current: TracingContext | None = None

    def begin(self, turn: str, *, spoken: bool) -> None:
        """Do nothing."""

    def of(self, turn: str) -> TracingContext | None:
        """Return nothing to trace under."""

    def end(self, turn: str, record: TurnRecord) -> None:
        """Do nothing."""

    def drop(self, turn: str) -> None:
        """Do nothing."""
