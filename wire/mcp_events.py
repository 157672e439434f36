"""The server events about MCP tools (§B.13), one record each. The beta dialect has none of them."""

from __future__ import annotations

from dataclasses import dataclass

from wire.event_record import ServerEvent


@dataclass(frozen=True, slots=True)
class _ListEvent(ServerEvent):
    section = "B.13"

    item_id: str


@dataclass(frozen=True, slots=True)
class McpListInProgress(_ListEvent):
    """A server is asked for its tools."""

    type = "mcp_list_tools.in_progress"
    beta = None


@dataclass(frozen=True, slots=True)
class McpListCompleted(_ListEvent):
    """A server's tools are known."""

    type = "mcp_list_tools.completed"
    beta = None


@dataclass(frozen=True, slots=True)
class McpListFailed(_ListEvent):
    """A server did not tell its tools; the item says why."""

    type = "mcp_list_tools.failed"
    beta = None


@dataclass(frozen=True, slots=True)
class _ArgumentsEvent(ServerEvent):
    section = "B.13"

    response_id: str
    item_id: str
    output_index: int


@dataclass(frozen=True, slots=True)
class McpCallArgumentsDelta(_ArgumentsEvent):
    """A delta of a call's arguments (JSON)."""

    type = "response.mcp_call_arguments.delta"
    beta = None

    delta: str
    obfuscation: str = ""
    """Empty: lengths are not hidden. agents-js takes no delta without it (§F.1)."""


@dataclass(frozen=True, slots=True)
class McpCallArgumentsDone(_ArgumentsEvent):
    """The complete arguments of a call."""

    type = "response.mcp_call_arguments.done"
    beta = None

    arguments: str


@dataclass(frozen=True, slots=True)
class _CallEvent(ServerEvent):
    section = "B.13"

    output_index: int
    item_id: str


@dataclass(frozen=True, slots=True)
class McpCallInProgress(_CallEvent):
    """The server runs the tool."""

    type = "response.mcp_call.in_progress"
    beta = None


@dataclass(frozen=True, slots=True)
class McpCallCompleted(_CallEvent):
    """The tool has given its result, which the item has."""

    type = "response.mcp_call.completed"
    beta = None


@dataclass(frozen=True, slots=True)
class McpCallFailed(_CallEvent):
    """The tool gave no result, or was not run; the item says why."""

    type = "response.mcp_call.failed"
    beta = None
