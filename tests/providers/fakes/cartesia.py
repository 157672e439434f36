"""A loopback server that speaks Cartesia's WebSocket, as far as a voice uses it.

Each word has its own length, known beforehand; audio comes in chunks that know nothing of words,
and the times of a message's words behind the first of its audio.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.providers.fakes.tone import tone

LETTER_MS = 40
"""Each letter and mark of a word; the space behind it takes as long."""
CHUNK_MS = 200


@dataclass
class FakeCartesia:
    """What it was asked, and whether it tells when words are spoken."""

    tells: bool = True
    port: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    async def _serve(self, socket: ServerConnection) -> None:
        now_ms = 0
        async for raw in socket:
            message = json.loads(raw)
            self.messages.append(message)
            context = message["context_id"]
            about = {"context_id": context, "status_code": 206, "done": False}
            text: str = message["transcript"]
            if text.strip():
                words = text.split()
                starts = [now_ms + LETTER_MS * text.index(word, 0) for word in dict.fromkeys(words)]
                assert len(starts) == len(words), "each word once, so that its place is known"
                length_ms = LETTER_MS * (len(text) + 1)
                pcm = tone(0, length_ms)
                chunks = [pcm[at : at + 48 * CHUNK_MS] for at in range(0, len(pcm), 48 * CHUNK_MS)]
                for number, chunk in enumerate(chunks):
                    data = base64.b64encode(chunk).decode()
                    await self._send(socket, {"type": "chunk", "data": data, **about})
                    if number == 0 and self.tells and message["add_timestamps"]:
                        seconds = [start / 1000 for start in starts]
                        ends = [
                            start + len(word) * LETTER_MS / 1000
                            for start, word in zip(seconds, words, strict=True)
                        ]
                        times = {"words": words, "start": seconds, "end": ends}
                        told = {"type": "timestamps", "word_timestamps": times, **about}
                        await self._send(socket, told)
                now_ms += length_ms
                await self._send(socket, {"type": "flush_done", "flush_id": 1, **about})
            if not message["continue"]:
                over = {**about, "type": "done", "done": True, "status_code": 200}
                await self._send(socket, over)

    async def _send(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        await socket.send(json.dumps(message))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeCartesia]:
        async with serve(self._serve, "127.0.0.1", self.port) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
