"""An agent with two tools, in Python, by the `openai` package: it looks things up and does things.

    pip install 'openai[realtime]'
    python examples/agent_with_tools.py

REALTIME_URL (http://localhost:8000/v1) and REALTIME_API_KEY name another server.

Type to it, or pipe lines into it. With the embedded stack, say the words of a tool's name: "what is
the weather in Oslo", "set a timer for five minutes". A real model (`--profile local`) finds out by
itself which tool is meant. What it answers is spoken, too: the audio is kept in `answers.wav`.

How it goes: the session is told of the tools once. When the model wants one, its call is an item of
the response. The program runs it, adds the result to the conversation, and asks for the next
response, in which the model says what came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import wave
from collections.abc import Callable
from typing import Any

from openai import AsyncOpenAI, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import WebSocketException

URL = os.environ.get("REALTIME_URL", "http://localhost:8000/v1")
KEY = os.environ.get("REALTIME_API_KEY", "none")
RATE = 24000


def get_weather(city: str) -> dict[str, Any]:
    """Look up the weather; a real one would ask a service."""
    return {"city": city, "sky": "sunny", "degrees": 21}


timers: list[float] = []


def set_timer(minutes: float) -> dict[str, Any]:
    """Set a timer; a real one would ring."""
    timers.append(minutes)
    return {"timer": f"{minutes:g} minutes", "timers": len(timers)}


TOOLS: dict[str, Callable[..., object]] = {"get_weather": get_weather, "set_timer": set_timer}
DESCRIPTIONS: list[Any] = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The weather in a city, now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
    {
        "type": "function",
        "name": "set_timer",
        "description": "Sets a timer that rings after some minutes.",
        "parameters": {
            "type": "object",
            "properties": {"minutes": {"type": "number"}},
            "required": ["minutes"],
        },
    },
]


def run(name: str, arguments: str) -> str:
    """Run a tool, and return its result for the model, an error included."""
    try:
        result = TOOLS[name](**json.loads(arguments))
    except (KeyError, TypeError, ValueError) as error:
        # Models make mistakes. Told of one, they can do better or say so.
        result = {"error": f"{type(error).__name__}: {error}"}
    print(f"  {name}({arguments}) = {json.dumps(result)}", flush=True)
    return json.dumps(result)


async def answer(connection: AsyncRealtimeConnection) -> bytes:
    """Let the model answer, with as many calls of tools as it wants; return what was spoken."""
    spoken = bytearray()
    await connection.response.create()
    async for event in connection:
        if event.type == "response.output_audio.delta":
            spoken += base64.b64decode(event.delta)
        elif event.type == "response.output_audio_transcript.done":
            print("Assistant:", event.transcript, flush=True)
        elif event.type == "error":
            print("The server says:", event.error.message, flush=True)
        elif event.type == "response.done":
            calls = [item for item in event.response.output or [] if item.type == "function_call"]
            if not calls:
                break
            for call in calls:
                output = run(call.name or "", call.arguments or "")
                await connection.conversation.item.create(
                    item={
                        "type": "function_call_output",
                        "call_id": call.call_id or "",
                        "output": output,
                    }
                )
            await connection.response.create()
    return bytes(spoken)


async def main(recording: wave.Wave_write) -> None:
    """Read lines, answer each, and record what is spoken."""
    client = AsyncOpenAI(base_url=URL, api_key=KEY)
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "tools": DESCRIPTIONS})
        while line := await asyncio.to_thread(sys.stdin.readline):
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": line.strip()}],
                }
            )
            recording.writeframes(await answer(connection))


if __name__ == "__main__":
    whole = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=whole).parse_args()
    try:
        # Opened apart: `wave` itself leaves an exception behind if it cannot open a file.
        with open("answers.wav", "wb") as file, wave.open(file, "wb") as recording:
            recording.setparams((1, 2, RATE, 0, "NONE", ""))
            asyncio.run(main(recording))
    except KeyboardInterrupt:
        pass
    except (OpenAIError, OSError, WebSocketException) as error:
        if isinstance(error, OSError) and error.filename:
            raise SystemExit(f"{error}: start it in a folder that you may write to.") from None
        raise SystemExit(
            f"No session with {URL} ({error}): start the server with make run, or name another "
            "with REALTIME_URL."
        ) from None
