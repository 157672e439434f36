"""Where servers are configured and `mcp` is missing, the start says so."""

from __future__ import annotations

import sys

import pytest

from config import ConfigError, load_settings
from session.mcp import McpServer
from tests.tool_servers.using import command, failure
from tool_servers.servers import McpServers


def test_without_the_library_configured_servers_are_refused_at_start(
    monkeypatch: pytest.MonkeyPatch,
):
    for name in [name for name in sys.modules if name.startswith("tool_servers.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ConfigError, match=r"requirements/mcp\.txt"):
        McpServers(load_settings(mcp={"servers": {"files": command()}}))
    # Without any, nobody misses it.
    assert McpServers(load_settings()).describe() is None


async def test_without_settings_nothing_is_reached():
    servers = McpServers(load_settings())
    session = servers.session()
    assert (await failure(session.list_tools(McpServer("docs")))).type == "protocol_error"
    assert (await failure(session.call(McpServer("docs"), "any", ""))).type == "protocol_error"
    await session.close()
    await servers.close()


def test_what_sessions_may_use_is_told():
    mcp = {"servers": {"files": command()}, "allowed_hosts": ["*.example.com"]}
    told = McpServers(load_settings(mcp=mcp)).describe()
    assert told == "files, those of clients at *.example.com"
