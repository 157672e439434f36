"""Lists and calls run beside each other, and what is stopped reports nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from session.effects import CallMcpTool, ListMcpTools
from session.mcp import McpError, McpFailed, McpServer, McpTool
from session.reports import (
    McpCallCompleted,
    McpCallFailed,
    McpListChanged,
    McpListFailed,
    McpReport,
    McpToolsListed,
)
from tool_servers.runner import McpRunner

SERVER = McpServer("docs")
TOOL = McpTool("search", "", {})
CLOSED = McpError("tool_execution_error", "It is closed.")


class Servers:
    """Servers that answer when the test says so."""

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[str]] = {}
        self.changed: Callable[[McpServer], None] = lambda _label: None
        self.left = False
        self.kept: frozenset[McpServer] = frozenset()

    def check(self, server: McpServer) -> None:
        """Allow all."""

    async def list_tools(self, server: McpServer) -> list[McpTool]:
        await self._answer("list")
        return [TOOL]

    async def call(self, server: McpServer, name: str, arguments: str) -> str:
        return await self._answer(name)

    def on_change(self, changed: Callable[[McpServer], None]) -> None:
        self.changed = changed

    def keep(self, servers: frozenset[McpServer]) -> None:
        self.kept = servers

    async def close(self) -> None:
        self.left = True

    async def _answer(self, of: str) -> str:
        self.answers[of] = asyncio.get_running_loop().create_future()
        return await self.answers[of]


class Running:
    """A runner, and what it reports."""

    def __init__(self) -> None:
        self.servers = Servers()
        self.came: asyncio.Queue[McpReport] = asyncio.Queue()
        self.runner = McpRunner(self.servers, self.came.put_nowait)

    async def call(self, item_id: str, name: str) -> asyncio.Future[str]:
        self.runner.call(CallMcpTool(item_id, SERVER, name, "{}"))
        return await self._asked(name)

    async def list(self, item_id: str) -> asyncio.Future[str]:
        self.runner.list(ListMcpTools(item_id, SERVER))
        return await self._asked("list")

    async def _asked(self, of: str) -> asyncio.Future[str]:
        async with asyncio.timeout(10):
            while of not in self.servers.answers:
                await asyncio.sleep(0)
        return self.servers.answers[of]

    async def reported(self) -> McpReport:
        async with asyncio.timeout(10):
            return await self.came.get()


async def test_calls_and_lists_end_in_their_own_time() -> None:
    running = Running()
    listed = await running.list("mcpl_1")
    slow, fast = await running.call("mcp_1", "slow"), await running.call("mcp_2", "fast")
    fast.set_result("second")
    assert await running.reported() == McpCallCompleted("mcp_2", "second")
    slow.set_result("first")
    assert await running.reported() == McpCallCompleted("mcp_1", "first")
    listed.set_result("")
    assert await running.reported() == McpToolsListed("mcpl_1", (TOOL,))
    await running.runner.close()


async def test_what_fails_says_why() -> None:
    running = Running()
    (await running.call("mcp_1", "shop")).set_exception(McpFailed(CLOSED))
    assert await running.reported() == McpCallFailed("mcp_1", CLOSED)
    (await running.list("mcpl_1")).set_exception(RuntimeError("secret"))
    failed = await running.reported()
    assert isinstance(failed, McpListFailed)
    assert failed.error.message == "The MCP server failed: RuntimeError."
    await running.runner.close()


async def test_what_is_stopped_reports_nothing() -> None:
    running = Running()
    stopped = await running.call("mcp_1", "slow")
    late = await running.call("mcp_2", "late")
    late.set_result("it was there already")
    running.runner.stop(("mcp_1", "mcp_2", "mcp_unknown"))
    other = await running.call("mcp_3", "other")
    other.set_result("done")
    assert await running.reported() == McpCallCompleted("mcp_3", "done")
    assert stopped.cancelled()
    assert running.came.empty()
    await running.runner.close()


async def test_the_end_of_the_session_stops_all_and_leaves() -> None:
    running = Running()
    waiting = [await running.call("mcp_1", "slow"), await running.list("mcpl_1")]
    await running.runner.close()
    assert all(future.cancelled() for future in waiting)
    assert running.servers.left
    assert running.came.empty()


async def test_a_change_is_passed_on() -> None:
    running = Running()
    running.servers.changed(McpServer("docs"))
    assert await running.reported() == McpListChanged(McpServer("docs"))
    await running.runner.close()


async def test_a_session_without_servers_has_nothing_to_leave() -> None:
    await McpRunner(None, lambda _report: None).close()
