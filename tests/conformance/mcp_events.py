"""What tests of MCP tools (§B.13) send and look for."""

from __future__ import annotations

from typing import Any

from tests.support.mcp_driver import DOCS, McpDriver

ADDED, DONE = "conversation.item.added", "conversation.item.done"
FUNCTION: dict[str, Any] = {
    "type": "function",
    "name": "search",
    "description": None,
    "parameters": {},
}
OTHER = {**DOCS, "server_label": "wiki", "server_url": "https://mcp.example.com/wiki"}
LIST = ("mcp_list_tools.in_progress", "mcp_list_tools.completed", "mcp_list_tools.failed")


def called(**said: Any) -> McpDriver:
    """A session in which a call has just ended."""
    d = McpDriver()
    d.connect(**said)
    d.say("Where is it?")
    d.respond()
    d.asks()
    d.found()
    return d
