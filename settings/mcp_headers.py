"""What a header to an MCP server may be, whether the operator or a client sets it (§B.13).

A value that no header can carry would be quoted by the library that sends it, and end in a log.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\t -~]{0,8192}")
_TRANSPORT = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "expect", "keep-alive", "last-event-id", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)


def is_header_name(name: str) -> bool:
    """Return whether a header may have this name."""
    return _NAME.fullmatch(name) is not None


def is_header_value(value: str) -> bool:
    """Return whether a header may have this value, which has no spaces around it."""
    return _VALUE.fullmatch(value) is not None


def is_of_transport(name: str) -> bool:
    """Return whether a header is set by what carries the messages, and by nobody else."""
    return name.lower() in _TRANSPORT or name.lower().startswith("mcp-")


def is_scheme_alone(value: str) -> bool:
    """Return whether the value of an authorization is a scheme without anything behind it."""
    return value.lower() in ("bearer", "basic")


def is_authorization(name: str) -> bool:
    """Return whether a header is the one that `authorization` sets."""
    return name.lower() == "authorization"
