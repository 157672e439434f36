"""Why an MCP server did not do what it was asked, in the wire's terms (§B.13)."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import anyio
import httpx2
from mcp import MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from pydantic import ValidationError

from session.mcp import McpError, McpErrorType, McpFailed
from tool_servers.http_client import Attempt
from tool_servers.raw_answers import is_servers_own
from tool_servers.targets import Target, redacted

LONGEST = 2000
"""Characters of a server's own words in an error."""

_STAND_INS = {INTERNAL_ERROR, METHOD_NOT_FOUND, INVALID_REQUEST}
"""Codes that `mcp` makes up where a server answered with an HTTP status alone."""
_STAND_IN_WORDS = {"Server returned an error response", "Session terminated", "Not Found"}
"""What it says with them; anything else are the server's words."""
_UNREADABLE = ("Failed to parse JSON response:", "Failed to parse SSE message:")
_OTHER_KIND = "Unexpected content type: "
"""What it makes up where an answer cannot be read."""
_MOST_CODE = 2**31 - 1
"""Largest code that every client can read; JSON-RPC knows no bound."""
_ASKED = {
    "elicitation": ("elicitation/create", "Elicitation not supported"),
    "sampling": ("sampling/createMessage", "Sampling not supported"),
    "roots": ("roots/list", "List roots not supported"),
}
"""What a server may ask of its client, which no session offers → words by which that fails."""


def failed(target: Target, kind: McpErrorType, reason: str, code: int | None = None) -> McpFailed:
    """Return a failure of a server, without its secrets.

    Args:
        target: The server.
        kind: What went wrong: HTTP, MCP's own protocol, or the tool itself.
        reason: In words, without the server's name and without a full stop at its end; of a tool's
            own error the text that the model reads.
        code: The HTTP status, or the code of JSON-RPC; None for a tool's own error.
    """
    shown = redacted(reason, target)
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]}…"
    if kind == "tool_execution_error":
        return McpFailed(McpError(kind, shown))
    if code is not None and not -_MOST_CODE <= code <= _MOST_CODE:
        code = None
    message = f"MCP server {target.label}: {shown.rstrip('.')}."
    return McpFailed(McpError(kind, message, code))


class NotAnswered(McpFailed):
    """A server said nothing. Its own errors may have the same codes, and are none of these."""

    def __init__(self, target: Target, reason: str, code: int) -> None:
        super().__init__(failed(target, "protocol_error", reason, code).error)


class Gone(NotAnswered):
    """The connection to a server ended before it had answered."""

    def __init__(self, target: Target, why: str = "") -> None:
        reason = "the connection ended before it had answered"
        super().__init__(target, f"{reason} ({why})" if why else reason, CONNECTION_CLOSED)


def timed_out(target: Target, seconds: float, setting: str) -> NotAnswered:
    """Return the failure of a server that took longer than a setting allows."""
    reason = f"it did not answer within {seconds:g} s ({setting})"
    return NotAnswered(target, reason, REQUEST_TIMEOUT)


def failure_of(error: BaseException, target: Target, attempt: Attempt) -> McpFailed:
    """Return the failure that an error of `mcp` or of HTTP stands for.

    Args:
        error: What was raised.
        target: The server.
        attempt: What HTTP said of the request.
    """
    leaves = [*_leaves(attempt.unsent or attempt.unusable or error)]
    for kind in (McpFailed, httpx2.HTTPError, MCPError, OSError):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return _failure(leaf, target, attempt)
    return _failure(leaves[0], target, attempt)


def _failure(error: BaseException, target: Target, attempt: Attempt) -> McpFailed:
    status = attempt.status
    match error:
        case McpFailed():
            return error
        case MCPError(code=code) if code == INVALID_REQUEST and _asked(error.message):
            reason = f"it asked for {_asked(error.message)}, which this server does not offer"
            return failed(target, "protocol_error", reason, code)
        case MCPError(code=code) if status is not None and (
            code in _STAND_INS or is_servers_own(error.error)
        ):
            said = "" if error.message in _STAND_IN_WORDS else error.message
            return failed(target, "http_error", _of_status(status, said or attempt.said), status)
        case MCPError(code=code) if code == CONNECTION_CLOSED and not is_servers_own(error.error):
            return Gone(target, "" if error.message == "Connection closed" else error.message)
        case MCPError(code=code) if code == PARSE_ERROR and error.message.startswith(_UNREADABLE):
            # What follows is for those who know the library.
            return failed(target, "protocol_error", "its answer is no message of JSON-RPC", code)
        case MCPError(code=code) if error.message.startswith(_OTHER_KIND):
            kind = error.message.removeprefix(_OTHER_KIND) or "unknown"
            reason = f"its answer is neither JSON nor a stream of events, but of the kind {kind}"
            return failed(target, "protocol_error", reason, code)
        case MCPError():
            return failed(target, "protocol_error", f"it answered “{error.message}”", error.code)
        case httpx2.HTTPStatusError():
            status = error.response.status_code
            return failed(target, "http_error", _of_status(status, attempt.said), status)
        case httpx2.HTTPError() if status is not None:
            return failed(target, "http_error", _of_status(status, attempt.said), status)
        case httpx2.ConnectTimeout():
            return NotAnswered(target, "it cannot be reached in time", REQUEST_TIMEOUT)
        case httpx2.ConnectError() | OSError():
            # What the system says of a command quotes it.
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            return NotAnswered(target, f"it cannot be reached ({why})", CONNECTION_CLOSED)
        case httpx2.TransportError():
            return Gone(target, str(error))
        case ValidationError():
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = f"its answer is not what MCP prescribes ({where}: {first['msg']})"
            return failed(target, "protocol_error", reason, PARSE_ERROR)
        case RuntimeError() if "protocol version" in str(error):
            reason = f"it speaks no version of MCP that is known here ({error})"
            return failed(target, "protocol_error", reason, UNSUPPORTED_PROTOCOL_VERSION)
        case anyio.ClosedResourceError() | anyio.BrokenResourceError():
            return Gone(target)
    # What a stranger's server can make a library do is no fault of the session.
    reason = f"its answer cannot be used ({str(error) or type(error).__name__})"
    return failed(target, "protocol_error", reason, PARSE_ERROR)


def _asked(said: str) -> str | None:
    """Return what a server asked of its client, by the error that came of it; None: nothing."""
    return next((what for what, words in _ASKED.items() if any(w in said for w in words)), None)


def _of_status(status: int, said: str) -> str:
    if 300 <= status < 400:
        return said or f"it redirects elsewhere ({status}); not followed"
    phrase = HTTPStatus(status).phrase if status in {*HTTPStatus} else ""
    told = f"it answered with the HTTP status {status} {phrase}".rstrip()
    if status in (401, 403):
        told += ": its authorization or headers are missing, or are not accepted"
    return f"{told} (“{said}”)" if said else told


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
