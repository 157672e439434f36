"""vLLM's own Realtime protocol on loopback (`/v1/realtime` of its OpenAI-compatible server).

As its server has it: a session is created by the server, `session.update` names the model, a commit
begins to transcribe, one with `final` ends the audio, and nothing has an id. Audio has 16 kHz.
"""

from __future__ import annotations

import base64
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.speech_socket import SpeechSocket, listening

MODEL = "mistralai/Voxtral-Mini-4B-Realtime-2602"
KEY = "sk-vllm-secret-key"
PIECE = 16000 * 2 // 2


@dataclass
class Stream:
    """One connection."""

    authorization: str | None
    received: list[dict[str, Any]] = field(default_factory=list)
    """All events but audio."""
    audio: bytearray = field(default_factory=bytearray)
    begun: bool = False
    """Whether it transcribes."""
    validated: bool = False
    """Whether the model was named."""


@dataclass
class FakeVllm(SpeechSocket):
    """What it answers, and what it was asked."""

    FAULTS = ("broken", "cut_after", "silent")

    words: list[str] = field(default_factory=lambda: ["turn ", "on ", "the ", "kitchen ", "light"])
    last_words: str = "The engine is dead."
    """What a broken or failing engine says, before the key."""
    broken: bool = False
    """Whether its engine fails."""
    cut_after: int | None = None
    silent: bool = False
    failing: int = 0
    """Connections that its engine fails for, counted down."""

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        if urlsplit(request.path).path != "/v1/realtime":
            return connection.respond(404, "Not Found")
        return None

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        stream = Stream(socket.request.headers.get("Authorization"))
        self.calls.append(stream)
        await self.send(socket, {"type": "session.created", "id": "sess-1", "created": 1})
        try:
            async for message in socket:
                await self.take(socket, stream, json.loads(message))
                self.changed.set()
        except ConnectionClosed:
            pass

    async def send(self, socket: ServerConnection, event: dict[str, Any]) -> None:
        await socket.send(json.dumps(event))

    async def take(self, socket: ServerConnection, stream: Stream, event: dict[str, Any]) -> None:
        async def refuse(said: str, code: str) -> None:
            await self.send(socket, {"type": "error", "error": said, "code": code})

        if event["type"] != "input_audio_buffer.append":
            stream.received.append(event)
        match event:
            case {"type": "session.update", "model": str(model)}:
                if model != MODEL:
                    await refuse(f"The model `{model}` does not exist.", "model_not_found")
                    return
                stream.validated = True
            case {"type": "session.update"}:
                await refuse("Missing required field: model", "invalid_event")
            case {"type": "input_audio_buffer.append", "audio": str(audio)}:
                pcm = base64.b64decode(audio)
                if not pcm:
                    await refuse("Invalid audio data", "invalid_audio")
                    return
                await self.hear(socket, stream, pcm)
            case {"type": "input_audio_buffer.commit"} if not stream.validated:
                await refuse("Model not validated.", "model_not_validated")
            case {"type": "input_audio_buffer.commit", "final": True}:
                await self.finish(socket, stream)
            case {"type": "input_audio_buffer.commit"}:
                stream.begun = True
            case _:
                await refuse(f"Unknown event type: {event['type']}", "unknown_event")

    async def hear(self, socket: ServerConnection, stream: Stream, pcm: bytes) -> None:
        before = len(stream.audio) // PIECE
        stream.audio += pcm
        if self.cut_after is not None and len(stream.audio) >= self.cut_after:
            socket.transport.abort()
        if stream.begun and not self.silent:
            for word in self.words[before : len(stream.audio) // PIECE]:
                await self.send(socket, {"type": "transcription.delta", "delta": word})

    async def finish(self, socket: ServerConnection, stream: Stream) -> None:
        if self.silent or not stream.begun:
            return
        if self.broken or self.failing:
            self.failing = max(0, self.failing - 1)
            said = {"error": f"{self.last_words} {KEY}", "code": "processing_error"}
            await self.send(socket, {"type": "error", **said})
            return
        for word in self.words[len(stream.audio) // PIECE :]:
            await self.send(socket, {"type": "transcription.delta", "delta": word})
        usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        text = "".join(self.words)
        await self.send(socket, {"type": "transcription.done", "text": text, "usage": usage})


def fake_vllm(port: int = 0, **behaviour: Any) -> AbstractAsyncContextManager[FakeVllm]:
    """Run one on a loopback port; 0: a free one."""
    return listening(FakeVllm(**behaviour), port)
