"""Drives AG2's `LiveAgent`, to which one only speaks: its tool is asked for at another server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ag2.context import ConversationContext
from ag2.events import (
    ModelResponse,
    RecordedAudioEvent,
    SynthesizedAudioEvent,
    ToolResultEvent,
    TranscriptionCompletedEvent,
)
from ag2.live import LiveAgent
from ag2.live.openai import InputConfig, RealTimeConfig
from openai import AsyncOpenAI

from tests.foreign_clients.python import scenarios

Say = Callable[..., None]


def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"21C and sunny in {city}"


class Talk:
    """A session that is listened to."""

    def __init__(self, context: ConversationContext, say: Say) -> None:
        self._context = context
        self._say = say
        self._answers = asyncio.Queue[ModelResponse]()
        self._bytes = 0
        for event, take in (
            (TranscriptionCompletedEvent, self._heard),
            (SynthesizedAudioEvent, self._played),
            (ToolResultEvent, self._tool_ended),
            (ModelResponse, self._answered),
        ):
            context.stream.where(event).subscribe(take)

    async def _heard(self, event: TranscriptionCompletedEvent) -> None:
        self._say("heard", transcript=event.content)

    async def _played(self, event: SynthesizedAudioEvent) -> None:
        self._bytes += len(event.content)

    async def _tool_ended(self, event: ToolResultEvent) -> None:
        self._say("tool_end", output=[part.content for part in event.result.parts])

    async def _answered(self, event: ModelResponse) -> None:
        self._answers.put_nowait(event)

    async def speak(self) -> None:
        for piece in scenarios.speech():
            await self._context.send(RecordedAudioEvent(piece))

    async def answered(self) -> None:
        answer = await self._answers.get()
        said = answer.message.content if answer.message else None
        self._say("answer", text=said, bytes=self._bytes, tokens=answer.usage.total_tokens)


@asynccontextmanager
async def talking(url: str, say: Say) -> AsyncIterator[Talk]:
    """With semantic turn detection, which is its default."""
    config = RealTimeConfig(
        "gpt-realtime",
        input=InputConfig(transcription={"model": "gpt-4o-transcribe"}),
        client=AsyncOpenAI(base_url=f"{url}/v1", api_key="none"),
    )
    agent = LiveAgent("assistant", "Be brief.", config=config, tools=[get_weather])
    async with agent.run() as context:
        yield Talk(context, say)


async def audio(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.speak()
        await talk.answered()


async def tool(_url: str, say: Say) -> None:
    async with talking(sys.argv[2], say) as talk:
        await talk.speak()
        await talk.answered()
        await talk.answered()


if __name__ == "__main__":
    scenarios.run(audio, tool)
