"""A part of an app that talks with a Realtime server: it answers questions about the weather."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TRIES = 2


class Unavailable(Exception):
    """The question cannot be answered now."""


async def ask(client: AsyncOpenAI, question: str, look_up: Callable[[str], str]) -> str:
    """Return the answer to a question.

    Args:
        client: Where the server is.
        question: The question.
        look_up: Tells the weather of a city.

    Raises:
        Unavailable: The connection was lost, or the model failed twice.
    """
    try:
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(
                session={"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]}
            )
            content: Any = [{"type": "input_text", "text": question}]
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": content}
            )
            return await _answer(connection, look_up)
    except ConnectionClosed as lost:
        raise Unavailable("the connection was lost") from lost


async def _answer(connection: AsyncRealtimeConnection, look_up: Callable[[str], str]) -> str:
    failed = 0
    await connection.response.create()
    async for event in connection:
        if event.type != "response.done":
            continue
        response = event.response
        if response.status == "failed":
            failed += 1
            if failed == TRIES:
                raise Unavailable(response.status_details.error.code)
            await connection.response.create()
            continue
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output[0].content[0].text
        for call in calls:
            output = look_up(json.loads(call.arguments)["city"])
            await connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": call.call_id, "output": output}
            )
        await connection.response.create()
    raise Unavailable("the connection was closed")
