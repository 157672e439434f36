"""What a call of an MCP tool costs beside the server's own time.

    python -m benchmarks.mcp [--calls N] [--kib N] [--json]

A server of the official SDK runs in a process of its own, over HTTP and over standard input and
output. Three times are measured in turn, of the same call: around it as a session makes it
(`ToolServers`), around it as the SDK's client makes it, and within the server, where that can be
seen (HTTP: from the request's arrival to the end of its answer). Medians are shown. Their
differences include the way between the processes; ratios to the SDK's client hold on any machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import httpx2
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.server.mcpserver import MCPServer

from config import load_settings
from session.mcp import McpServer
from tool_servers.servers import McpServers

WARM_UP = 20
SERVER = McpServer("measured")
THIS = [sys.executable, "-m", "benchmarks.mcp", "--serve"]


@dataclass(frozen=True)
class Figures:
    """Medians in ms."""

    by: str
    ours: float
    """Around a call through `ToolServers`."""
    sdk: float
    """Around a call of the SDK's client."""
    server: float | None
    """The server's own time; None: it cannot be seen."""

    @property
    def share(self) -> float | None:
        """What a call costs beside the server's own time."""
        return None if self.server is None else self.ours - self.server

    @property
    def ratio(self) -> float:
        """How much longer a call takes than by the SDK's client."""
        return self.ours / self.sdk


class _Timed:
    """An ASGI application that tells how long its last requests took."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._took: list[float] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/times":
            body, self._took = json.dumps(self._took).encode(), []
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
            return
        began = time.perf_counter()
        await self._app(scope, receive, send)
        self._took.append((time.perf_counter() - began) * 1000)


def _serve(kind: str) -> None:
    server = MCPServer("measured", log_level="ERROR")

    @server.tool(structured_output=False)
    def text(kib: int) -> str:
        """Answers so many KiB."""
        return "x" * (kib * 1024)

    if kind == "stdio":
        server.run("stdio")
        return
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    app = _Timed(server.streamable_http_app())
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


@contextmanager
def _http_server() -> Iterator[str]:
    """Run a server; yields its origin."""
    process = subprocess.Popen([*THIS, "http"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


async def _median(call: Callable[[], Awaitable[object]], calls: int) -> float:
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


async def _measured(
    by: str, configured: dict[str, Any], client: Client, kib: int, calls: int, origin: str | None
) -> Figures:
    servers = McpServers(load_settings(mcp={"servers": {"measured": configured}}))
    session = servers.session()
    arguments = {"kib": kib}
    written = json.dumps(arguments)

    async def ours() -> None:
        await session.call(SERVER, "text", written)

    async def sdk() -> None:
        await client.call_tool("text", arguments)

    async with client, httpx2.AsyncClient(trust_env=False) as http:
        await session.list_tools(SERVER)
        await client.list_tools()
        for call in (ours, sdk):
            await _median(call, WARM_UP)
        own: list[float] = []
        rounds = []
        for _ in range(10):
            if origin is not None:
                await http.get(f"{origin}/times")
            by_us = await _median(ours, calls // 10)
            if origin is not None:
                own += (await http.get(f"{origin}/times")).json()
            rounds.append((by_us, await _median(sdk, calls // 10)))
    await servers.close()
    return Figures(
        by,
        median(ours_ms for ours_ms, _sdk_ms in rounds),
        median(sdk_ms for _ours_ms, sdk_ms in rounds),
        median(own) if own else None,
    )


async def run(calls: int, kib: int) -> list[Figures]:
    """Measure by HTTP and by standard input and output.

    Args:
        calls: Calls of each kind, 10 or more.
        kib: KiB of text that the tool answers.
    """
    with _http_server() as origin:
        url = f"{origin}/mcp"
        by_http = await _measured("HTTP", {"url": url}, Client(url), kib, calls, origin)
    command = {"command": THIS[0], "args": [*THIS[1:], "stdio"]}
    client = Client(StdioServerParameters(**command))
    return [by_http, await _measured("stdio", command, client, kib, calls, None)]


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=300, help="calls of each kind (default 300)")
    parser.add_argument("--kib", type=int, default=1, help="KiB that the tool answers (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", choices=["http", "stdio"], help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve:
        _serve(arguments.serve)
        return
    found = asyncio.run(run(max(10, arguments.calls), arguments.kib))
    if arguments.json:
        print(json.dumps([{**asdict(one), "ratio": one.ratio} for one in found], indent=2))
        return
    print("       around a call   the SDK's client   ratio   server's own   beside it")
    for one in found:
        own = "        –           –"
        if one.server is not None:
            own = f"{one.server:9.2f} ms {one.share:9.2f} ms"
        print(f"{one.by:<5} {one.ours:12.2f} ms {one.sdk:15.2f} ms {one.ratio:7.2f} {own}")


if __name__ == "__main__":
    main()
