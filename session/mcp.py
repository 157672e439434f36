"""What a session and the MCP servers that it uses know of each other, as plain data (§B.13).

The session says which servers there are and what is to be called; `tool_servers/` reaches them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from wire.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server as a client's tool names it (§B.13)."""

    label: str
    url: str | None = None
    """None: the operator's, by its label."""
    authorization: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool, as its server lists it."""

    name: str
    description: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any] | None = None


McpErrorType = Literal["protocol_error", "tool_execution_error", "http_error"]


@dataclass(frozen=True, slots=True)
class McpError:
    """Why a list or a call failed, in the wire's terms."""

    type: McpErrorType
    message: str
    code: int | None = None
    """The HTTP status, or the code of JSON-RPC; a tool's own error has none."""

    def wire(self) -> dict[str, Any]:
        """Return it as items show it: a tool's own error has no code, others always have one."""
        if self.type == "tool_execution_error":
            return {"type": self.type, "message": self.message}
        return {"type": self.type, "code": self.code or 0, "message": self.message}


class McpFailed(Exception):
    """A server did not do what it was asked."""

    def __init__(self, error: McpError) -> None:
        super().__init__(error.message)
        self.error = error


class ToolServers(Protocol):
    """The MCP servers of one session; made by the process's `McpServers.session()`."""

    def check(self, server: McpServer) -> None:
        """Refuse a server that may not be used.

        Raises:
            ProtocolError: It is not allowed, there is none of its label, or MCP is not installed.
                Its `param` is the field of the tool, where it is not what names the server.
        """

    async def list_tools(self, server: McpServer) -> list[McpTool]:
        """Return the tools of a server; raises `McpFailed`."""

    async def call(self, server: McpServer, name: str, arguments: str) -> str:
        """Call a tool with a JSON object, and return its result; raises `McpFailed`."""

    def on_change(self, changed: Callable[[McpServer], None]) -> None:
        """Have `changed` told of a server whose list of tools has changed."""

    def keep(self, servers: frozenset[McpServer]) -> None:
        """Stay connected to these, which the session names, before any others."""

    async def close(self) -> None:
        """Leave all servers."""


def no_servers(server: McpServer) -> None:
    """Refuse every MCP server: what checks servers where none can be reached.

    Raises:
        ProtocolError: Always.
    """
    raise ProtocolError(
        "invalid_value",
        f"The MCP server '{server.label}' cannot be used: this server reaches no MCP servers.",
    )
