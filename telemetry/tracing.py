"""The interface by which a session traces its turns, and its stand-in where tracing is off.

OpenTelemetry is optional: only `telemetry/otel_tracing.py`, loaded when tracing is on, imports it.
"""

from __future__ import annotations

from typing import Protocol

from pipecat.utils.tracing.tracing_context import TracingContext

from telemetry.turn_record import TurnRecord


class SessionTrace(Protocol):
    """The traces of one session.

    A `turn` is identified by its item's id; a response without a turn by the response's id.
    """

    @property
    def current(self) -> TracingContext | None:
        """The context of Pipecat's spans for the turn that was spoken last."""

    def begin(self, turn: str, *, spoken: bool) -> None:
        """Begin the trace of a turn, or of a response without one, unless it has begun.

        Args:
            turn: Its id.
            spoken: Whether it is a user's turn, which becomes `current`.
        """

    def of(self, turn: str) -> TracingContext | None:
        """Return the context of Pipecat's spans for a turn."""

    def end(self, turn: str, record: TurnRecord) -> None:
        """End the trace of a turn that is over."""

    def drop(self, turn: str) -> None:
        """End the trace of a turn that was dropped, say by `input_audio_buffer.clear`."""


class Tracer(Protocol):
    """The traces of all sessions."""

    def session(self) -> SessionTrace:
        """Begin the traces of one session."""

    def close(self) -> None:
        """Send what has not been sent yet."""


class Untraced:
    """The traces of a session where tracing is off: none."""

    current: TracingContext | None = None

    def begin(self, turn: str, *, spoken: bool) -> None:
        """Do nothing."""

    def of(self, turn: str) -> TracingContext | None:
        """Return None: no tracing."""

    def end(self, turn: str, record: TurnRecord) -> None:
        """Do nothing."""

    def drop(self, turn: str) -> None:
        """Do nothing."""
