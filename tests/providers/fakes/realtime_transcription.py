"""A Realtime service's transcription sessions on loopback (`/v1/realtime?intent=transcription`).

Every event of the client has to be one of the official SDK's, without a field that the SDK lacks,
and every event that is sent is checked by `strict_reader`. It is as strict as the strictest server:
the first update has to be whole, no audio comes before it, and no commit of less than 100 ms.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.speech_socket import SpeechSocket, listening
from tests.support.fake_realtime import LEAST_BYTES, Call, check_client_event
from tests.support.strict_reader import check_event

Event = dict[str, Any]

KEY = "sk-realtime-secret-key"
PIECE = 24000 * 2 // 2
"""Bytes of half a second: how often a word comes."""
SAID = "conversation.item.input_audio_transcription"
SCORES = "item.input_audio_transcription.logprobs"


@dataclass
class FakeTranscriptionSessions(SpeechSocket):
    """What it answers, and what it was asked."""

    FAULTS = (
        *("status", "refusal", "refuses_update", "hang", "mute", "cut_after", "close_after"),
        *("garbage", "unreadable", "failed", "error", "silent"),
    )

    words: list[str] = field(default_factory=lambda: ["turn ", "on ", "the ", "kitchen ", "light"])
    """Deltas: one each half second while audio comes, and the rest behind the commit."""
    languages: list[Event] | None = None
    scores: bool = True
    """Whether it takes the wish for log probabilities."""
    parted: bool = False
    """Whether it ends an item of its own accord after a second, though it is to detect no turns."""
    status: int = 200
    """HTTP status of the handshake."""
    refusal: str = ""
    """Code of the one error with which a session is refused; `none`: for want of a key."""
    refuses_update: tuple[str, str] | None = None
    """Type and code of the error with which the update is answered."""
    hang: bool = False
    """Take connections, and never answer."""
    mute: bool = False
    """Open no session."""
    cut_after: int | None = None
    """Bytes of audio after which the connection breaks off."""
    cuts: int | None = None
    """How many connections break off so, counted down; None: all."""
    close_after: int | None = None
    """Bytes of audio after which the connection is closed as the service ends."""
    garbage: str | bytes | None = None
    """Sent upon the first audio."""
    unreadable: bool = False
    """Whether its transcript has not the form of one."""
    failed: tuple[str, str] | None = None
    """Type and code with which transcription fails."""
    error: tuple[str, str] | None = None
    """Type and code of an error upon the commit."""
    silent: bool = False
    """Never send a word."""
    failing: int = 0
    """Connections to refuse with 503, counted down."""
    objections: list[str] = field(default_factory=list)
    """How the client, or the fake itself, broke the protocol."""

    @property
    def heard_ms(self) -> list[float]:
        return [len(call.audio) / 48 for call in self.calls]

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        self.changed.set()
        if self.hang:
            await self.over.wait()
        status = self.status
        if self.failing:
            self.failing -= 1
            status = 503
        if urlsplit(request.path).path != "/v1/realtime":
            status = 404
        if status == 200:
            return None
        body = json.dumps({"error": {"message": f"The fake refuses the key {KEY}."}})
        return connection.respond(HTTPStatus(status), body)

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        asked = urlsplit(socket.request.path)
        call = Call(asked.path, parse_qs(asked.query), dict(socket.request.headers), socket=socket)
        self.calls.append(call)
        try:
            await _Session(self, call, socket).run()
        except ConnectionClosed:
            pass
        except Exception as objection:
            self.objections.append(repr(objection))
            call.abort()
        finally:
            call.closed.set()
            self.changed.set()


class _Session:
    def __init__(self, fake: FakeTranscriptionSessions, call: Call, socket: ServerConnection):
        self.fake, self.call, self.socket = fake, call, socket
        self.ids = count(1)
        self.item_id = self.id("item")
        self.in_buffer = 0
        self.told = 0
        self.updated = False
        self.session: Event = {"type": "transcription", "audio": {"input": {}}}

    def id(self, kind: str) -> str:
        return f"{kind}_{next(self.ids):020d}"

    async def run(self) -> None:
        if self.fake.refusal:
            code = None if self.fake.refusal == "none" else self.fake.refusal
            await self.error("invalid_request_error", code)
            await self.socket.close(3000, "invalid_request_error")
            return
        if not self.fake.mute:
            await self.send("session.created", session=self.session)
        async for message in self.socket:
            event = json.loads(message)
            check_client_event(event)
            if event["type"] != "input_audio_buffer.append":
                self.call.received.append(event)
            await getattr(self, event["type"].replace(".", "_"))(event)
            self.fake.changed.set()

    async def send(self, type_: str, **fields: Any) -> None:
        event = {"type": type_, "event_id": self.id("event"), **fields}
        check_event(event)
        await self.socket.send(json.dumps(event))

    async def error(self, type_: str, code: str | None, event_id: str | None = None) -> None:
        message = f"The fake refuses this. Key: {KEY}."
        error = {"type": type_, "code": code, "message": message, "param": None}
        await self.send("error", error={**error, "event_id": event_id})

    async def session_update(self, event: Event) -> None:
        session = event["session"]
        assert session["type"] == "transcription"
        if not self.updated:
            heard = session["audio"]["input"]
            assert heard["format"] == {"type": "audio/pcm", "rate": 24000}
            assert heard["turn_detection"] is None and heard["noise_reduction"] is None
            assert heard["transcription"]["model"]
        if self.fake.refuses_update is not None:
            await self.error(*self.fake.refuses_update, event["event_id"])
            return
        if session.get("include") and not self.fake.scores:
            await self.error("invalid_request_error", "invalid_value", event["event_id"])
            return
        self.updated = True
        self.session.update(session)
        await self.send("session.updated", session=self.session)

    async def input_audio_buffer_append(self, event: Event) -> None:
        assert self.updated or self.fake.refuses_update, "audio before the session is configured"
        pcm = base64.b64decode(event["audio"], validate=True)
        assert pcm and len(pcm) % 2 == 0
        self.call.audio += pcm
        self.in_buffer += len(pcm)
        fake, heard = self.fake, len(self.call.audio)
        if fake.garbage is not None:
            await self.socket.send(fake.garbage)
        if fake.cut_after is not None and heard >= fake.cut_after and fake.cuts != 0:
            fake.cuts = None if fake.cuts is None else fake.cuts - 1
            self.call.abort()
        if fake.close_after is not None and heard >= fake.close_after:
            await self.socket.close(1001, "The server is shutting down.")
        while not fake.silent and self.told < min(heard // PIECE, len(fake.words)):
            await self.word()
        if fake.parted and self.told == 2:
            await self.complete("".join(fake.words[:2]))
            fake.words = fake.words[2:]
            self.told, fake.parted = 0, False
            self.item_id = self.id("item")

    async def word(self) -> None:
        place = {"item_id": self.item_id, "content_index": 0}
        await self.send(f"{SAID}.delta", **place, delta=self.fake.words[self.told])
        self.told += 1

    async def input_audio_buffer_commit(self, event: Event) -> None:
        fake = self.fake
        assert self.in_buffer >= LEAST_BYTES, "a commit of too little audio"
        if fake.error is not None:
            await self.error(*fake.error, event["event_id"])
            return
        committed = "input_audio_buffer.committed"
        await self.send(committed, item_id=self.item_id, previous_item_id=None)
        if fake.silent:
            return
        if fake.failed is not None:
            type_, code = fake.failed
            error = {"type": type_, "code": code, "message": f"Deaf today. Key: {KEY}."}
            place = {"item_id": self.item_id, "content_index": 0}
            await self.send(f"{SAID}.failed", **place, error=error)
            return
        if fake.unreadable:
            await self.socket.send(json.dumps({"type": f"{SAID}.completed", "logprobs": [{}]}))
            return
        while self.told < len(fake.words):
            await self.word()
        await self.complete("".join(fake.words))

    async def complete(self, text: str) -> None:
        more: Event = {}
        if self.session.get("include") == [SCORES]:
            more["logprobs"] = [{"token": text, "bytes": [*text.encode()], "logprob": -0.25}]
        if self.fake.languages is not None:
            more["languages"] = self.fake.languages
        place = {"item_id": self.item_id, "content_index": 0}
        usage = {"type": "duration", "seconds": 1.0}
        await self.send(f"{SAID}.completed", **place, transcript=text, usage=usage, **more)


@asynccontextmanager
async def fake_transcription_sessions(
    port: int = 0, **behaviour: Any
) -> AsyncIterator[FakeTranscriptionSessions]:
    """Run one on a loopback port; 0: a free one. Raises if its client broke the protocol."""
    async with listening(FakeTranscriptionSessions(**behaviour), port) as fake:
        yield fake
        assert not fake.objections
