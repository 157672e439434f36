"""ElevenLabs' `/v1/text-to-speech/{voice}/multi-stream-input`, with a tone for a voice.

Every clause becomes a tone of its own pitch, 10 ms a character, in messages of 100 ms with the
characters aligned. A context that is closed is spoken to its end, then answered with `isFinal`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.tone import RATE, tone

KEY = "xi-test-key"
CHARACTER_MS = 10
MESSAGE_CHARACTERS = 10

Failure = Literal["hang", "cut", "close", "end", "silent", "garbage", "hang in the middle", "dead"]


class FakeElevenLabs:
    """Records what it is sent; fails as the test set it up."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[dict[str, Any]] = []
        self.addresses: list[str] = []
        self.open: set[ServerConnection] = set()
        self.left = asyncio.Event()
        """Set when a client has gone."""
        self.spoken = asyncio.Event()
        """Set when the first audio has been sent."""
        self.go_on = asyncio.Event()
        """Audio after the first message waits for it."""
        self.go_on.set()
        self.refusal: tuple[int, dict[str, Any]] | None = None
        """Answer to the handshake."""
        self.error: tuple[str, str] | None = None
        """Name and message of an error that the first text is answered with."""
        self.fail: Failure | None = None
        """What happens after the first audio; `hang`, `silent` and `garbage` instead of it."""
        self.failures = 1000
        """How many connections `fail` concerns."""
        self.alignment: Literal["exact", "none", "nonsense"] = "exact"

    def recover(self) -> None:
        self.refusal = self.error = self.fail = None

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the last address."""
        query = parse_qs(urlsplit(self.addresses[-1]).query)
        return {name: values[0] for name, values in query.items()}

    @property
    def voice(self) -> str:
        """Voice of the last address."""
        return unquote(urlsplit(self.addresses[-1]).path.split("/")[3])

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        self.addresses.append(request.path)
        parts = urlsplit(request.path).path.split("/")
        assert (parts[1:3], parts[4:]) == (["v1", "text-to-speech"], ["multi-stream-input"])
        if self.refusal is None:
            return None
        status, detail = self.refusal
        response = connection.respond(HTTPStatus(status), json.dumps({"detail": detail}))
        response.headers["Content-Type"] = "application/json"
        return response

    async def _serve(self, socket: ServerConnection) -> None:
        self.open.add(socket)
        try:
            with suppress(ConnectionClosed):
                await self._conversation(socket)
        finally:
            self.open.discard(socket)
            self.left.set()

    async def _conversation(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        if socket.request.headers.get("xi-api-key") != KEY:
            await self._refuse(socket, "invalid_api_key", "Invalid API key.")
            return
        clause = 0
        async for raw in socket:
            message = json.loads(raw)
            self.messages.append(message)
            context = message.get("context_id")
            if message.get("close_context"):
                final = {"contextId": context, "isFinal": True}
                await socket.send(json.dumps(final))
            elif message.get("close_socket"):
                return
            elif (message.get("text") or "").strip():
                if self.error is not None:
                    await self._refuse(socket, *self.error)
                    return
                if not await self._speak(socket, context, clause, message["text"]):
                    return
                clause += 1

    async def _refuse(self, socket: ServerConnection, name: str, message: str) -> None:
        await socket.send(json.dumps({"message": message, "error": name, "code": 1008}))
        await socket.close(1008, message)

    async def _speak(self, socket: ServerConnection, context: str, clause: int, text: str) -> bool:
        """Speak a clause; return whether the conversation goes on."""
        failing = self.fail if self.failures > 0 else None
        self.failures -= failing is not None
        pcm = tone(clause, len(text) * CHARACTER_MS)
        for start in range(0, len(text), MESSAGE_CHARACTERS):
            if failing == "hang":
                await socket.wait_closed()
                return False
            if failing == "silent":
                return True
            if failing == "garbage":
                await socket.send('{"audio": "not base64!"}')
                return True
            chars = text[start : start + MESSAGE_CHARACTERS]
            samples = RATE * CHARACTER_MS // 1000
            piece = pcm[start * samples * 2 :][: len(chars) * samples * 2]
            exact = {
                "chars": list(chars),
                "charStartTimesMs": [n * CHARACTER_MS for n in range(len(chars))],
                "charDurationsMs": [CHARACTER_MS] * len(chars),
            }
            alignments = {"exact": exact, "none": None, "nonsense": {**exact, "chars": ["?"]}}
            await socket.send(
                json.dumps(
                    {
                        "audio": base64.b64encode(piece).decode(),
                        "isFinal": None,
                        "contextId": context,
                        "normalizedAlignment": None,
                        "alignment": alignments[self.alignment],
                    }
                )
            )
            self.spoken.set()
            if failing == "cut":
                socket.transport.abort()
                return False
            if failing == "close":
                await socket.close(1011, "internal error")
                return False
            if failing == "end":
                await socket.send(json.dumps({"contextId": context, "isFinal": True}))
                return True
            if failing == "hang in the middle":
                await socket.wait_closed()
                return False
            if failing == "dead":
                # Not even a goodbye is answered.
                socket.transport.pause_reading()
            await self.go_on.wait()
            socket.transport.resume_reading()
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeElevenLabs]:
        async with serve(
            self._serve, "127.0.0.1", self.port, process_request=self._handshake
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
            self.go_on.set()
