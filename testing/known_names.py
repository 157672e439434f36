"""Names that a script may use: types of the server's events, and codes that OpenAI is known to use.

A test whose rule names an event that never comes would pass for the wrong reason, or wait in vain.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from settings.plain_words import meant
from wire.client_events import ANNOUNCED, CLIENT_EVENTS, TRANSCRIPTION_EVENTS
from wire.event_record import ServerEvent
from wire.server_events import SERVER_EVENTS
from wire.translation_events import TRANSLATION_CLIENT_EVENTS, TRANSLATION_SERVER_EVENTS

_RECORDS: Mapping[str, type[ServerEvent]] = {**SERVER_EVENTS, **TRANSLATION_SERVER_EVENTS}
_NAMES: Mapping[str, str] = {
    **{record.beta: type_ for type_, record in _RECORDS.items() if record.beta is not None},
    **{type_: type_ for type_ in _RECORDS},
}
"""A type as a client of either dialect knows it → the type."""
_EVENTS = (
    *_NAMES,
    *CLIENT_EVENTS,
    *TRANSCRIPTION_EVENTS,
    *TRANSLATION_CLIENT_EVENTS,
    *ANNOUNCED,
)
_LIKENESS_OF_EVENTS = 0.9
"""How alike a type has to be to a known one, 0–1, to be a slip of the pen."""
_CODES = (
    "billing_hard_limit_reached",
    "content_policy_violation",
    "context_length_exceeded",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_request",
    "invalid_value",
    "model_not_found",
    "permission_denied",
    "provider_error",
    "provider_unreachable",
    "rate_limit_exceeded",
    "server_error",
    "session_expired",
    "unsupported_value",
)
"""Codes that are not taken for a slip of the pen of another one."""
_LIKENESS = 0.85
"""How alike a code has to be to one of them, 0–1, for that to have been meant."""


def server_event(written: str) -> str:
    """Return the type of an event of the server, by its name in either dialect.

    Raises:
        ValueError: There is no such event.
    """
    try:
        return _NAMES[written]
    except KeyError:
        near = meant(written, _NAMES)
        raise ValueError(f"the server has no event {written!r}.{near}") from None


def event(written: str) -> str:
    """Return the type of an event of either side as it is.

    Clients under test, and other servers, may send any; what is nearly one that is known is a slip
    of the pen.

    Raises:
        ValueError: It is nearly one.
    """
    near = get_close_matches(written, _EVENTS, n=1, cutoff=_LIKENESS_OF_EVENTS)
    if written not in _EVENTS and near:
        raise ValueError(f"there is no event '{written}'. Did you mean {near[0]}?")
    return written


def code(written: str) -> str:
    """Return an error code as it is: any may be tried, but for what is a slip of the pen.

    Raises:
        ValueError: It is nearly a code that is known.
    """
    near = get_close_matches(written, _CODES, n=1, cutoff=_LIKENESS)
    if written not in _CODES and near:
        raise ValueError(f"is no code of OpenAI's. Did you mean {near[0]}?")
    return written
