"""Notices of changed lists of tools, slowed down: a server may send as many as it likes.

Each notice makes a session ask for the whole list, and every list that differs stays in the
conversation. So of a server's notices one is passed on at once, those that come within a second of
it are one together, and a session takes no more than a bound in all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from loguru import logger

from session.mcp import McpServer

INTERVAL_S = 1.0
"""Least time between two notices of a server that are passed on."""
MOST = 100
"""Notices that a session passes on, of all its servers together."""


class Notices:
    """The notices of one session's servers."""

    def __init__(self, tell: Callable[[McpServer], None]) -> None:
        """Start with none.

        Args:
            tell: Called with a server whose list has changed.
        """
        self._tell = tell
        self._told = 0
        self._last_s: dict[McpServer, float] = {}
        """Server → when its last notice was passed on, by the loop's clock."""
        self._waiting: dict[McpServer, asyncio.TimerHandle] = {}
        """Server → the notice that is to be passed on later."""

    def take(self, server: McpServer) -> None:
        """Take a notice of a server: pass it on now, later, or never."""
        if server in self._waiting or self._told >= MOST:
            return
        loop = asyncio.get_running_loop()
        due_s = self._last_s.get(server, -INTERVAL_S) + INTERVAL_S
        if loop.time() >= due_s:
            self._pass_on(server)
        else:
            self._waiting[server] = loop.call_at(due_s, self._pass_on, server)

    def close(self) -> None:
        """Pass on nothing more."""
        self._told = MOST
        for timer in self._waiting.values():
            timer.cancel()

    def _pass_on(self, server: McpServer) -> None:
        self._waiting.pop(server, None)
        if self._told >= MOST:
            return
        self._told += 1
        if self._told == MOST:
            logger.warning(
                f"MCP server {server.label}: the lists of tools of this session have changed "
                f"{MOST} times; further changes are not followed"
            )
        self._last_s[server] = asyncio.get_running_loop().time()
        self._tell(server)
