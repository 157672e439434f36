"""Sessions of the servers' side, and real MCP servers as processes, for the tests beside this."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config import load_settings
from session.mcp import McpError, McpFailed, McpServer, ToolServers
from settings.mcp_settings import McpServerConfig
from tests.support.running_server import serving
from tests.tool_servers.fake_http import FakeMcp
from tool_servers.servers import McpServers

REAL = Path(__file__).with_name("real_server.py")


def command(*arguments: str) -> dict[str, Any]:
    """Settings of a server that is run."""
    return {"command": sys.executable, "args": [str(REAL), "stdio", *arguments]}


@asynccontextmanager
async def real_server(kind: str, port: int = 0) -> AsyncIterator[str]:
    """Run a real server over HTTP; yields its URL.

    Args:
        kind: `streamable`, `older` or `sse`.
        port: Its port; 0: a free one.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(REAL), kind, str(port), stdout=PIPE
    )
    try:
        assert process.stdout is not None
        said = await process.stdout.readline()
        path = "sse" if kind == "sse" else "mcp"
        yield f"http://127.0.0.1:{int(said)}/{path}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def session(**mcp: Any) -> AsyncIterator[ToolServers]:
    """Yield the servers of one session, with these settings."""
    servers = McpServers(load_settings(mcp=mcp))
    yield servers.session()
    await servers.close()


async def failure(asked: Any) -> McpError:
    """Return why something failed."""
    with pytest.raises(McpFailed) as caught:
        await asked
    return caught.value.error


def configured(server: dict[str, Any]) -> McpServerConfig:
    """Return the settings of an operator's server."""
    return load_settings(mcp={"servers": {"d": server}}).mcp.servers["d"]


@asynccontextmanager
async def faking(fake: FakeMcp, **mcp: Any) -> AsyncIterator[ToolServers]:
    """Yield a session whose server `real` is a fake."""
    async with serving(fake.app) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        real = {"url": url, "authorization": SECRET, "headers": {"X-Team": "team-9-of-us"}}
        async with session(servers={"real": real}, **mcp) as tools:
            yield tools


SERVER = McpServer("real")
SECRET = "tk-very-secret-1234"
