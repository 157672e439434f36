"""The wire protocol: client events, server events, their text form and the two dialects.

Other wings may enter by the modules in `__all__`.
"""

__all__ = [
    "beta_reading",
    "beta_writing",
    "client_events",
    "console_events",
    "dates",
    "dialect",
    "envelope",
    "errors",
    "event_record",
    "ids",
    "incoming",
    "item_fields",
    "long_strings",
    "mcp_events",
    "mcp_fields",
    "media",
    "response_events",
    "response_fields",
    "server_events",
    "session_events",
    "session_fields",
    "strict_json",
    "text_frames",
    "translation_events",
]
