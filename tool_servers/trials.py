"""Do the operator's MCP servers work? For `--check`, and for the warnings at start."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from session.mcp import McpFailed, McpServer, ToolServers
from settings.mcp_hosts import read_place
from settings.mcp_settings import McpServerConfig
from tool_servers.servers import McpServers


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one server."""

    label: str
    where: str
    """Its URL without path and query, or its command."""
    tools: int = 0
    took_ms: float = 0
    """Milliseconds to the list of its tools, the connection included."""
    unknown: tuple[str, ...] = ()
    """Tools that the operator's settings name, and that it does not list."""
    error: str | None = None
    """Why it cannot be used."""
    reached: bool = True
    """Whether it answered at all."""


async def try_servers(servers: McpServers) -> list[Trial]:
    """Connect to every server of the operator and list its tools; no tool is called."""
    session = servers.session()
    try:
        return await asyncio.gather(
            *(_try(session, label, one) for label, one in servers.configured.items())
        )
    finally:
        await session.close()


async def _try(session: ToolServers, label: str, configured: McpServerConfig) -> Trial:
    url = configured.url
    where = read_place(url).origin if url else configured.command or ""
    began = time.perf_counter()
    try:
        tools = await session.list_tools(McpServer(label))
    except McpFailed as failed:
        # `mcp` is installed, or nothing would have failed: servers are configured.
        from tool_servers.failures import NotAnswered

        reached = not isinstance(failed, NotAnswered)
        return Trial(label, where, error=failed.error.message, reached=reached)
    took_ms = (time.perf_counter() - began) * 1000
    listed = {tool.name for tool in tools}
    unknown = tuple(name for name in configured.tools_named if name not in listed)
    return Trial(label, where, len(tools), took_ms, unknown)
