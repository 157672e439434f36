"""All server events by type.

To add an event, add its class to `wire/session_events.py`, `wire/response_events.py` or
`wire/mcp_events.py`.
"""

from __future__ import annotations

from wire import mcp_events, response_events, session_events
from wire.event_record import ServerEvent

SERVER_EVENTS: dict[str, type[ServerEvent]] = {
    record.type: record
    for module in (session_events, response_events, mcp_events)
    for record in vars(module).values()
    if isinstance(record, type) and issubclass(record, ServerEvent) and "type" in vars(record)
}
"""Event type → record."""
