"""Carries out what one session asks of MCP servers: lists and calls, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from loguru import logger

from session.effects import CallMcpTool, ListMcpTools
from session.mcp import McpError, McpFailed, McpServer, ToolServers
from session.reports import (
    McpCallCompleted,
    McpCallFailed,
    McpListChanged,
    McpListFailed,
    McpReport,
    McpToolsListed,
)
from tool_servers.notices import Notices


class McpRunner:
    """The lists and calls of one session that are under way."""

    def __init__(self, servers: ToolServers | None, report: Callable[[McpReport], None]) -> None:
        """Start with none.

        Args:
            servers: The session's MCP servers; None: it has none, and asks for none.
            report: Takes what they answer.
        """
        self._servers = servers
        self._report = report
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """Item id → the task that asks for it."""
        self._notices = Notices(lambda server: report(McpListChanged(server)))
        if servers is not None:
            servers.on_change(self._notices.take)

    def keep(self, servers: frozenset[McpServer]) -> None:
        """Stay connected to the servers that the session names, before any others."""
        if self._servers is not None:
            self._servers.keep(servers)

    def list(self, wanted: ListMcpTools) -> None:
        """Ask a server for its tools."""
        self._start(wanted.item_id, self._listed(wanted))

    def call(self, wanted: CallMcpTool) -> None:
        """Call a tool."""
        self._start(wanted.item_id, self._called(wanted))

    def stop(self, item_ids: tuple[str, ...]) -> None:
        """Stop calls; they report nothing more."""
        for item_id in item_ids:
            task = self._tasks.pop(item_id, None)
            if task is not None:
                task.cancel()

    async def close(self) -> None:
        """Stop everything, and leave the servers."""
        self._notices.close()
        tasks = list(self._tasks.values())
        self.stop(tuple(self._tasks))
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._servers is not None:
            await self._servers.close()

    def _start(self, item_id: str, asking: Coroutine[Any, Any, McpReport]) -> None:
        self._tasks[item_id] = asyncio.create_task(
            self._answer(item_id, asking), name=f"MCP {item_id}"
        )

    async def _answer(self, item_id: str, asking: Coroutine[Any, Any, McpReport]) -> None:
        report = await asking
        # A stopped task may have its answer already.
        if self._tasks.pop(item_id, None) is not None:
            self._report(report)

    async def _listed(self, wanted: ListMcpTools) -> McpReport:
        try:
            tools = await self._known.list_tools(wanted.server)
        # A library and a stranger's server stand behind it, and a list without an end helps nobody.
        except Exception as error:
            return McpListFailed(wanted.item_id, _reason(error))
        return McpToolsListed(wanted.item_id, tuple(tools))

    async def _called(self, wanted: CallMcpTool) -> McpReport:
        try:
            output = await self._known.call(wanted.server, wanted.name, wanted.arguments)
        # As above: the response waits for the call.
        except Exception as error:
            return McpCallFailed(wanted.item_id, _reason(error))
        return McpCallCompleted(wanted.item_id, output)

    @property
    def _known(self) -> ToolServers:
        if self._servers is None:
            raise TypeError("A session without MCP servers asks for none.")
        return self._servers


def _reason(error: Exception) -> McpError:
    if isinstance(error, McpFailed):
        return error.error
    logger.opt(exception=error).debug("an MCP server failed in a way that nobody expected")
    return McpError("protocol_error", f"The MCP server failed: {type(error).__name__}.")
