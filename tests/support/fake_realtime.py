"""OpenAI's Realtime service on loopback, as docs/wire.md says that it behaves, and stricter.

Every event of the client has to be one of the official SDK's, without a field that the SDK lacks;
every event that is sent is checked by `strict_reader`. Its model says `answer`, whatever it hears.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

from openai.types.realtime import RealtimeClientEvent
from pydantic import BaseModel
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from audio.pcm import silence
from tests.providers.fakes.speech_socket import SpeechSocket, listening
from tests.support.strict_reader import check_event, no_unknown_fields

Event = dict[str, Any]

KEY = "sk-upstream-secret-key"
LEAST_BYTES = len(silence(100))
SOUND = b"".join((n % 1000).to_bytes(2, "little") for n in range(4800))
"""200 ms, a ramp."""
LOGPROBS = [
    {"token": "what is", "bytes": [*b"what is"], "logprob": -0.25},
    {"token": " the weather", "bytes": [*b" the weather"], "logprob": -0.5},
]
USAGE = {
    "total_tokens": 160,
    "input_tokens": 110,
    "output_tokens": 50,
    "input_token_details": {
        "text_tokens": 60,
        "audio_tokens": 50,
        "image_tokens": 0,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 10, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
}


def _published() -> dict[str, type[BaseModel]]:
    models = get_args(get_args(RealtimeClientEvent)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


PUBLISHED = _published()


@dataclass
class Call:
    """One connection."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    received: list[Event] = field(default_factory=list)
    """All events but audio."""
    audio: bytearray = field(default_factory=bytearray)
    """All that was appended: 16-bit mono PCM at 24 kHz."""
    socket: ServerConnection | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, type_: str) -> list[Event]:
        """Return what came of a type."""
        return [event for event in self.received if event["type"] == type_]

    def abort(self) -> None:
        """Break the connection off."""
        assert self.socket is not None
        self.socket.transport.abort()


@dataclass
class FakeRealtime(SpeechSocket):
    """What it answers, and what it was asked."""

    FAULTS = (
        "status",
        "refusal",
        "cut_at",
        "failure",
        "status_of_response",
        "silent",
        "garbage",
        "deaf",
        "refuses",
        "refuses_language",
        "refuses_model",
        "refuses_include",
    )

    answer: list[str] = field(default_factory=lambda: ["It is", " sunny,", " and warm."])
    transcript: str = "what is the weather"
    tool: tuple[str, str] | None = None
    """A function that is called instead of an answer, if it is offered, and its arguments."""
    pieces: int = 3
    """How many times `SOUND` is said."""
    life_s: float = 3600
    status: int = 200
    """HTTP status of the handshake, unless it is 200."""
    refusal: str = ""
    """Code of the one error with which a session is refused; `none`: for want of a key."""
    cut_at: str | None = None
    """Event behind which the connection breaks off."""
    failure: tuple[str, str] | None = None
    """Code and message with which responses fail."""
    status_of_response: str = "completed"
    silent: bool = False
    """Never answer a response."""
    garbage: str | bytes | None = None
    """Sent in place of an answer."""
    deaf: bool = False
    """Whether transcription fails."""
    refuses: str | None = None
    """Event that is answered by an error."""
    refuses_language: str | None = None
    """Language of which it writes no transcripts."""
    refuses_model: str | None = None
    """Model that it does not have for transcripts."""
    refuses_include: bool = False
    """Whether its transcripts have no log probabilities."""
    shown_key: str = KEY
    """What it shows of a key that it refuses."""
    objections: list[str] = field(default_factory=list)
    """How the client, or the fake itself, broke the protocol."""
    held: asyncio.Event | None = None
    """What a response waits for in its middle."""
    said: int = 0
    """How many times `SOUND` was said."""

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        self.changed.set()
        if self.status == 200:
            return None
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {self.shown_key}."}})
        return connection.respond(HTTPStatus(self.status), body)

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
            self.object(call, objection)
        finally:
            call.closed.set()
            self.changed.set()

    def object(self, call: Call, objection: Exception) -> None:
        """Break off, as somebody does not keep to the protocol."""
        self.objections.append(repr(objection))
        call.abort()

    @property
    def url(self) -> str:
        return f"{self.base}/v1/realtime"


class _Refused(Exception):
    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.param = code, param


class _Session:
    def __init__(self, fake: FakeRealtime, call: Call, socket: ServerConnection) -> None:
        self.fake, self.call, self.socket = fake, call, socket
        self.ids = count(1)
        self.buffer = bytearray()
        self.items: dict[str, Event] = {}
        self.last: str | None = None
        self.running: dict[str, asyncio.Task[None]] = {}
        self.session: Event = {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id("sess"),
            "model": self.call.query["model"][0],
            "expires_at": int(time.time() + fake.life_s),
        }

    def id(self, kind: str) -> str:
        return f"{kind}_{next(self.ids):020d}"

    async def run(self) -> None:
        if self.fake.refusal:
            refused = _Refused(
                self.fake.refusal, f"Incorrect API key provided: {self.fake.shown_key}."
            )
            if self.fake.refusal == "none":
                refused = _Refused(None, "Missing bearer or basic authentication in header")
            await self.error(refused, None)
            await self.socket.close(3000, "invalid_request_error")
            return
        await self.send("session.created", session=self.session)
        try:
            async for message in self.socket:
                await self.take(json.loads(message))
                self.fake.changed.set()
        finally:
            for task in self.running.values():
                task.cancel()

    async def send(self, type_: str, **fields: Any) -> None:
        event = {"type": type_, "event_id": self.id("event"), **fields}
        check_event(event)
        await self.socket.send(json.dumps(event))
        if type_ == self.fake.cut_at:
            self.call.abort()

    async def error(self, refused: _Refused, event_id: str | None) -> None:
        error = {
            "type": "invalid_request_error",
            "code": refused.code,
            "message": str(refused),
            "param": refused.param,
            "event_id": event_id,
        }
        await self.send("error", error=error)

    async def take(self, event: Event) -> None:
        if event["type"] != "input_audio_buffer.append":
            self.call.received.append(event)
        try:
            check_client_event(event)
            if event["type"] == self.fake.refuses:
                raise _Refused("invalid_value", f"The fake refuses this. Key: {KEY}.")
            await getattr(self, event["type"].replace(".", "_"))(event)
        except _Refused as refused:
            await self.error(refused, event.get("event_id"))

    async def session_update(self, event: Event) -> None:
        assert event["session"]["type"] == "realtime"
        heard = event["session"].get("audio", {}).get("input", {}).get("transcription") or {}
        for name in ("language", "model"):
            refused = getattr(self.fake, f"refuses_{name}")
            if refused is not None and heard.get(name) == refused:
                said = f"Invalid value: '{refused}'."
                raise _Refused("invalid_value", said, f"session.audio.input.transcription.{name}")
        if event["session"].get("include") and self.fake.refuses_include:
            raise _Refused("invalid_value", "No log probabilities.", "session.include")
        self.session.update(event["session"])
        await self.send("session.updated", session=self.session)

    async def input_audio_buffer_append(self, event: Event) -> None:
        pcm = base64.b64decode(event["audio"], validate=True)
        assert len(pcm) % 2 == 0
        self.buffer += pcm
        self.call.audio += pcm
        self.fake.changed.set()

    async def input_audio_buffer_clear(self, event: Event) -> None:
        self.buffer.clear()
        await self.send("input_audio_buffer.cleared")

    async def input_audio_buffer_commit(self, event: Event) -> None:
        if len(self.buffer) < LEAST_BYTES:
            raise _Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
                f"audio, but buffer only has {len(self.buffer) / 48:.2f}ms of audio.",
            )
        item_id = self.id("item")
        item = {
            "id": item_id,
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        self.items[item_id] = {**item, "pcm": bytes(self.buffer)}
        previous, self.last = self.last, item_id
        self.buffer.clear()
        committed = "input_audio_buffer.committed"
        await self.send(committed, item_id=item_id, previous_item_id=previous)
        await self.send("conversation.item.added", item=item, previous_item_id=previous)
        await self.send("conversation.item.done", item=item, previous_item_id=previous)
        self.start(item_id, self.transcribe(item_id))

    async def transcribe(self, item_id: str) -> None:
        place = {"item_id": item_id, "content_index": 0}
        said = "conversation.item.input_audio_transcription"
        if self.fake.deaf:
            error = {"type": "server_error", "code": "server_error", "message": "Deaf today."}
            await self.send(f"{said}.failed", **place, error=error)
            return
        for word in self.fake.transcript.split():
            await self.send(f"{said}.delta", **place, delta=f"{word} ")
        usage = {"type": "duration", "seconds": 1.0}
        text = self.fake.transcript
        more = {"logprobs": LOGPROBS} if self.session.get("include") else {}
        await self.send(f"{said}.completed", **place, transcript=text, usage=usage, **more)

    async def conversation_item_delete(self, event: Event) -> None:
        if self.items.pop(event["item_id"], None) is None:
            raise _Refused(
                "item_delete_invalid_item_id",
                f"Error deleting item: the item with id '{event['item_id']}' does not exist.",
            )
        await self.send("conversation.item.deleted", item_id=event["item_id"])

    async def response_cancel(self, event: Event) -> None:
        task = self.running.pop(event.get("response_id", ""), None)
        if task is None or task.done():
            raise _Refused(
                "response_cancel_not_active", "Cancellation failed: no active response found"
            )
        task.cancel()
        await self.send(
            "response.done",
            response=_response(
                event["response_id"],
                status="cancelled",
                status_details={"type": "cancelled", "reason": "client_cancelled"},
                output=[],
                usage=USAGE,
            ),
        )

    async def response_create(self, event: Event) -> None:
        asked = event["response"]
        for index, item in enumerate(asked["input"]):
            if item["type"] == "item_reference" and item["id"] not in self.items:
                raise _Refused(
                    "invalid_value",
                    f"The item with id '{item['id']}' does not exist.",
                    f"response.input[{index}].id",
                )
        if self.fake.silent:
            return
        if self.fake.garbage is not None:
            await self.socket.send(self.fake.garbage)
            return
        response_id = self.id("resp")
        self.start(response_id, self.respond(response_id, asked))

    def start(self, name: str, work: Any) -> None:
        self.running[name] = asyncio.create_task(self.doing(work))

    async def doing(self, work: Any) -> None:
        try:
            await work
        except ConnectionClosed:
            return
        except Exception as objection:
            self.fake.object(self.call, objection)

    async def respond(self, response_id: str, asked: Event) -> None:
        fake = self.fake
        shown: Event = {"metadata": asked.get("metadata")}
        created = _response(response_id, status="in_progress", output=[], **shown)
        await self.send("response.created", response=created)
        names = [tool["name"] for tool in asked["tools"]]
        if fake.failure is not None:
            code, message = fake.failure
            error = {"type": "server_error", "code": code, "message": message}
            failed = {"type": "failed", "error": error}
            await self.done(response_id, [], status="failed", status_details=failed, **shown)
        elif fake.tool is not None and fake.tool[0] in names:
            await self.call_tool(response_id, *fake.tool, **shown)
        else:
            await self.say(response_id, asked["output_modalities"] == ["audio"], **shown)

    async def say(self, response_id: str, spoken: bool, **shown: Any) -> None:
        fake, item_id = self.fake, self.id("item")
        place = {"response_id": response_id, "output_index": 0}
        part_place = {**place, "item_id": item_id, "content_index": 0}
        item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
        await self.send(
            "response.output_item.added", **place, item={**item, "status": "in_progress"}
        )
        part = {"type": "audio", "transcript": ""} if spoken else {"type": "text", "text": ""}
        await self.send("response.content_part.added", **part_place, part=part)
        kind = "output_audio_transcript" if spoken else "output_text"
        for delta in fake.answer:
            await self.send(f"response.{kind}.delta", **part_place, delta=delta)
        if spoken:
            sound = base64.b64encode(SOUND).decode()
            for _ in range(fake.pieces):
                await self.send("response.output_audio.delta", **part_place, delta=sound)
                fake.said += 1
                fake.changed.set()
                if fake.held is not None:
                    await fake.held.wait()
            await self.send("response.output_audio.done", **part_place)
        said = {"transcript" if spoken else "text": "".join(fake.answer)}
        await self.send(f"response.{kind}.done", **part_place, **said)
        await self.send("response.content_part.done", **part_place, part={**part, **said})
        content = [{"type": "output_audio" if spoken else "output_text", **said}]
        full = {**item, "status": "completed", "content": content}
        await self.send("response.output_item.done", **place, item=full)
        status = fake.status_of_response
        details = None
        if status == "incomplete":
            details = {"type": "incomplete", "reason": "max_output_tokens"}
        await self.done(response_id, [full], status=status, status_details=details, **shown)

    async def call_tool(self, response_id: str, name: str, arguments: str, **shown: Any) -> None:
        item_id, call_id = self.id("item"), self.id("call")
        place = {"response_id": response_id, "output_index": 0}
        call = {"id": item_id, "type": "function_call", "call_id": call_id, "name": name}
        begun = {**call, "status": "in_progress", "arguments": ""}
        await self.send("response.output_item.added", **place, item=begun)
        written = {**place, "item_id": item_id, "call_id": call_id}
        for piece in (arguments[:4], arguments[4:]):
            await self.send("response.function_call_arguments.delta", **written, delta=piece)
        finished = {**written, "name": name, "arguments": arguments}
        await self.send("response.function_call_arguments.done", **finished)
        full = {**call, "status": "completed", "arguments": arguments}
        await self.send("response.output_item.done", **place, item=full)
        await self.done(response_id, [full], status="completed", status_details=None, **shown)

    async def done(self, response_id: str, output: list[Event], **fields: Any) -> None:
        self.running.pop(response_id, None)
        fields |= {"output": output, "usage": USAGE}
        await self.send("response.done", response=_response(response_id, **fields))


def _response(response_id: str, **fields: Any) -> Event:
    return {"object": "realtime.response", "id": response_id, "conversation_id": None, **fields}


def check_client_event(event: Event) -> None:
    """Refuse what is no event of the SDK's, or has a field that it lacks."""
    model = PUBLISHED.get(event["type"])
    assert model is not None, f"{event['type']} is no published event type"
    known = event
    if event["type"] == "response.create":
        # The SDK's type lacks references, which the service takes (§A.9).
        items = [one for one in event["response"]["input"] if one["type"] != "item_reference"]
        known = {**event, "response": {**event["response"], "input": items}}
    parsed = model.model_validate_json(json.dumps(known, allow_nan=False), strict=True)
    no_unknown_fields(parsed, event["type"], {})


@asynccontextmanager
async def fake_realtime(port: int = 0, **behaviour: Any) -> AsyncIterator[FakeRealtime]:
    """Run one on a loopback port; 0: a free one. Raises if its client broke the protocol."""
    async with listening(FakeRealtime(**behaviour), port) as fake:
        yield fake
        assert not fake.objections
