"""Drives the realtime model of LiveKit Agents as its `AgentSession` does, without a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import function_tool, llm
from livekit.plugins.openai import realtime

from tests.foreign_clients.python import scenarios

Say = Callable[..., None]


@function_tool
async def get_weather(city: str) -> str:
    """Weather of a city.

    Args:
        city: Its name.
    """
    return f"21C and sunny in {city}"


@asynccontextmanager
async def session_of(url: str, say: Say) -> AsyncIterator[realtime.RealtimeSession]:
    base = url.replace("ws://", "http://").split("/realtime")[0]
    async with aiohttp.ClientSession() as http:
        model = realtime.RealtimeModel(base_url=base, api_key="none", http_session=http)
        session = model.session()
        session.on("error", lambda event: say("error", error=str(event.error)))
        session.on(
            "openai_server_event_received",
            lambda event: say("error", error=event) if event["type"] == "error" else None,
        )
        try:
            yield session
        finally:
            await session.aclose()
            await model.aclose()


async def take(generation: llm.GenerationCreatedEvent, say: Say) -> list[llm.FunctionCall]:
    """Take an answer to its end, and say what it was."""

    async def text_of(message: Any) -> str:
        return "".join([piece async for piece in message.text_stream])

    async def audio_of(message: Any) -> int:
        return sum([len(frame.data) * 2 async for frame in message.audio_stream])

    async def messages() -> None:
        async for message in generation.message_stream:
            text, audio = await asyncio.gather(text_of(message), audio_of(message))
            modalities = await message.modalities
            say("message", text=text, bytes=audio, modalities=modalities)

    async def calls() -> list[llm.FunctionCall]:
        found: list[llm.FunctionCall] = [call async for call in generation.function_stream]
        for call in found:
            say("call", name=call.name, arguments=call.arguments)
        return found

    found: list[llm.FunctionCall]
    found, _ = await asyncio.gather(calls(), messages())
    return found


async def ask(session: realtime.RealtimeSession, text: str) -> llm.GenerationCreatedEvent:
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=text)
    await session.update_chat_ctx(context)
    return await session.generate_reply()


def shown(session: realtime.RealtimeSession) -> list[str]:
    return [
        f"{item.role}: {item.text_content}"
        for item in session.chat_ctx.items
        if item.type == "message"
    ]


async def text(url: str, say: Say) -> None:
    """With a history to begin with, of which one message is then taken back."""
    async with session_of(url, say) as session:
        await session.update_instructions("Be brief.")
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="this will be deleted")
        context.add_message(role="assistant", content="an old answer")
        await session.update_chat_ctx(context)
        say("context", messages=shown(session))
        context = session.chat_ctx.copy()
        context.items.pop(0)
        await session.update_chat_ctx(context)
        await take(await ask(session, "hello"), say)
        say("context", messages=shown(session))


async def audio(url: str, say: Say) -> None:
    """A turn that the server finds by itself; its default is semantic turn detection."""
    async with session_of(url, say) as session:
        answers: asyncio.Queue[llm.GenerationCreatedEvent] = asyncio.Queue()
        heard: asyncio.Queue[str] = asyncio.Queue()
        session.on("generation_created", answers.put_nowait)
        session.on("input_speech_started", lambda _: say("speech_started"))
        session.on("input_speech_stopped", lambda _: say("speech_stopped"))

        def transcribed(event: llm.InputTranscriptionCompleted) -> None:
            if event.is_final:
                heard.put_nowait(event.transcript)

        session.on("input_audio_transcription_completed", transcribed)
        for piece in scenarios.speech():
            session.push_audio(rtc.AudioFrame(piece, scenarios.RATE, 1, len(piece) // 2))
        generation = await answers.get()
        say("generation", user_initiated=generation.user_initiated)
        await take(generation, say)
        say("heard", transcript=await heard.get())


async def tool(url: str, say: Say) -> None:
    async with session_of(url, say) as session:
        await session.update_tools([get_weather])
        (call,) = await take(await ask(session, "what is the weather in Oslo?"), say)
        context = session.chat_ctx.copy()
        context.items.append(
            llm.FunctionCallOutput(
                call_id=call.call_id, name=call.name, output="21C and sunny", is_error=False
            )
        )
        await session.update_chat_ctx(context)
        await take(await session.generate_reply(), say)


async def interruption(url: str, say: Say) -> None:
    """Cut an answer after its first sound, as an interrupted agent does, and ask again."""
    async with session_of(url, say) as session:
        generation = await ask(session, "tell me a long story")
        message = await anext(aiter(generation.message_stream))
        await anext(aiter(message.audio_stream))
        session.interrupt()
        session.truncate(message_id=message.message_id, modalities=["audio"], audio_end_ms=100)
        rest = sum([len(frame.data) * 2 async for frame in message.audio_stream])
        say("cut", bytes=rest)
        await take(await ask(session, "hello"), say)


if __name__ == "__main__":
    scenarios.run(text, audio, tool, interruption)
