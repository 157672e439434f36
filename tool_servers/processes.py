"""How many processes of MCP servers run at once, for all sessions of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from session.mcp import McpError, McpFailed
from tool_servers.targets import ProcessTarget


class Processes:
    """Places for processes.

    Each session has a process of its own of each such server that it uses, because what a server
    keeps between two calls is one client's. So their number has to be bounded.
    """

    def __init__(self, limit: int) -> None:
        """Prepare; `limit` is the number of places."""
        self._limit = limit
        self._taken = 0

    @contextmanager
    def place(self, target: ProcessTarget) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            McpFailed: There is none.
        """
        if self._taken >= self._limit:
            reason = (
                f"MCP server {target.label}: {self._limit} processes of MCP servers run already, "
                "and no more may (mcp.max_processes). Try again later."
            )
            raise McpFailed(McpError("protocol_error", reason, -32000))
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
