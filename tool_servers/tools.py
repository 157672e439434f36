"""What a server's list of tools becomes: bounded, and without what would fail every answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from loguru import logger
from mcp import Client
from mcp.types import INVALID_PARAMS, Tool

from session.mcp import McpTool
from tool_servers.failures import failed
from tool_servers.raw_answers import left_out
from tool_servers.targets import Target, redacted, without_keys

LONGEST_REASON = 200
"""Characters of a reason of which the server wrote a part."""
LONGEST_SHOWN = 64
"""Characters of a tool's name in the log."""
MOST_LOGGED = 5
"""Tools of a list that the log names."""
MOST_PAGES = 100
"""Pages of a list that are read: some servers' lists have no end."""
LONGEST_NAME = 128
"""Characters of a tool's name, as MCP has it; the model is given a shorter one if need be."""
LONGEST_DESCRIPTION = 1024
"""Characters of a tool's description: as many as a function of a client's may have (§C.1)."""
CUT = "… (cut)"
"""What stands at the end of one that was longer."""
MOST_TOOL_BYTES = 16 * 1024
"""Size of a tool, its schema included."""
MOST_LIST_BYTES = 256 * 1024
"""Size of all tools of a server: every request to the model has them."""


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
            raise failed(target, "protocol_error", reason, INVALID_PARAMS)
        cursor = page.next_cursor
        if not cursor:
            return found
    reason = f"its list of tools has more than {MOST_PAGES} pages"
    raise failed(target, "protocol_error", reason, INVALID_PARAMS)


def usable(tools: Iterable[Tool], target: Target) -> list[McpTool]:
    """Return tools as the session knows them, without those that no model could be given.

    A model's service refuses the whole request for one tool with a schema that is none, so such a
    tool is left out, as is one with a name that no model could say, or that is too large; the log
    says so. A description that is too long is cut. Some milliseconds a tool: not for the event
    loop.

    Args:
        tools: As the server lists them.
        target: The server.

    Raises:
        McpFailed: Together they are larger than `MOST_LIST_BYTES`.
    """
    found, size = [], 0
    left: list[tuple[str, str]] = []
    cut: list[str] = []
    for tool in tools:
        try:
            about, is_cut = _about(tool, target)
            schema = _without_keys(tool.input_schema, target)
            annotations = _without_keys(_annotations(tool), target)
            taken = McpTool(tool.name, about, schema, annotations)
            bytes_ = _bytes(taken)
            why = left_out(tool) or _unfit(taken, bytes_, target)
        except RecursionError:
            bytes_, why = 0, "its input schema is no JSON Schema (it is too deep)"
        if why is not None:
            left.append((tool.name, why))
            continue
        if is_cut:
            cut.append(tool.name)
        found.append(taken)
        size += bytes_
    _log(target, left, cut)
    if size > MOST_LIST_BYTES:
        reason = (
            f"its list of tools has {-(-size // 1024)} KiB, and no more than "
            f"{MOST_LIST_BYTES // 1024} are taken"
        )
        raise failed(target, "protocol_error", reason, INVALID_PARAMS)
    return found


def _unfit(tool: McpTool, size: int, target: Target) -> str | None:
    """Return why no model could be given a tool; None: one could."""
    if not 1 <= len(tool.name) <= LONGEST_NAME:
        return f"its name has not 1 to {LONGEST_NAME} characters"
    if size > MOST_TOOL_BYTES:
        return f"it has {-(-size // 1024)} KiB, and no more than {MOST_TOOL_BYTES // 1024} are read"
    try:
        Draft202012Validator.check_schema(tool.input_schema)
    except SchemaError as error:
        # Redacted before it is cut: of half a secret nothing tells that it is one.
        why = redacted(error.message, target)[:LONGEST_REASON]
        where = redacted(error.json_path, target)[:LONGEST_REASON]
        return f"its input schema is no JSON Schema ({where}: {why})"
    return None


def _bytes(tool: McpTool) -> int:
    """Return the size of a tool as JSON in UTF-8."""
    whole = [tool.name, tool.description, tool.input_schema, tool.annotations]
    return len(json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace"))


def _without_keys(part: Any, target: Target) -> Any:
    """Return a part of a tool without the target's keys: a default may be one."""
    if isinstance(part, str):
        return without_keys(part, target)
    if isinstance(part, dict):
        return {name: _without_keys(value, target) for name, value in part.items()}
    if isinstance(part, list):
        return [_without_keys(value, target) for value in part]
    return part


def _about(tool: Tool, target: Target) -> tuple[str, bool]:
    """Return the description of a tool, and whether it is cut."""
    about = without_keys(tool.description or tool.title or "", target)
    if len(about) <= LONGEST_DESCRIPTION:
        return about, False
    return f"{about[: LONGEST_DESCRIPTION - len(CUT)]}{CUT}", True


def _log(target: Target, left: list[tuple[str, str]], cut: list[str]) -> None:
    """Write to the log what of a list is left out or cut: a line each, however much that is."""
    if left:
        named = _some([f"{_shown(name, target)} ({why})" for name, why in left])
        logger.warning(f"MCP server {target.label}: {len(left)} of its tools left out: {named}")
    if cut:
        logger.info(
            f"MCP server {target.label}: the descriptions of {len(cut)} of its tools are cut to "
            f"{LONGEST_DESCRIPTION} characters: {_some([_shown(name, target) for name in cut])}"
        )


def _some(told: list[str]) -> str:
    more = len(told) - MOST_LOGGED
    return ", ".join([*told[:MOST_LOGGED], *([f"and {more} more"] if more > 0 else [])])


def _shown(name: str, target: Target) -> str:
    return repr(redacted(name, target)[:LONGEST_SHOWN])


def _annotations(tool: Tool) -> dict[str, Any] | None:
    if tool.annotations is None:
        return None
    return tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True)
