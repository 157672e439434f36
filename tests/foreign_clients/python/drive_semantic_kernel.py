"""Drives the realtime clients of Semantic Kernel over WebSockets: OpenAI's, or Azure's."""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from numpy import ndarray
from openai import AsyncOpenAI
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    AzureRealtimeExecutionSettings,
    AzureRealtimeWebsocket,
    ListenEvents,
    OpenAIRealtimeExecutionSettings,
    OpenAIRealtimeWebsocket,
    SendEvents,
    TurnDetection,
)
from semantic_kernel.connectors.ai.open_ai.prompt_execution_settings import (
    open_ai_realtime_execution_settings as execution_settings,
)
from semantic_kernel.contents import AudioContent, ChatHistory, TextContent
from semantic_kernel.contents.realtime_events import (
    RealtimeAudioEvent,
    RealtimeEvent,
    RealtimeFunctionResultEvent,
    RealtimeTextEvent,
)
from semantic_kernel.functions import kernel_function

from tests.foreign_clients.python import scenarios

Say = Callable[..., None]

AZURE = sys.argv[2] == "azure"
Settings = AzureRealtimeExecutionSettings if AZURE else OpenAIRealtimeExecutionSettings


class Weather:
    """What the kernel can do."""

    @kernel_function(name="get_weather", description="Weather of a city")
    def get_weather(self, city: str) -> str:
        return f"21C and sunny in {city}"


def client_of(url: str) -> OpenAIRealtimeWebsocket | AzureRealtimeWebsocket:
    if AZURE:
        return AzureRealtimeWebsocket(endpoint=url, deployment_name="my-deployment", api_key="none")
    openai = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
    return OpenAIRealtimeWebsocket(ai_model_id="gpt-realtime", client=openai)


class Talk:
    """A session, and what has come in it."""

    def __init__(self, client: Any, say: Say) -> None:
        self.client = client
        self.types: list[str | None] = []
        self._say = say
        self._received = aiter(client.receive(audio_output_callback=self._play))
        self._bytes = 0
        self._text = ""

    async def _play(self, samples: ndarray) -> None:
        self._bytes += samples.nbytes

    async def seen(self, type_: ListenEvents, count: int = 1) -> None:
        while self.types.count(type_.value) < count:
            event = await anext(self._received)
            self.types.append(event.service_type)
            self._take(event)

    def _take(self, event: RealtimeEvent) -> None:
        match event:
            case RealtimeTextEvent():
                self._text += event.text.text
            case RealtimeFunctionResultEvent():
                self._say("tool_end", output=event.function_result.result)
            case RealtimeEvent(service_type=ListenEvents.ERROR, service_event=service):
                self._say("error", error=str(service))
            case RealtimeEvent(service_type=ListenEvents.RESPONSE_DONE, service_event=service):
                self._say("response", status=service.response.status)
            case RealtimeEvent(service_event=service) if (
                event.service_type
                == ListenEvents.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED
            ):
                self._say("heard", transcript=service.transcript)

    async def ask(self, text: str) -> None:
        await self.client.send(RealtimeTextEvent(text=TextContent(text=text)))
        await self.client.send(RealtimeEvent(service_type=SendEvents.RESPONSE_CREATE))

    async def speak(self) -> None:
        for piece in scenarios.speech():
            audio = AudioContent(data=base64.b64encode(piece).decode(), data_format="base64")
            await self.client.send(RealtimeAudioEvent(audio=audio))

    def conclude(self) -> None:
        self._say("answers", bytes=self._bytes, text=self._text)


@asynccontextmanager
async def talking(url: str, say: Say, **options: Any) -> AsyncIterator[Talk]:
    settings = Settings(
        instructions="Be brief.",
        voice="shimmer",
        turn_detection=TurnDetection(type="server_vad", create_response=True),
        input_audio_transcription=execution_settings.InputAudioTranscription(model="whisper-1"),
        function_choice_behavior=FunctionChoiceBehavior.Auto(),
    )
    kernel = Kernel()
    kernel.add_plugin(Weather(), plugin_name="weather")
    async with client_of(url)(settings=settings, kernel=kernel, **options) as client:
        talk = Talk(client, say)
        yield talk
        talk.conclude()


async def text(url: str, say: Say) -> None:
    """With a history that is answered at once, as its samples begin."""
    history = ChatHistory()
    history.add_user_message("hello")
    async with talking(url, say, chat_history=history, create_response=True) as talk:
        await talk.seen(ListenEvents.SESSION_UPDATED)
        await talk.seen(ListenEvents.RESPONSE_DONE)


async def audio(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.speak()
        await talk.seen(ListenEvents.CONVERSATION_ITEM_INPUT_AUDIO_TRANSCRIPTION_COMPLETED)
        await talk.seen(ListenEvents.RESPONSE_DONE)


async def tool(url: str, say: Say) -> None:
    """The kernel runs the function and asks for the next answer before the first one's end."""
    async with talking(url, say) as talk:
        await talk.ask("what is the weather in Oslo?")
        await talk.seen(ListenEvents.RESPONSE_DONE, 2)


async def barge_in(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.ask("tell me a long story")
        await talk.seen(ListenEvents.RESPONSE_AUDIO_DELTA)
        await talk.speak()
        await talk.seen(ListenEvents.RESPONSE_DONE, 2)


async def cancelled(url: str, say: Say) -> None:
    """Cut an answer after its first sound, and ask again."""
    async with talking(url, say) as talk:
        await talk.ask("tell me a long story")
        await talk.seen(ListenEvents.RESPONSE_AUDIO_DELTA)
        await talk.client.send(RealtimeEvent(service_type=SendEvents.RESPONSE_CANCEL))
        await talk.seen(ListenEvents.RESPONSE_DONE)
        await talk.ask("hello")
        await talk.seen(ListenEvents.RESPONSE_DONE, 2)


if __name__ == "__main__":
    scenarios.run(text, audio, tool, barge_in, cancelled)
