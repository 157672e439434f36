"""What Azure's `rtclient` for Python sends, and what it demands of what it gets.

Azure publishes it as a file of a release on GitHub, and no registry has it, so it cannot be
installed like the others. This was read in its source, version 0.5: its handshake in both modes,
what it writes, and what its models require. Where a field is missing or an event is not among
those that it knows, the original raises, and so does this.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, Field, create_model
from typing_extensions import TypedDict
from websockets.asyncio.client import ClientConnection, connect

from tests.support.wire_client import PATIENCE_S

Event = dict[str, Any]
Mode = Literal["azure", "openai"]

Formats = Literal["pcm16", "g711-ulaw", "g711-alaw"]
Status = Literal["in_progress", "completed", "incomplete"]


class Transcription(TypedDict):
    model: Literal["whisper-1"]


class TurnDetection(TypedDict):
    type: Literal["none", "server_vad"]


class Session(TypedDict):
    id: str
    model: str
    modalities: set[Literal["text", "audio"]]
    instructions: str
    voice: Literal["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"]
    input_audio_format: Formats
    output_audio_format: Formats
    input_audio_transcription: Transcription | None
    turn_detection: TurnDetection | None
    tools: list[Any]
    tool_choice: Literal["auto", "none", "required"]
    temperature: Annotated[float, Field(strict=True, ge=0.6, le=1.2)]
    max_response_output_tokens: int | Literal["inf"] | None


class Text(TypedDict):
    type: Literal["text", "input_text"]
    text: str


class Audio(TypedDict):
    type: Literal["audio", "input_audio"]
    transcript: str | None


Part = Annotated[Text | Audio, Field(discriminator="type")]


class Message(TypedDict):
    type: Literal["message"]
    id: str | None
    status: Status
    role: Literal["system", "assistant", "user"]
    content: list[Part]


class Call(TypedDict):
    type: Literal["function_call"]
    id: str | None
    status: Status
    name: str
    call_id: str
    arguments: str


class CallOutput(TypedDict):
    type: Literal["function_call_output"]
    id: str | None
    call_id: str
    output: str


Item = Annotated[Message | Call | CallOutput, Field(discriminator="type")]


class Cancelled(TypedDict):
    type: Literal["cancelled"]
    reason: Literal["turn_detected", "client_cancelled"]


class Incomplete(TypedDict):
    type: Literal["incomplete"]
    reason: Literal["max_output_tokens", "content_filter"]


class Failed(TypedDict):
    type: Literal["failed"]
    error: Any


class InputTokens(TypedDict):
    cached_tokens: int
    text_tokens: int
    audio_tokens: int


class OutputTokens(TypedDict):
    text_tokens: int
    audio_tokens: int


class Usage(TypedDict):
    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputTokens
    output_token_details: OutputTokens


class Response(TypedDict):
    id: str
    status: Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
    status_details: Annotated[Cancelled | Incomplete | Failed, Field(discriminator="type")] | None
    output: list[Item]
    usage: Usage | None


class RateLimit(TypedDict):
    name: str
    limit: int
    remaining: int
    reset_seconds: float


class RealtimeError(TypedDict):
    message: str


_HEARD = "conversation.item.input_audio_transcription"
_CONTENT = {"item_id": str, "content_index": int}
_OUTPUT = {"response_id": str, "output_index": int}
_STREAM = {**_OUTPUT, **_CONTENT}
_CALL = {**_OUTPUT, "item_id": str, "call_id": str}
_EITHER_NAME = Annotated[Part, Field(validation_alias=AliasChoices("part", "content"))]
_FIELDS: dict[str, dict[str, Any]] = {
    "error": {"error": RealtimeError},
    "session.created": {"session": Session},
    "session.updated": {"session": Session},
    "input_audio_buffer.committed": {"previous_item_id": str | None, "item_id": str},
    "input_audio_buffer.cleared": {},
    "input_audio_buffer.speech_started": {"audio_start_ms": int, "item_id": str},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": int, "item_id": str},
    "conversation.item.created": {"previous_item_id": str | None, "item": Item},
    "conversation.item.truncated": {**_CONTENT, "audio_end_ms": int},
    "conversation.item.deleted": {"item_id": str},
    f"{_HEARD}.completed": {**_CONTENT, "transcript": str},
    f"{_HEARD}.failed": {**_CONTENT, "error": RealtimeError},
    "response.created": {"response": Response},
    "response.done": {"response": Response},
    "response.output_item.added": {**_OUTPUT, "item": Item},
    "response.output_item.done": {**_OUTPUT, "item": Item},
    "response.content_part.added": {**_STREAM, "part": _EITHER_NAME},
    "response.content_part.done": {**_STREAM, "part": _EITHER_NAME},
    "response.text.delta": {**_STREAM, "delta": str},
    "response.text.done": {**_STREAM, "text": str},
    "response.audio_transcript.delta": {**_STREAM, "delta": str},
    "response.audio_transcript.done": {**_STREAM, "transcript": str},
    "response.audio.delta": {**_STREAM, "delta": str},
    "response.audio.done": _STREAM,
    "response.function_call_arguments.delta": {**_CALL, "delta": str},
    "response.function_call_arguments.done": {**_CALL, "name": str, "arguments": str},
    "rate_limits.updated": {"rate_limits": list[RateLimit]},
}


def _model(fields: dict[str, Any]) -> type[BaseModel]:
    required: dict[str, Any] = {name: (type_, ...) for name, type_ in fields.items()}
    return create_model("Demanded", event_id=(str, ...), **required)


_DEMANDS = {type_: _model(fields) for type_, fields in _FIELDS.items()}


class RtClient:
    """A connection, and the events that have come over it."""

    def __init__(self, socket: ClientConnection, mode: Mode) -> None:
        self.events: list[Event] = []
        self._socket = socket
        self._mode = mode

    async def _send(self, type_: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": type_, **fields}))

    async def receive(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            event: Event = json.loads(await self._socket.recv())
        _DEMANDS[event["type"]].model_validate(event)
        assert event["type"] != "error", event
        self.events.append(event)
        return event

    async def until(self, type_: str) -> Event:
        while (event := await self.receive())["type"] != type_:
            pass
        return event

    def of(self, type_: str) -> list[Event]:
        return [event for event in self.events if event["type"] == type_]

    async def configure(self, **session: Any) -> Event:
        """Change the session; turn detection `none` is null where OpenAI listens."""
        if self._mode == "openai" and session.get("turn_detection") == {"type": "none"}:
            session["turn_detection"] = None
        await self._send("session.update", session=session)
        return await self.until("session.updated")

    async def send_item(self, item: Event) -> Event:
        item = {**item, "id": f"item{uuid.uuid4().hex[:28]}"}
        await self._send("conversation.item.create", item=item)
        while (created := await self.until("conversation.item.created"))["item"]["id"] != item[
            "id"
        ]:
            pass
        return created

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.send_item({"type": "message", "role": "user", "content": content})
        await self.generate_response()

    async def generate_response(self) -> None:
        await self._send("response.create")

    async def send_audio(self, pcm: bytes) -> None:
        await self._send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def commit_audio(self) -> Event:
        await self._send("input_audio_buffer.commit")
        return await self.until("input_audio_buffer.committed")

    async def clear_audio(self) -> None:
        await self._send("input_audio_buffer.clear")
        await self.until("input_audio_buffer.cleared")

    async def cancel(self) -> Event:
        await self._send("response.cancel")
        return await self.until("response.done")

    async def truncate(self, item_id: str, audio_end_ms: int) -> None:
        place = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
        await self._send("conversation.item.truncate", **place)
        await self.until("conversation.item.truncated")

    async def remove_item(self, item_id: str) -> None:
        await self._send("conversation.item.delete", item_id=item_id)
        await self.until("conversation.item.deleted")


@asynccontextmanager
async def rt_client(port: int, mode: Mode) -> AsyncIterator[RtClient]:
    """Connect, and take the greeting."""
    if mode == "azure":
        path = "/openai/realtime?deployment=my-deployment&api-version=2024-10-01-preview"
        headers = {"x-ms-client-request-id": str(uuid.uuid4()), "api-key": "none"}
    else:
        path = "/v1/realtime?model=gpt-4o-realtime-preview"
        headers = {"Authorization": "Bearer none", "openai-beta": "realtime=v1"}
    unbound: dict[str, Any] = {"max_size": None, "max_queue": None, "open_timeout": PATIENCE_S}
    url = f"ws://127.0.0.1:{port}{path}"
    agent = "ms-rtclient-0.5.3"
    async with connect(
        url, additional_headers=headers, user_agent_header=agent, **unbound
    ) as socket:
        client = RtClient(socket, mode)
        assert (await client.receive())["type"] == "session.created"
        yield client
