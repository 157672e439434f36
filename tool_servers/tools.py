"""What a server's list of tools becomes: bounded, and without what would fail every answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from loguru import logger
from mcp import Client
from mcp.types import INVALID_PARAMS, Tool

from session.mcp import McpTool
from tool_servers.failures import failed
from tool_servers.targets import Target, redacted

MOST_PAGES = 100
"""Pages of a list that are read: some servers' lists have no end."""


async def all_tools(client: Client, target: Target, most: int) -> list[Tool]:
    """Return the tools of a server that sessions may see.

    Args:
        client: The connection to it.
        target: The server.
        most: Number of tools that it may have.

    Raises:
        McpFailed: It has more.
    """
    found: list[Tool] = []
    cursor: str | None = None
    for _page in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += [tool for tool in page.tools if target.tools is None or tool.name in target.tools]
        if len(found) > most:
            reason = f"it has more than {most} tools, and no more are taken (mcp.max_tools)"
            raise failed(target, "protocol", reason, INVALID_PARAMS)
        cursor = page.next_cursor
        if not cursor:
            return found
    reason = f"its list of tools has more than {MOST_PAGES} pages"
    raise failed(target, "protocol", reason, INVALID_PARAMS)


def usable(tools: Iterable[Tool], target: Target) -> list[McpTool]:
    """Return tools as the session knows them, without those that no model could be given.

    A model's service refuses the whole request for one tool with a schema that is none, so such a
    tool is left out, and the log says so. Some milliseconds a tool: not for the event loop.
    """
    found = []
    for tool in tools:
        try:
            Draft202012Validator.check_schema(tool.input_schema)
        except (SchemaError, RecursionError) as error:
            why = "it is too deep"
            if isinstance(error, SchemaError):
                why = f"{error.json_path}: {error.message[:200]}"
            logger.warning(
                f"MCP server {target.label}: its tool {tool.name[:64]!r} is left out, because its "
                f"input schema is no JSON Schema ({redacted(why, target)})"
            )
            continue
        found.append(McpTool(tool.name, _about(tool), tool.input_schema, _annotations(tool)))
    return found


def _about(tool: Tool) -> str:
    return tool.description or tool.title or ""


def _annotations(tool: Tool) -> dict[str, Any] | None:
    if tool.annotations is None:
        return None
    return tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True)
