"""What the tests of in-process engines share: the product's door, and a watch on the event loop."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from config import Settings
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

HANG_S = 10
"""Seconds after which an event loop that does not turn is taken to stand still."""
HEARD = "conversation.item.input_audio_transcription.completed"
UNHEARD = "conversation.item.input_audio_transcription.failed"


class LoopWatch:
    """Lets an engine go on only when the event loop has turned meanwhile."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.turns = 0

    def wait(self) -> None:
        """Call it from the engine: on the loop's own thread it would wait in vain."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        assert turned.wait(HANG_S), "the engine holds up the event loop"
        self.turns += 1

    def before(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return `method` preceded by `wait`."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.wait()
            return method(*args, **kwargs)

        return watched


def with_stt(**stt: Any) -> Settings:
    """Settings with a real recogniser and everything else scripted."""
    return scripted_settings(stt=stt)


def with_tts(text: str = "Hello there. How are you?", **tts: Any) -> Settings:
    """Settings with a real voice that says `text`, and everything else scripted."""
    return scripted_settings(tts=tts, llm={"text": text})


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[tuple[RunningServer, WireClient]]:
    """Run the product and connect to it."""
    async with running(settings) as server, client(server.url) as wire:
        yield server, wire


async def answer(wire: WireClient) -> tuple[dict[str, Any], bytes]:
    """Have an answer spoken; returns the response and all of its audio."""
    start = len(wire.of("response.output_audio.delta"))
    await wire.send("response.create")
    done = (await wire.until("response.done"))["response"]
    deltas = wire.of("response.output_audio.delta")[start:]
    return done, b"".join(base64.b64decode(event["delta"]) for event in deltas)


async def spoken_by(server: RunningServer, voice: str) -> bytes:
    """Have an answer spoken by a voice, in a session of its own."""
    async with client(server.url) as wire:
        await wire.update(audio={"output": {"voice": voice}})
        done, pcm = await answer(wire)
    assert done["status"] == "completed"
    return pcm


async def voices(server: RunningServer) -> list[dict[str, Any]]:
    """Return the voices that the server lists."""
    async with plain_http() as http:
        listed = (await http.get(f"{server.http}/v1/audio/voices")).json()
    return list(listed["data"])


def reason(response: dict[str, Any]) -> str:
    """Return why a response failed."""
    assert response["status"] == "failed"
    return str(response["status_details"]["error"]["message"])


async def listen(wire: WireClient, **transcription: Any) -> None:
    """Let the client commit its turns itself."""
    await wire.update(audio={"input": {"turn_detection": None, "transcription": transcription}})


async def commit(wire: WireClient, pcm: bytes | None = None) -> None:
    """Say something."""
    await wire.append(pcm or speech(after_ms=100), step=48000)
    await wire.send("input_audio_buffer.commit")
