"""A loopback server that speaks Deepgram's live API (`/v1/listen`).

As documented: query parameters, binary audio, JSON `Results` with `is_final` and
`from_finalize`, `KeepAlive`, `Finalize`, `CloseStream` answered by `Metadata` and a close, and
refusals before the upgrade with a `dg-error` header.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.speech_socket import SpeechSocket, listening

KEY = "dg-secret-key"
PIECE = 16000 * 2 // 2
"""Bytes of half a second: how often an interim result comes."""


@dataclass
class Call:
    """One stream."""

    query: dict[str, list[str]]
    authorization: str | None
    audio: bytearray = field(default_factory=bytearray)
    messages: list[str] = field(default_factory=list)
    """Types of what came as text."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class FakeDeepgram(SpeechSocket):
    """What it answers, and what it was asked."""

    FAULTS = ("status", "hang", "cut_after", "close_after", "garbage", "error", "silent")

    words: list[str] = field(default_factory=lambda: ["turn", "on", "the", "kitchen", "light"])
    """Every interim result knows one more of them."""
    revise: dict[int, str] = field(default_factory=dict)
    """Interim number → what it says instead."""
    languages: list[str] | None = None
    """Tags of what was spoken, as `language=multi` tells."""
    status: int = 200
    reason: str = "Invalid credentials."
    hang: bool = False
    """Take connections, and never answer."""
    cut_after: int | None = None
    """Bytes of audio after which the connection breaks off."""
    close_after: int | None = None
    """Bytes of audio after which the stream is closed as if all were said."""
    garbage: bool = False
    error: dict[str, str] | None = None
    """Sent as `Error` upon the first audio."""
    silent: bool = False
    """Never send a result, nor close."""
    confirms: bool = True
    """Whether a `Finalize` is answered with `from_finalize`."""
    failing: int = 0
    """Connections to refuse with 503, counted down."""

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        self.changed.set()
        if self.hang:
            await self.over.wait()
        status = self.status
        if self.failing:
            self.failing -= 1
            status = 503
        if urlsplit(request.path).path != "/v1/listen":
            status = 404
        if status == 200:
            return None
        response = connection.respond(HTTPStatus(status), json.dumps({"err_msg": self.reason}))
        response.headers["dg-error"] = self.reason
        response.headers["dg-request-id"] = "8c8ebea9-dbec-45fa-a035-e4632cb05b5f"
        return response

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        call = Call(query, socket.request.headers.get("Authorization"))
        self.calls.append(call)
        try:
            await _Stream(self, call, socket).run()
        except ConnectionClosed:
            pass
        finally:
            call.closed.set()
            self.changed.set()


@dataclass
class _Stream:
    fake: FakeDeepgram
    call: Call
    socket: ServerConnection
    told: int = 0

    async def run(self) -> None:
        async for message in self.socket:
            if isinstance(message, bytes):
                self.call.audio += message
                await self._heard()
            else:
                kind = json.loads(message)["type"]
                self.call.messages.append(kind)
                if kind == "Finalize" and not self.fake.silent:
                    await self._flush()
                elif kind == "CloseStream" and not self.fake.silent:
                    await self._close()
            self.fake.changed.set()

    async def _heard(self) -> None:
        fake, heard = self.fake, len(self.call.audio)
        if fake.garbage:
            await self.socket.send("<html>this is no JSON</html>")
        if fake.error is not None:
            await self._send({"type": "Error", **fake.error})
        if fake.cut_after is not None and heard >= fake.cut_after:
            self.socket.transport.abort()
        if fake.close_after is not None and heard >= fake.close_after:
            await self.socket.close()
        while not fake.silent and self.told < min(heard // PIECE, len(fake.words)):
            self.told += 1
            text = fake.revise.get(self.told, " ".join(fake.words[: self.told]))
            await self._result(text, is_final=False)

    async def _flush(self) -> None:
        if self.fake.confirms:
            await self._result(" ".join(self.fake.words), is_final=True, from_finalize=True)

    async def _close(self) -> None:
        if not self.fake.confirms:
            await self._result(" ".join(self.fake.words), is_final=True)
        await self._send({"type": "Metadata", "request_id": "1", "duration": 0.0, "channels": 1})
        await self.socket.close()

    async def _result(self, text: str, **flags: bool) -> None:
        alternative: dict[str, Any] = {"transcript": text, "confidence": 0.9, "words": []}
        if self.fake.languages is not None:
            alternative["languages"] = self.fake.languages
        await self._send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": 1.0,
                "start": 0.0,
                "speech_final": False,
                "channel": {"alternatives": [alternative]},
                "metadata": {"request_id": "1", "model_info": {}, "model_uuid": "1"},
                **flags,
            }
        )

    async def _send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))


def fake_deepgram(port: int = 0, **behaviour: Any) -> AbstractAsyncContextManager[FakeDeepgram]:
    """Run one on a loopback port; 0: a free one."""
    return listening(FakeDeepgram(**behaviour), port)
