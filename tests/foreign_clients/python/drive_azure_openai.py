"""Drives the `openai` package as it reaches realtime models on Azure: in GA, and in the preview."""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncAzureOpenAI, AsyncOpenAI

from tests.foreign_clients.python import scenarios

Say = Callable[..., None]

API = sys.argv[2]
"""`v1`: the package's plain client; `azure`: its client for Azure; `preview`: that in beta."""
PREVIEW = API == "preview"
DEPLOYMENT = "my-deployment"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def connecting(url: str) -> Any:
    """Return what connects, once entered."""
    sockets = url.replace("http://", "ws://")
    if API == "v1":
        client = AsyncOpenAI(api_key="none", base_url=f"{url}/openai/v1")
        return client.realtime.connect(model=DEPLOYMENT)
    azure = AsyncAzureOpenAI(
        api_key="none",
        azure_endpoint=url,
        api_version="2025-04-01-preview" if PREVIEW else "2025-08-28",
        websocket_base_url=f"{sockets}/openai" if PREVIEW else f"{sockets}/openai/v1",
    )
    return (azure.beta.realtime if PREVIEW else azure.realtime).connect(model=DEPLOYMENT)


class Talk:
    """A connection, and what has come over it."""

    def __init__(self, connection: Any, say: Say) -> None:
        self.connection = connection
        self.events: list[Any] = []
        self._say = say

    def of(self, type_: str) -> list[Any]:
        if PREVIEW:
            type_ = type_.replace("output_audio", "audio")
        return [event for event in self.events if event.type == type_]

    async def seen(self, type_: str, count: int = 1) -> Any:
        while len(self.of(type_)) < count:
            event = await self.connection.recv()
            self.events.append(event)
            if event.type == "error":
                self._say("error", error=event.error.model_dump())
            if event.type == "response.done":
                self._say("response", status=event.response.status)
        return self.of(type_)[count - 1]

    async def update(self, ga: dict[str, Any], preview: dict[str, Any]) -> None:
        session = preview if PREVIEW else {"type": "realtime", **ga}
        await self.connection.session.update(session=session)
        await self.seen("session.updated")

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.connection.conversation.item.create(item=item)
        await self.connection.response.create()

    def conclude(self) -> None:
        deltas = [base64.b64decode(event.delta) for event in self.of("response.output_audio.delta")]
        said = [event.transcript for event in self.of("response.output_audio_transcript.done")]
        self._say("audio", bytes=sum(map(len, deltas)), transcripts=said)


@asynccontextmanager
async def talking(url: str, say: Say) -> AsyncIterator[Talk]:
    async with connecting(url) as connection:
        talk = Talk(connection, say)
        created = await talk.seen("session.created")
        say("session", model=created.session.model)
        yield talk
        talk.conclude()


async def text(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.ask("hello")
        await talk.seen("response.done")


async def audio(url: str, say: Say) -> None:
    model = {"model": "whisper-1"}
    async with talking(url, say) as talk:
        await talk.update(
            {"audio": {"input": {"transcription": model}}}, {"input_audio_transcription": model}
        )
        for piece in scenarios.speech():
            await talk.connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        heard = await talk.seen("conversation.item.input_audio_transcription.completed")
        say("heard", transcript=heard.transcript)
        await talk.seen("response.done")


async def tool(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.update({"tools": [TOOL]}, {"tools": [TOOL]})
        await talk.ask("what is the weather in Oslo?")
        done = await talk.seen("response.done")
        (call,) = done.response.output
        say("call", name=call.name, arguments=call.arguments)
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "21C, sunny"}
        await talk.connection.conversation.item.create(item=output)
        await talk.connection.response.create()
        await talk.seen("response.done", 2)


async def cancelled(url: str, say: Say) -> None:
    """Cut an answer after its first sound, and ask again."""
    async with talking(url, say) as talk:
        await talk.ask("tell me a long story")
        await talk.seen("response.output_audio.delta")
        await talk.connection.response.cancel()
        await talk.seen("response.done")
        await talk.ask("hello")
        await talk.seen("response.done", 2)


if __name__ == "__main__":
    scenarios.run(text, audio, tool, cancelled)
