"""The MCP servers of one session: `session.mcp.ToolServers`, over real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from mcp.types import INVALID_PARAMS, CallToolResult

from session.mcp import McpError, McpFailed, McpServer, McpTool
from settings.mcp_settings import McpConfig
from tool_servers.connection import Connection
from tool_servers.failures import failed
from tool_servers.processes import Processes
from tool_servers.raw_answers import MOST_PARTS
from tool_servers.results import as_text
from tool_servers.targets import HttpTarget, Target, target_of, without_keys
from tool_servers.tools import all_tools, usable
from wire.errors import ProtocolError

MOST_SERVERS = 64
"""Servers that a session may be connected to: a client that names others all the time would make
this server connect to all of them. As many more may still have something to do."""
MOST_UNWATCHED = 256
"""Servers that were left of which is known that nobody hears of their changes."""
MOST_OF_LABEL = 2
"""Servers of one label that it stays connected to: its own, and that of a response."""


class SessionServers:
    """The connections of one session. A server is connected to when it is first asked."""

    def __init__(
        self,
        config: McpConfig,
        processes: Processes,
        closed: Callable[[SessionServers], None],
        *,
        verbose: bool,
    ) -> None:
        """Prepare.

        Args:
            config: `[mcp]`.
            processes: Counts the processes of all sessions.
            closed: Called when all connections have ended.
            verbose: Whether what a process writes to its standard error is shown.
        """
        self._config = config
        self._processes = processes
        self._closed = closed
        self._verbose = verbose
        self._connections: dict[McpServer, Connection] = {}
        """Those of each server, which was asked longer ago first."""
        self._kept: frozenset[McpServer] = frozenset()
        """The servers that the session names."""
        self._unwatched: dict[McpServer, None] = {}
        """Those that were left, so that nobody hears whether their lists change, in that order."""
        self._left: list[Connection] = []
        """Those that others have taken the places of, while they have something to do."""
        self._tell: Callable[[McpServer], None] = lambda _server: None

    def check(self, server: McpServer) -> None:
        """Raise `ProtocolError` for a server that the session may not have."""
        target_of(server, self._config)

    async def list_tools(self, server: McpServer) -> list[McpTool]:
        """Return the tools of a server.

        Raises:
            McpFailed: It cannot be reached, or lists what cannot be used.
        """
        connection = self._connection(server)
        self._unwatched.pop(server, None)
        target, most = connection.target, self._config.max_tools
        tools = await connection.ask(lambda client: all_tools(client, target, most), lists=True)
        return await asyncio.to_thread(usable, tools, target)

    async def call(self, server: McpServer, name: str, arguments: str) -> str:
        """Call a tool.

        Args:
            server: The server.
            name: The tool's name there.
            arguments: A JSON object, as the model wrote it.

        Returns:
            What the model is told.

        Raises:
            McpFailed: The tool failed, or was not reached, or answers too much.
        """
        connection = self._connection(server)
        target = connection.target
        if target.tools is not None and name not in target.tools:
            reason = f"sessions may not use its tool '{name}' (allowed_tools)"
            raise failed(target, "protocol_error", reason, INVALID_PARAMS)
        given = _read(arguments, target)
        result = await connection.ask(lambda client: client.call_tool(name, given))
        if server in self._unwatched:
            del self._unwatched[server]
            self._tell(server)
        return self._text(result, target)

    def on_change(self, changed: Callable[[McpServer], None]) -> None:
        """Name who is told of a server whose list has changed."""
        self._tell = changed

    def keep(self, servers: frozenset[McpServer]) -> None:
        """Stay connected to the servers that the session names, before any others."""
        self._kept = servers

    async def close(self) -> None:
        """End all connections."""
        known = [*self._connections.values(), *self._left]
        await asyncio.gather(*(connection.close() for connection in known))
        self._closed(self)

    def _connection(self, server: McpServer) -> Connection:
        """Return the connection to a server; raises `McpFailed` if it may have none."""
        known = self._connections.pop(server, None)
        if known is not None:
            self._connections[server] = known
            return known
        try:
            target = target_of(server, self._config)
        except ProtocolError as refused:
            raise McpFailed(McpError("protocol_error", refused.message, INVALID_PARAMS)) from None
        self._make_room(target)
        connection = Connection(
            target,
            self._config,
            self._processes,
            lambda: self._tell(server),
            verbose=self._verbose,
        )
        self._connections[server] = connection
        return connection

    def _make_room(self, target: Target) -> None:
        """Leave a server for another one where need be; raises `McpFailed` if none can be left."""
        self._left = [one for one in self._left if one.is_open]
        of_label = [one for one in self._connections if one.label == target.label]
        spare = [one for one in self._connections if one not in self._kept]
        if len(of_label) >= MOST_OF_LABEL:
            former = of_label[0]
        elif len(self._connections) < MOST_SERVERS:
            return
        elif spare or of_label:
            former = [*spare, *of_label][0]
        else:
            reason = (
                f"a session may have {MOST_SERVERS} MCP servers, and names as many: leave out some "
                "of its tools"
            )
            raise failed(target, "protocol_error", reason, INVALID_PARAMS)
        if len(self._left) >= MOST_SERVERS:
            reason = (
                f"{MOST_SERVERS} MCP servers that were left still have something to do: try again "
                "when their calls have ended"
            )
            raise failed(target, "protocol_error", reason, INVALID_PARAMS)
        connection = self._connections.pop(former)
        connection.leave()
        self._left.append(connection)
        self._unwatched[former] = None
        while len(self._unwatched) > MOST_UNWATCHED:
            del self._unwatched[next(iter(self._unwatched))]

    def _text(self, result: CallToolResult, target: Target) -> str:
        """Return a result as text; raises `McpFailed` for an error, and for too much of it."""
        if len(result.content) > MOST_PARTS:
            reason = (
                f"The result has more than {MOST_PARTS} parts, and no more are read. Ask for less."
            )
            raise failed(target, "tool_execution_error", reason)
        text = as_text(result)
        if isinstance(target, HttpTarget) and target.allowed is not None:
            shown = text
        else:
            # The operator's keys are nothing that a client may see.
            shown = without_keys(text, target)
        if result.is_error:
            reason = shown or "the tool failed, and did not say why"
            raise failed(target, "tool_execution_error", reason)
        size = len(shown.encode("utf-8", "replace"))
        if size > self._config.max_result_kib * 1024:
            reason = (
                f"The result has {-(-size // 1024)} KiB, and no more than "
                f"{self._config.max_result_kib} are taken (mcp.max_result_kib). Ask for less."
            )
            raise failed(target, "tool_execution_error", reason)
        return shown


def _read(arguments: str, target: Target) -> dict[str, object]:
    """Return a call's arguments; raises `McpFailed`."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        reason = "the arguments of the call are no JSON object"
        raise failed(target, "protocol_error", reason, INVALID_PARAMS)
    return given
