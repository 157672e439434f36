"""Items about MCP tools (§B.13): lists of them, calls, and requests for approval with answers.

Clients create answers alone. The model reads calls as calls of functions (`reading_order.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from session.item_base import BaseItem
from session.mcp import McpError, McpServer, McpTool


@dataclass(slots=True, eq=False)
class McpToolList(BaseItem):
    """The tools of a server that a session may use; none while the server is asked."""

    label: str
    tools: tuple[McpTool, ...] = ()
    error: McpError | None = None

    @property
    def text(self) -> str:
        """Nothing: the model is given the tools themselves."""
        return ""

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the list in wire form; `error` is there once it failed."""
        written: dict[str, Any] = {
            "id": self.id,
            "type": "mcp_list_tools",
            "server_label": self.label,
            "tools": [_tool(tool) for tool in self.tools],
        }
        return written if self.error is None else {**written, "error": self.error.wire()}


@dataclass(slots=True, eq=False)
class _WrittenCall(BaseItem):
    """What the model has written of a call: which tool of which server, and with what."""

    server: McpServer
    name: str
    """The tool's name at its server."""
    called: str
    """The name by which the model calls it."""
    arguments: str = ""
    """JSON; incomplete while the model writes it."""

    @property
    def text(self) -> str:
        """The arguments, for counting tokens."""
        return self.arguments

    def _wire(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": kind,
            "server_label": self.server.label,
            "name": self.name,
            "arguments": self.arguments,
        }


@dataclass(slots=True, eq=False)
class McpCall(_WrittenCall):
    """A call of a server's tool by the model, which this server runs."""

    approval_request_id: str | None = None
    result: str | McpError | None = None
    """None: there is none yet."""
    ended_behind: tuple[str, ...] = ()
    """Items that have come between it and its result, in order: the model reads it behind them."""

    @property
    def output(self) -> str | None:
        """What the model reads as the result; None: there is none yet."""
        if isinstance(self.result, McpError):
            return f"Error: {self.result.message}"
        return self.result

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the call in wire form; clients want all keys, null or not (§F.1)."""
        failed = isinstance(self.result, McpError)
        return {
            **self._wire("mcp_call"),
            "approval_request_id": self.approval_request_id,
            "output": None if failed else self.result,
            "error": self.result.wire() if isinstance(self.result, McpError) else None,
        }


@dataclass(slots=True, eq=False)
class McpApprovalRequest(_WrittenCall):
    """A call that waits for the client's approval."""

    answered: bool = False
    """Whether the client has approved or refused it."""

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the request in wire form."""
        return self._wire("mcp_approval_request")


@dataclass(slots=True, eq=False)
class McpApprovalResponse(BaseItem):
    """The client's answer to a request."""

    request_id: str
    approve: bool
    reason: str | None = None

    @property
    def text(self) -> str:
        """Nothing: the model reads the call, or why it was not made."""
        return ""

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the answer in wire form."""
        written: dict[str, Any] = {
            "id": self.id,
            "type": "mcp_approval_response",
            "approval_request_id": self.request_id,
            "approve": self.approve,
        }
        return written if self.reason is None else {**written, "reason": self.reason}


McpItem = McpToolList | McpCall | McpApprovalRequest | McpApprovalResponse


def _tool(tool: McpTool) -> dict[str, Any]:
    # agents-js takes no list in which a tool has no description (§F.1).
    written: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
    }
    return written if tool.annotations is None else {**written, "annotations": tool.annotations}
