"""Drives openai-agents (`RealtimeAgent`, `RealtimeRunner`) with its defaults, as in its guide."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.realtime.config import RealtimeSessionModelSettings

from tests.foreign_clients.python import scenarios

Say = Callable[..., None]


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"21C and sunny in {city}"


class Talk:
    """A session, and what has happened in it."""

    def __init__(self, session: RealtimeSession, say: Say) -> None:
        self.session = session
        self._say = say
        self._events = aiter(session)
        self.audio_bytes = 0
        self.raw: list[str] = []
        self.waiting: list[str] = []
        """Ids of the requests for approval of MCP calls."""

    async def until(self, done: Callable[[], bool]) -> None:
        """Take events until something is so."""
        while not done():
            event = await anext(self._events)
            match event.type:
                case "error":
                    self._say("error", error=str(event.error))
                case "audio":
                    self.audio_bytes += len(event.audio.data)
                case "tool_end":
                    self._say("tool_end", arguments=event.arguments, output=event.output)
                case "audio_interrupted":
                    self._say("audio_interrupted", item_id=event.item_id)
                case "raw_model_event" if event.data.type == "raw_server_event":
                    self._raw(event.data.data)

    def _raw(self, event: dict[str, Any]) -> None:
        self.raw.append(event["type"])
        if event["type"] == "error":
            self._say("error", error=event)
        elif event["type"] == "conversation.item.truncated":
            self._say("truncated", item_id=event["item_id"], audio_end_ms=event["audio_end_ms"])
        elif event["type"] == "response.done":
            made = [item["type"] for item in event["response"]["output"]]
            self._say("response", status=event["response"]["status"], output=made)
        elif event["type"] == "conversation.item.done" and _asks(event["item"]):
            self.waiting.append(event["item"]["id"])

    async def answered(self, count: int = 1) -> None:
        await self.until(lambda: self.raw.count("response.done") >= count)

    def history(self) -> list[dict[str, Any]]:
        """The messages as an application would show them."""
        shown = []
        for item in self.session._history:
            if item.type == "message":
                texts = [
                    getattr(part, "transcript", None) or getattr(part, "text", None)
                    for part in item.content
                ]
                shown.append({"id": item.item_id, "role": item.role, "texts": texts})
        return shown

    def spoken_by(self, role: str) -> list[str]:
        return [
            " ".join(filter(None, message["texts"]))
            for message in self.history()
            if message["role"] == role
        ]

    def conclude(self) -> None:
        self._say("audio", bytes=self.audio_bytes)
        self._say("history", messages=self.history())


def _asks(item: dict[str, Any]) -> bool:
    return bool(item["type"] == "mcp_approval_request")


@asynccontextmanager
async def talking(
    url: str, say: Say, settings: RealtimeSessionModelSettings | None = None
) -> AsyncIterator[Talk]:
    agent = RealtimeAgent(name="Assistant", instructions="Be brief.", tools=[get_weather])
    runner = RealtimeRunner(agent, config={"model_settings": settings or {}})
    async with await runner.run(model_config={"url": url, "api_key": "none"}) as session:
        talk = Talk(session, say)
        yield talk
        talk.conclude()


async def text(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.session.send_message("hello")
        await talk.answered()
        await talk.until(lambda: bool("".join(talk.spoken_by("assistant"))))


async def spoken(url: str, say: Say) -> None:
    """Its own defaults: semantic turn detection and a transcription model."""
    async with talking(url, say) as talk:
        for piece in scenarios.speech():
            await talk.session.send_audio(piece)
        await talk.answered()
        await talk.until(lambda: bool("".join(talk.spoken_by("user"))))


async def spoken_server_vad(url: str, say: Say) -> None:
    async with talking(
        url,
        say,
        {
            "audio": {
                "input": {
                    "turn_detection": {"type": "server_vad", "interrupt_response": True},
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                }
            }
        },
    ) as talk:
        for piece in scenarios.speech():
            await talk.session.send_audio(piece)
        await talk.answered()
        await talk.until(lambda: bool("".join(talk.spoken_by("user"))))


async def tool(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await talk.session.send_message("what is the weather in Oslo?")
        await talk.answered(2)
        await talk.until(lambda: bool("".join(talk.spoken_by("assistant"))))


async def barge_in(url: str, say: Say) -> None:
    """Speech over an answer that is still being made, and the answer to that speech."""
    async with talking(url, say) as talk:
        await talk.session.send_message("tell me a long story")
        await talk.until(lambda: talk.audio_bytes > 0)
        for piece in scenarios.speech():
            await talk.session.send_audio(piece)
        await talk.answered(2)
        await talk.until(lambda: "conversation.item.truncated" in talk.raw)
        # The session replaces what it shows of a cut message by what the server retrieves.
        await talk.until(lambda: "conversation.item.retrieved" in talk.raw)
        await talk.until(lambda: len(talk.spoken_by("user")) == 2)


if __name__ == "__main__":
    set_tracing_disabled(True)
    scenarios.run(text, spoken, spoken_server_vad, tool, barge_in)
