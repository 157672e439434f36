"""The product with a real voice and a scripted model, and what a client hears of it."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client

ANSWER = "Hello there, this is the first sentence. And this is the second one."


@asynccontextmanager
async def voice(tts: dict[str, Any], **llm: Any) -> AsyncIterator[WireClient]:
    """Run the product; `llm` changes the script of the model."""
    script = {"text": ANSWER, "first_token_ms": 1, "word_ms": 0, **llm}
    async with (
        running(scripted_settings(tts=tts, llm=script)) as server,
        client(server.url) as wire,
    ):
        yield wire


def audio(wire: WireClient, since: int = 0) -> bytes:
    """All audio that the client has received."""
    return b"".join(
        base64.b64decode(event["delta"])
        for event in wire.events[since:]
        if event["type"] == "response.output_audio.delta"
    )


async def answer(wire: WireClient) -> dict[str, Any]:
    """Ask for an answer and wait for its end."""
    await wire.say("hi")
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


async def failure(wire: WireClient) -> dict[str, Any]:
    """Ask for an answer that must fail; return why it did."""
    done = await answer(wire)
    assert done["status"] == "failed"
    error: dict[str, Any] = done["status_details"]["error"]
    return error


@asynccontextmanager
async def mute_server() -> AsyncIterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]
