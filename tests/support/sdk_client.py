"""The official SDK as a client of a server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.support.running_server import RunningServer
from tests.support.wire_client import PATIENCE_S

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


@asynccontextmanager
async def connected(server: RunningServer) -> AsyncIterator[AsyncRealtimeConnection]:
    sdk = AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1")
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        yield connection
    await sdk.close()


async def until(connection: AsyncRealtimeConnection, type_: str) -> list[Any]:
    """Collect events up to and including one of the given type."""
    events = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in connection:
            events.append(event)
            if event.type == type_:
                return events
    raise AssertionError("the connection was closed")


async def say(connection: AsyncRealtimeConnection, text: str) -> list[Any]:
    content: Any = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": content}
    )
    await connection.response.create()
    return await until(connection, "response.done")


async def stream(connection: AsyncRealtimeConnection, pcm: bytes) -> None:
    for start in range(0, len(pcm), 4800):
        audio = base64.b64encode(pcm[start : start + 4800]).decode()
        await connection.input_audio_buffer.append(audio=audio)
