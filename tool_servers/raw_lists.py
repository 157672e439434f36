"""What is taken out of a list of tools before `mcp` reads it, which would fail the whole list."""

from __future__ import annotations

from typing import Any

from loguru import logger
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse

LONGEST_SHOWN = 64
"""Characters of a tool's name in the log."""


def mend_list(message: SessionMessage, label: str) -> None:
    """Take out of a message what keeps a list of tools from being read, if it is one.

    * Tools whose input schema is none by MCP: one such tool would fail all of the list.
    * Schemas of results. `mcp` would check every result against them, on the event loop. A pattern
      in a schema can take years on a text that was made for it, and both come from a server that
      may be a stranger's. The model reads the result as it is.

    Args:
        message: What a server says.
        label: The server's, for the log.
    """
    answer = message.message
    tools = answer.result.get("tools") if isinstance(answer, JSONRPCResponse) else None
    if not isinstance(tools, list):
        return
    left: list[Any] = []
    for tool in tools:
        if isinstance(tool, dict):
            tool.pop("outputSchema", None)
            wrong = _wrong(tool.get("inputSchema"))
            if wrong is not None and isinstance(tool.get("name"), str):
                log_left_out(label, tool["name"], f"its input schema is no JSON Schema ({wrong})")
                continue
        left.append(tool)
    tools[:] = left


def log_left_out(label: str, name: str, why: str) -> None:
    """Write to the log that a tool is left out."""
    logger.warning(
        f"MCP server {label}: its tool {name[:LONGEST_SHOWN]!r} is left out, because {why}"
    )


def _wrong(schema: object) -> str | None:
    """Return why `mcp` does not take an input schema; None: it does."""
    if schema is None:
        return "there is none"
    if not isinstance(schema, dict):
        return "it is no object"
    if schema.get("type") != "object":
        return "its type is not object"
    properties, required = schema.get("properties"), schema.get("required")
    if properties is not None and not (
        isinstance(properties, dict)
        and all(isinstance(value, dict | bool) for value in properties.values())
    ):
        return "its properties are none"
    if required is not None and not (
        isinstance(required, list) and all(isinstance(name, str) for name in required)
    ):
        return "what it requires are no names"
    if not isinstance(schema.get("$schema"), str | None):
        return "its $schema is no text"
    return None
