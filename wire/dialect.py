"""How a client writes and reads the protocol: a translation at the edge.

The session speaks GA only. A dialect turns a client's text frames into GA client events, and the
session's GA server events into what the client expects.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from protocol import ServerEvent, parse_client_event, validate_event
from wire.client_events import TRANSCRIPTION_EVENTS, ClientEvent
from wire.session_fields import SessionKind


class Dialect(Protocol):
    """One client's dialect."""

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame; raises `ProtocolError` in the client's own terms."""

    def render(self, event: ServerEvent) -> list[ServerEvent]:
        """Write a server event; some have no counterpart, some have several."""


class GADialect:
    """The current protocol: nothing to translate."""

    def __init__(self, kind: SessionKind = "realtime") -> None:
        """Read for a session of this kind."""
        self._validate = (
            partial(validate_event, models=TRANSCRIPTION_EVENTS)
            if kind == "transcription"
            else None
        )

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame."""
        return parse_client_event(raw, self._validate)

    def render(self, event: ServerEvent) -> list[ServerEvent]:
        """Write a server event."""
        return [event]
