"""Drives realtime sessions of Pydantic AI (`Agent.realtime`), with OpenAI's or Azure's model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import (
    FunctionToolResultEvent,
    ModelRequest,
    ModelResponse,
    RealtimeInputSpeechStartEvent,
    RealtimeSessionErrorEvent,
    RealtimeTurnCompleteEvent,
    SpeechPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.providers.azure import AzureProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime import RealtimeModel, RealtimeModelSettings, RealtimeSession
from pydantic_ai.realtime.azure import AzureRealtimeModel
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

from tests.foreign_clients.python import scenarios

Say = Callable[..., None]

agent = Agent(instructions="Be brief.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"21C and sunny in {city}"


def model_at(url: str) -> RealtimeModel:
    if sys.argv[2] == "azure":
        provider = AzureProvider(
            azure_endpoint=url, api_version="2025-04-01-preview", api_key="none"
        )
        return AzureRealtimeModel("gpt-realtime", provider=provider)
    return OpenAIRealtimeModel(
        "gpt-realtime", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    )


def shown(part: Any) -> list[str]:
    match part:
        case SpeechPart(speaker=speaker, transcript=text):
            cut = "" if part.interrupted_at_ms is None else " (interrupted)"
            return [f"{speaker}: {text}{cut}"]
        case UserPromptPart(content=text):
            return [f"user: {text}"]
        case TextPart(content=text):
            return [f"assistant: {text}"]
    return []


class Talk:
    """A session that is listened to, and what has happened in it."""

    def __init__(self, session: RealtimeSession, say: Say) -> None:
        self.session = session
        self._audio = session.stream_audio()
        self.speech_started = asyncio.Event()
        self._say = say
        self._turns = asyncio.Queue[RealtimeTurnCompleteEvent]()

    async def listen(self) -> None:
        async for event in self.session:
            match event:
                case RealtimeSessionErrorEvent():
                    self._say("error", error=event.message, code=event.code)
                case RealtimeInputSpeechStartEvent():
                    self.speech_started.set()
                case FunctionToolResultEvent():
                    self._say("tool_end", output=event.part.content)
                case RealtimeTurnCompleteEvent():
                    self._turns.put_nowait(event)

    async def answered(self) -> None:
        await self._turns.get()

    async def play(self) -> None:
        """Play what there is to hear until the session ends."""
        played = 0
        try:
            async for chunk in self._audio:
                played += len(chunk)
        finally:
            self._say("audio", bytes=played)

    async def first_sound(self) -> None:
        await anext(self._audio)

    async def speak(self) -> None:
        for piece in scenarios.speech():
            await self.session.send_audio(piece)


@asynccontextmanager
async def talking(
    url: str,
    say: Say,
    settings: RealtimeModelSettings | None = None,
    message_history: list[ModelRequest | ModelResponse] | None = None,
    **options: Any,
) -> AsyncIterator[Talk]:
    bound = agent.realtime(
        model_at(url), model_settings=settings, message_history=message_history or []
    )
    async with bound.session(**options) as session:
        talk = Talk(session, say)
        listening = asyncio.create_task(talk.listen())
        yield talk
    await listening
    parts = [part for message in session.all_messages() for part in message.parts]
    say("history", messages=[line for part in parts for line in shown(part)])


@asynccontextmanager
async def playing(talk: Talk) -> AsyncIterator[None]:
    """Play in the background, and to the end."""
    task = asyncio.create_task(talk.play())
    yield
    await talk.session.wait_for_playback()
    await talk.session.close()
    await task


async def text(url: str, say: Say) -> None:
    """With a history to begin with."""
    history: list[ModelRequest | ModelResponse] = [
        ModelRequest(parts=[UserPromptPart("an old question")]),
        ModelResponse(parts=[TextPart("an old answer")]),
    ]
    async with talking(url, say, message_history=history) as talk, playing(talk):
        await talk.session.send("hello")
        await talk.session.wait_for_reply()


async def written(url: str, say: Say) -> None:
    async with talking(url, say, {"output_modality": "text"}) as talk:
        await talk.session.send("hello")
        await talk.answered()


async def audio(url: str, say: Say) -> None:
    """Its own defaults, among them the transcription model that it takes for the best."""
    async with talking(url, say) as talk, playing(talk):
        await talk.speak()
        await talk.answered()


async def manual(url: str, say: Say) -> None:
    async with talking(url, say, {"turn_detection": False}) as talk, playing(talk):
        await talk.speak()
        await talk.session.commit_audio()
        await talk.session.create_response()
        await talk.answered()


async def tool(url: str, say: Say) -> None:
    async with talking(url, say) as talk, playing(talk):
        await talk.session.send("what is the weather in Oslo?")
        await talk.answered()


async def interruption(url: str, say: Say) -> None:
    """Cut an answer after its first sound, and ask again."""
    async with talking(url, say) as talk:
        await talk.session.send("tell me a long story")
        await talk.first_sound()
        await talk.session.interrupt(played_ms=100)
        await talk.answered()
        async with playing(talk):
            await talk.session.send("hello")
            await talk.answered()


async def barge_in(url: str, say: Say) -> None:
    """Speech over an answer of which no more than the beginning was played."""
    async with talking(url, say, handle_barge_in=True) as talk:
        await talk.session.send("tell me a long story")
        await talk.first_sound()
        speaking = asyncio.create_task(talk.speak())
        await talk.speech_started.wait()
        async with playing(talk):
            await speaking
            await talk.answered()
            await talk.answered()


if __name__ == "__main__":
    scenarios.run(text, written, audio, manual, tool, interruption, barge_in)
