"""Drives LiteLLM's proxy in front of the server, by the stock `openai` client at its other side."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openai import AsyncOpenAI
from openai.resources.beta.realtime.realtime import AsyncRealtime as AsyncBetaRealtime
from openai.resources.realtime.realtime import AsyncRealtime

from tests.foreign_clients.python import scenarios

Say = scenarios.Say

KEY = "sk-of-the-proxy-0123456789abcdef"
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
"""Otherwise it asks the internet for prices before it starts."""
MODELS = {
    "my-voice": "openai/gpt-realtime",
    "my-ears": "openai/my-own-recogniser",
    "gpt-realtime-whisper": "openai/gpt-realtime-whisper",
}
"""What its clients ask for → its provider and model; the last is what an intent alone means."""


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[str]:
    """Run the proxy, and yield its base URL."""
    server = f"http://{urlsplit(url).netloc}"
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": server, "api_key": "none"},
        }
        for name, model in MODELS.items()
    ]
    config = {"model_list": models, "general_settings": {"master_key": KEY}}
    with tempfile.TemporaryDirectory() as folder:
        # YAML is a superset of JSON.
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(config))
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("litellm")), "--config", str(file)),
            *("--host", "127.0.0.1", "--port", "0"),
            env=os.environ | OFFLINE,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout
        reading = None
        try:
            log = []
            while line := (await process.stdout.readline()).decode():
                log.append(line)
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    # Nobody is to wait for a reader of its log.
                    reading = asyncio.create_task(process.stdout.read())
                    yield f"{found[1]}/v1"
                    return
            raise RuntimeError(f"the proxy did not start: {''.join(log)[-2000:]}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if reading:
                await reading


class Talk:
    """A connection through the proxy, and what has come of it."""

    def __init__(self, connection: Any, say: Say) -> None:
        self.connection = connection
        self._say = say
        self.events: list[Any] = []

    async def until(self, type_: str) -> Any:
        async for event in self.connection:
            self.events.append(event)
            if event.type == "error":
                self._say("error", error=event.error.to_dict())
            if event.type == type_:
                return event
        raise RuntimeError(f"the connection ended before {type_}")

    async def speak(self) -> None:
        for piece in scenarios.speech():
            audio = base64.b64encode(piece).decode()
            await self.connection.input_audio_buffer.append(audio=audio)

    async def answered(self) -> None:
        done = await self.until("response.done")
        self._say("response", status=done.response.status)
        deltas = [
            event
            for event in self.events
            if event.type in ("response.output_audio.delta", "response.audio.delta")
        ]
        self._say("audio", bytes=sum(len(base64.b64decode(event.delta)) for event in deltas))

    async def ask(self) -> None:
        await self.connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            }
        )
        await self.connection.response.create()
        await self.answered()


@asynccontextmanager
async def connected(
    realtime: AsyncRealtime | AsyncBetaRealtime, say: Say, **options: Any
) -> AsyncIterator[Talk]:
    async with realtime.connect(**options) as connection:
        talk = Talk(connection, say)
        created = await talk.until("session.created")
        say("session", type=getattr(created.session, "type", None))
        yield talk


def client(base: str) -> AsyncOpenAI:
    # The beta client would connect by `wss:` otherwise.
    websocket_base = base.replace("http://", "ws://")
    return AsyncOpenAI(base_url=base, websocket_base_url=websocket_base, api_key=KEY)


async def text(base: str, say: Say) -> None:
    async with connected(client(base).realtime, say, model="my-voice") as talk:
        await talk.ask()


async def beta(base: str, say: Say) -> None:
    """It passes the beta dialect's header on."""
    async with connected(client(base).beta.realtime, say, model="my-voice") as talk:
        await talk.ask()


async def spoken(base: str, say: Say) -> None:
    async with connected(client(base).realtime, say, model="my-voice") as talk:
        await talk.connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
            }
        )
        await talk.until("session.updated")
        await talk.speak()
        completed = await talk.until("conversation.item.input_audio_transcription.completed")
        say("heard", transcript=completed.transcript)
        await talk.answered()


async def transcribed(base: str, say: Say, **options: Any) -> None:
    query = {"intent": "transcription"}
    async with connected(client(base).realtime, say, extra_query=query, **options) as talk:
        await talk.connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "transcription": {"model": "whisper-1", "language": "en"},
                        "turn_detection": {"type": "server_vad"},
                    }
                },
            }
        )
        updated = await talk.until("session.updated")
        say("settings", model=updated.session.audio.input.transcription.model)
        await talk.speak()
        completed = await talk.until("conversation.item.input_audio_transcription.completed")
        say("heard", transcript=completed.transcript)


async def transcription(base: str, say: Say) -> None:
    """It passes both the model and the intent on, and replaces the session's model by its own."""
    await transcribed(base, say, model="my-ears")


async def intent_alone(base: str, say: Say) -> None:
    await transcribed(base, say)


if __name__ == "__main__":
    scenarios.run_through(proxy, text, beta, spoken, transcription, intent_alone)
