"""The MCP servers of the process: who may be reached, and each session's way to them.

Where none is configured, `mcp` is not imported, and every server is refused by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from config import ConfigError, Settings
from session.mcp import McpError, McpFailed, McpServer, McpTool, ToolServers
from settings.installation import install_extra
from settings.localisation import _
from settings.mcp_settings import McpConfig, McpServerConfig
from tool_servers.processes import Processes
from tool_servers.targets import target_of
from wire.errors import ProtocolError

if TYPE_CHECKING:
    from tool_servers.session_servers import SessionServers


class McpServers:
    """Makes what sessions use, and ends what they have left."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is connected.

        Args:
            settings: The configuration.

        Raises:
            ConfigError: Servers are configured, and `mcp` is not installed.
        """
        self._config = settings.mcp
        self._verbose = settings.server.verbose
        self._processes = Processes(settings.mcp.max_processes)
        self._open: set[SessionServers] = set()
        if self._config.used:
            # It takes a second, which no session is to wait for.
            _import()

    @property
    def configured(self) -> Mapping[str, McpServerConfig]:
        """The operator's own, by their labels."""
        return self._config.servers

    def session(self) -> ToolServers:
        """Return the servers of a new session, which closes them at its end."""
        if not self._config.used:
            return NoServers()
        from tool_servers.session_servers import SessionServers

        made = SessionServers(
            self._config, self._processes, self._open.discard, verbose=self._verbose
        )
        self._open.add(made)
        return made

    def describe(self) -> str | None:
        """Return what sessions may use, for the start-up banner; None: nothing."""
        if not self._config.used:
            return None
        return ", ".join(self._described())

    def _described(self) -> Iterator[str]:
        yield from self._config.servers
        if self._config.allowed_hosts:
            yield _("those of clients at {hosts}").format(
                hosts=", ".join(self._config.allowed_hosts)
            )

    async def close(self) -> None:
        """End the connections of sessions that did not."""
        await asyncio.gather(*(servers.close() for servers in [*self._open]))


def check_server(config: McpConfig, server: McpServer) -> None:
    """Refuse a server that no session may have (§B.13).

    Args:
        config: `[mcp]`.
        server: The server, as a client names it.

    Raises:
        ProtocolError: It is not allowed, or there is none of its label.
    """
    if config.used:
        target_of(server, config)
    else:
        NoServers().check(server)


class NoServers:
    """The servers of a session where none are configured: it has none."""

    def check(self, server: McpServer) -> None:
        """Raise `ProtocolError`."""
        raise ProtocolError(
            "invalid_value",
            f"The MCP server '{server.label}' cannot be used: this server reaches none. Its "
            "operator may name some (mcp.servers), and allow hosts of yours (mcp.allowed_hosts).",
        )

    async def list_tools(self, server: McpServer) -> list[McpTool]:
        """Raise `McpFailed`."""
        raise _none(server)

    async def call(self, server: McpServer, name: str, arguments: str) -> str:
        """Raise `McpFailed`."""
        raise _none(server)

    def on_change(self, changed: Callable[[McpServer], None]) -> None:
        """Do nothing: nothing changes."""

    def keep(self, servers: frozenset[McpServer]) -> None:
        """Do nothing: nothing is connected."""

    async def close(self) -> None:
        """Do nothing: nothing is open."""


def _none(server: McpServer) -> McpFailed:
    return McpFailed(McpError("protocol_error", f"MCP server {server.label}: it is not there."))


def _import() -> None:
    """Do what takes a while: import the library, and read whose certificates are trusted."""
    try:
        import tool_servers.session_servers  # noqa: F401
    except ModuleNotFoundError as missing:
        raise ConfigError(
            _(
                "[mcp] needs the library '{library}': {install}, or leave out mcp.servers and "
                "mcp.allowed_hosts."
            ).format(library=missing.name, install=install_extra("mcp"))
        ) from None
    from tool_servers.http_client import trusted

    trusted()
