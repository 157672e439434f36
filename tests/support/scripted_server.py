"""A WebSocket server that replays a scripted GA session, so that clients can be tested alone.

It supports the minimum: a message gets a response, appended audio becomes a turn, a cancel is
obeyed. `spoil` rewrites the events of a response to simulate a broken server.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

Event = dict[str, Any]
Spoil = Callable[[list[Event]], list[Event]]

ANSWER_TEXT = "The quick brown fox."
ANSWER_PCM = b"\x10\x00\x20\x00" * 2400  # 200 ms
USAGE = {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2}


def answer(number: int, spoken: bool = True, status: str = "completed") -> list[Event]:
    """Build the events of one response, in the order of the protocol."""
    ids = {"response_id": f"resp_{number}", "item_id": f"item_a{number}"}
    part = {**ids, "output_index": 0, "content_index": 0}
    kind = "output_audio_transcript" if spoken else "output_text"
    content = {"type": "audio", "transcript": ""} if spoken else {"type": "text", "text": ""}
    full = {**content, "transcript" if spoken else "text": ANSWER_TEXT}
    item: Event = {"id": f"item_a{number}", "type": "message", "role": "assistant"}
    item |= {"status": "in_progress", "content": []}
    ended = {**item, "status": "completed" if status == "completed" else "incomplete"}
    output = {"response_id": f"resp_{number}", "output_index": 0}
    response: Event = {"object": "realtime.response", "id": f"resp_{number}"}
    details = None if status == "completed" else {"type": status, "reason": "client_cancelled"}
    events: list[Event] = [
        {"type": "response.created", "response": {**response, "status": "in_progress"}},
        {"type": "response.output_item.added", **output, "item": item},
        {"type": "conversation.item.added", "previous_item_id": "item_u", "item": item},
        {"type": "response.content_part.added", **part, "part": content},
    ]
    events += [
        {"type": f"response.{kind}.delta", **part, "delta": delta}
        for delta in ("The quick", " brown fox.")
    ]
    if spoken:
        for half in (ANSWER_PCM[:4800], ANSWER_PCM[4800:]):
            delta = base64.b64encode(half).decode()
            events.append({"type": "response.output_audio.delta", **part, "delta": delta})
        events.append({"type": "response.output_audio.done", **part})
    events += [
        {
            "type": f"response.{kind}.done",
            **part,
            "transcript" if spoken else "text": ANSWER_TEXT,
        },
        {"type": "response.content_part.done", **part, "part": full},
        {"type": "conversation.item.done", "previous_item_id": "item_u", "item": ended},
        {"type": "response.output_item.done", **output, "item": ended},
        {
            "type": "response.done",
            "response": {**response, "status": status, "status_details": details, "usage": USAGE},
        },
        {"type": "rate_limits.updated", "rate_limits": []},
    ]
    return events


def user_item(item_id: str, content: Event) -> list[Event]:
    """Build the acknowledgement of an item of the user."""
    item = {"id": item_id, "type": "message", "status": "completed", "role": "user"}
    return [
        {"type": kind, "previous_item_id": None, "item": {**item, "content": [content]}}
        for kind in ("conversation.item.added", "conversation.item.done")
    ]


def spoken_turn(item_id: str) -> list[Event]:
    """Build the events from the end of speech to the transcript."""
    transcription = "conversation.item.input_audio_transcription"
    return [
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 700, "item_id": item_id},
        {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": item_id},
        *user_item(item_id, {"type": "input_audio", "transcript": None}),
        *answer(2)[:5],
        {
            "type": f"{transcription}.delta",
            "item_id": item_id,
            "content_index": 0,
            "delta": "hello",
        },
        {
            "type": f"{transcription}.completed",
            "item_id": item_id,
            "content_index": 0,
            "transcript": "hello",
            "usage": {"type": "duration", "seconds": 1},
        },
        *answer(2)[5:],
    ]


class ScriptedServer:
    """Runs one script for every connection. Attributes record what clients sent."""

    def __init__(self, spoil: Spoil, hold_answers: bool, reject: str | None, starting: int) -> None:
        self.received: list[Event] = []
        self.starting = starting
        self.url = ""
        self._spoil = spoil
        self._hold = hold_answers
        self._reject = reject

    def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Answer HTTP, and refuse sessions while it is starting."""
        if request.path == "/health":
            status = "starting" if self.starting else "healthy"
            self.starting = max(0, self.starting - 1)
            return socket.respond(503 if self.starting else 200, json.dumps({"status": status}))
        return socket.respond(503, "not yet") if self.starting else None

    async def serve(self, socket: ServerConnection) -> None:
        """Hold one session."""
        number, audio, session = 0, 0, _session({})
        if self._reject:
            error = {"type": "invalid_request_error", "code": "x", "message": self._reject}
            await self._send(socket, [{"type": "error", "error": error}])
            await socket.close(3000, self._reject)
            return
        await self._send(socket, [{"type": "session.created", "session": session}])
        async for message in socket:
            event = json.loads(message)
            self.received.append(event)
            if event["type"] == "session.update":
                session = _session(event["session"])
                await self._send(socket, [{"type": "session.updated", "session": session}])
            elif event["type"] == "conversation.item.create":
                content = event["item"]["content"][0]
                await self._send(socket, user_item("item_u", content))
            elif event["type"] == "input_audio_buffer.commit":
                committed = {"type": "input_audio_buffer.committed", "previous_item_id": None}
                spoken = {"type": "input_audio", "transcript": None}
                await self._send(
                    socket, [{**committed, "item_id": "item_m"}, *user_item("item_m", spoken)]
                )
            elif event["type"] == "response.create":
                number += 1
                events = answer(number, session["output_modalities"] == ["audio"])
                await self._send(socket, events[:6] if self._hold else self._spoil(events))
            elif event["type"] == "response.cancel":
                spoken = session["output_modalities"] == ["audio"]
                await self._send(socket, answer(number, spoken, "cancelled")[-6:])
            elif event["type"] == "input_audio_buffer.append":
                before, audio = audio, audio + len(base64.b64decode(event["audio"])) // 48
                if before < 200 <= audio:
                    kind = "input_audio_buffer.speech_started"
                    started = {"type": kind, "audio_start_ms": 0, "item_id": "item_s"}
                    await self._send(socket, [started])
                if before < 700 <= audio:
                    await self._send(socket, self._spoil(spoken_turn("item_s")))

    async def _send(self, socket: ServerConnection, events: list[Event]) -> None:
        for event in events:
            await socket.send(json.dumps({"event_id": "event_1", **event}))


def _session(changes: Event) -> Event:
    session: Event = {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "audio": {"input": {}, "output": {"voice": "alloy"}},
    }
    audio = {**session["audio"], **changes.get("audio", {})}
    audio["output"] = {**session["audio"]["output"], **audio["output"]}
    return {**session, **changes, "audio": audio}


@asynccontextmanager
async def scripted_server(
    spoil: Spoil = lambda events: events,
    hold_answers: bool = False,
    reject: str | None = None,
    starting: int = 0,
) -> AsyncIterator[ScriptedServer]:
    """Serve the script on a free port of this machine.

    Args:
        spoil: Changes the events of every answer before they are sent.
        hold_answers: Send only the beginning of an answer; the rest when it is cancelled.
        reject: Refuse every session, with this message.
        starting: How often `/health` says that it is starting, before it is ready.
    """
    script = ScriptedServer(spoil, hold_answers, reject, starting)
    async with serve(script.serve, "127.0.0.1", 0, process_request=script.admit) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        script.url = f"ws://127.0.0.1:{port}/v1/realtime"
        yield script
