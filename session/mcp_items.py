"""Items about MCP tools (§B.13): lists of them, calls, and requests for approval with answers.

Clients create answers alone. The model reads calls as calls of functions (`reading_order.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
class McpCall(BaseItem):
    """A call of a server's tool by the model, which this server runs."""

    server: McpServer
    name: str
    """As the server calls it."""
    called: str
    """As the model calls it."""
    arguments: str = ""
    """JSON; incomplete while the model writes it."""
    approval_request_id: str | None = None
    result: str | McpError | None = None
    """None: there is none yet."""
    ended_behind: tuple[str, ...] = ()
    """Items that have come between it and its result, in order: the model reads it behind them."""

    @property
    def text(self) -> str:
        """The arguments, for counting tokens."""
        return self.arguments

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
            "id": self.id,
            "type": "mcp_call",
            "server_label": self.server.label,
            "name": self.name,
            "arguments": self.arguments,
            "approval_request_id": self.approval_request_id,
            "output": None if failed else self.result,
            "error": self.result.wire() if isinstance(self.result, McpError) else None,
        }


@dataclass(slots=True, eq=False)
class McpApprovalRequest(BaseItem):
    """A call that waits for the client's approval."""

    server: McpServer
    name: str
    called: str
    """As the model calls it."""
    arguments: str = ""
    answered: bool = field(default=False)
    """Whether the client has approved or refused it."""

    @property
    def text(self) -> str:
        """The arguments, for counting tokens."""
        return self.arguments

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the request in wire form."""
        return {
            "id": self.id,
            "type": "mcp_approval_request",
            "server_label": self.server.label,
            "name": self.name,
            "arguments": self.arguments,
        }


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
