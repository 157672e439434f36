"""An MCP server made with the official SDK, run as a process of its own.

`python real_server.py stdio`, or `streamable`, `older` (streamable HTTP of 2025, with sessions) or
`sse`, which print their port. It imports nothing of this project.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel

server = MCPServer("real", version="1")
calls = 0


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return str(a + b)


@server.tool()
def count() -> str:
    """Says how often it was called on this connection's server."""
    global calls
    calls += 1
    return str(calls)


@server.tool()
def fail() -> str:
    """Fails, and says why."""
    raise ToolError("the shop is closed")


class Weather(BaseModel):
    """What `weather` answers."""

    city: str
    degrees: int


@server.tool()
def weather(city: str) -> Weather:
    """Answers structured content, and the same as text."""
    return Weather(city=city, degrees=21)


@server.tool()
def structured() -> CallToolResult:
    """Answers structured content alone."""
    return CallToolResult(content=[], structured_content={"städte": ["Köln"]})


@server.tool()
def everything() -> CallToolResult:
    """Answers every kind of content."""
    data = base64.b64encode(bytes(300)).decode()
    note = TextResourceContents(uri="note://1", mime_type="text/plain", text="a note")
    file = BlobResourceContents(uri="file:///a.zip", mime_type="application/zip", blob=data)
    return CallToolResult(
        content=[
            TextContent(type="text", text="first"),
            ImageContent(type="image", data=data, mime_type="image/png"),
            AudioContent(type="audio", data=data, mime_type="audio/wav"),
            EmbeddedResource(type="resource", resource=note),
            EmbeddedResource(type="resource", resource=file),
            ResourceLink(type="resource_link", name="manual", uri="https://example.com/m"),
        ]
    )


@server.tool()
def large(kib: int) -> str:
    """Answers so many KiB."""
    return "x" * (kib * 1024)


@server.tool()
async def hang() -> str:
    """Never answers."""
    await asyncio.Event().wait()
    return ""


@server.tool()
def die() -> str:
    """Ends the process in the middle of the call."""
    os._exit(3)


@server.tool()
def environment() -> str:
    """Says which variables its process has."""
    return " ".join(f"{name}={value}" for name, value in sorted(os.environ.items()))


@server.tool()
def process_id() -> str:
    """Says which process it is."""
    return f"{os.getpid()} {os.getcwd()}"


@server.tool()
async def grow(ctx: Context[Any]) -> str:
    """Gets another tool, and tells its clients."""
    server.add_tool(lambda: "new", name="grown", description="It is new.")
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "grown"


class Name(BaseModel):
    """What `ask` wants to know."""

    name: str


@server.tool()
async def ask(ctx: Context[Any]) -> str:
    """Asks the user something, by elicitation."""
    return str(await ctx.elicit("Who are you?", Name))


@server.tool()
async def think(ctx: Context[Any]) -> str:
    """Asks the client's model something, by sampling."""
    words = TextContent(type="text", text="Well?")
    messages = [SamplingMessage(role="user", content=words)]
    return str(await ctx.session.create_message(messages=messages, max_tokens=9))


def older(app: Any) -> Any:
    """Refuse what servers before 2026 do not know."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        message = await receive()
        if b"server/discover" in message["body"]:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        waiting = [message]

        async def again() -> Any:
            return waiting.pop() if waiting else await receive()

        await app(scope, again, send)

    return wrapped


def main() -> None:
    """Serve."""
    kind = sys.argv[1]
    if "--stubborn" in sys.argv:
        # As a server that is busy with something else: neither a signal nor the end of its input
        # ends it.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            signal.pause()
    if kind == "stdio":
        server.run("stdio")
        while "--stubborn" in sys.argv:
            signal.pause()
        return
    app = server.sse_app() if kind == "sse" else server.streamable_http_app()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(older(app) if kind == "older" else app, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
