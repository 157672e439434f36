"""Dialects of the protocol, GA and beta: translated at the edge, so that the session knows only GA.

A dialect turns a client's text frames into GA client events, and the session's GA server events
into what the client expects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from wire.client_events import ClientEvent, announced, client_events
from wire.event_record import ServerEvent, WireEvent
from wire.media import Media
from wire.reading import parse_client_event, validate_event
from wire.session_fields import SessionKind


class Dialect(Protocol):
    """One client's dialect."""

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame; raises `ProtocolError` with the dialect's names."""

    def render(self, event: ServerEvent) -> list[WireEvent]:
        """Write a server event, as none, one or several events of the dialect."""


class GADialect:
    """The current protocol: nothing to translate."""

    def __init__(self, kind: SessionKind = "realtime", media: Media = Media.EVENTS) -> None:
        """Accept the client events of sessions of this kind, with these media."""
        self._validate = partial(
            validate_event, models=client_events(kind, media), announced=announced(media)
        )

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame."""
        return parse_client_event(raw, self._validate)

    def render(self, event: ServerEvent) -> list[WireEvent]:
        """Write a server event."""
        return [event.wire()]


_BETA_HEADER = "realtime=v1"


_BETA_SUBPROTOCOL = "openai-beta.realtime-v1"


def wants_beta(headers: Mapping[str, str], subprotocols: Sequence[str]) -> bool:
    """Tell whether a client speaks beta (§B.16).

    Args:
        headers: Request headers, by lower-case name.
        subprotocols: WebSocket subprotocols that the client offers.
    """
    asked = [value.strip() for value in headers.get("openai-beta", "").split(",")]
    return _BETA_HEADER in asked or _BETA_SUBPROTOCOL in subprotocols
