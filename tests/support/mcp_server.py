"""A real MCP server, made with the official SDK, on loopback in the test's own event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

from tests.support.running_server import serving


class Weather:
    """The server, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        """Its entry of `mcp.allowed_hosts`."""
        return self.url.removesuffix("/mcp")


@asynccontextmanager
async def weather_server() -> AsyncIterator[Weather]:
    """Run a server that knows the weather, and can order a taxi."""
    server = MCPServer("weather", version="1")
    known = Weather("")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def get_weather(city: str) -> str:
        """Weather of a city."""
        known.asked.append(city)
        return f"21C and sunny in {city}"

    @server.tool()
    def order_taxi(address: str) -> str:
        """Order a taxi to an address."""
        known.asked.append(address)
        return f"A taxi is on its way to {address}"

    app: Any = server.streamable_http_app()
    async with serving(app) as port:
        known.url = f"http://127.0.0.1:{port}/mcp"
        yield known
