"""An app under test, with fakes for all that is outside it: server, microphone, loudspeaker."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from audio.player import AudioPlayerAsync
from clients.terminal.app import PushToTalkApp
from clients.terminal.client import RealtimeClient
from clients.terminal.session import Wishes
from clients.terminal.sound import SoundMaker
from clients.terminal.sources import AudioSource, Microphone
from clients.terminal.widgets import Line, Rows
from tests.support.fake_connection import Event, FakeServer, FakeSocket
from tests.support.fake_sound import FakeSound
from tests.support.scripted_server import user_item

SESSION: Event = {"type": "realtime", "id": "sess_1", "model": "gpt-realtime"}
SESSION |= {"audio": {"output": {"voice": "marin"}}}
CREATED: Event = {"type": "session.created", "session": SESSION}
IDS: Event = {"item_id": "item_a", "output_index": 0, "content_index": 0}
PCM = bytes(range(1, 241)) * 40  # 200 ms
INPUT = "input_audio_buffer"
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def begun(response_id: str = "resp_1") -> Event:
    response = {"id": response_id, "status": "in_progress", "output": []}
    return {"type": "response.created", "response": response}


def says(text: str, item_id: str = "item_a", response_id: str = "resp_1") -> Event:
    kind = "response.output_audio_transcript.delta"
    return {"type": kind, **IDS, "response_id": response_id, "item_id": item_id, "delta": text}


def writes(text: str) -> Event:
    return {**says(text), "type": "response.output_text.delta"}


def sounds(pcm: bytes, item_id: str = "item_a", response_id: str = "resp_1") -> Event:
    delta = base64.b64encode(pcm).decode()
    return {**says(delta, item_id, response_id), "type": "response.output_audio.delta"}


def sounded(item_id: str = "item_a") -> Event:
    ids = {**IDS, "response_id": "resp_1", "item_id": item_id}
    return {"type": "response.output_audio.done", **ids}


def done(response_id: str = "resp_1", status: str = "completed", **details: Any) -> Event:
    response: Event = {"id": response_id, "status": status, "output": []}
    return {"type": "response.done", "response": {**response, "status_details": details}}


def tool_call(number: int, name: str, arguments: str) -> list[Event]:
    item: Event = {"id": f"item_c{number}", "type": "function_call", "call_id": f"call_{number}"}
    item |= {"name": name, "arguments": "", "status": "in_progress"}
    output: Event = {"response_id": "resp_1", "output_index": number, "item": item}
    complete = {**item, "arguments": arguments, "status": "completed"}
    return [
        {"type": "response.output_item.added", **output},
        {"type": "response.output_item.done", **output, "item": complete},
    ]


def heard(text: str, item_id: str = "item_u") -> Event:
    words = {"item_id": item_id, "content_index": 0, "transcript": text}
    return {"type": f"{TRANSCRIPTION}.completed", **words}


def spoken_item(item_id: str = "item_u") -> list[Event]:
    return user_item(item_id, {"type": "input_audio", "transcript": None})


def fault(message: str, code: str | None = None, event_id: str | None = None) -> Event:
    error = {"type": "invalid_request_error", "code": code, "message": message}
    return {"type": "error", "error": {**error, "param": None, "event_id": event_id}}


@dataclass
class Bench:
    """An app under test with all that is connected to it."""

    pilot: Pilot[None]
    app: PushToTalkApp
    speaker: FakeSound
    microphone: FakeSound
    socket: FakeSocket

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def say(self, *events: Event | Exception) -> None:
        await self.socket.say(*events)
        await self.pilot.pause()

    async def ask(self, text: str = "hello") -> None:
        """Type a message and see it sent."""
        asked = self.socket.kinds().count("response.create")
        await self.press("slash", *text, "enter")
        await self.socket.until("response.create", asked + 1)
        await self.press("tab")  # back to the keys

    async def answered(self, *events: Event) -> None:
        """Ask, and hear this as the answer."""
        await self.ask()
        await self.say(begun(), *events)

    async def record(self, pcm: bytes = PCM) -> None:
        """Begin to record and say something."""
        await self.press("k")
        self.microphone.push(pcm)

    def appended(self) -> bytes:
        """All audio that was sent."""
        events = [event for event in self.socket.sent if event["type"] == f"{INPUT}.append"]
        return b"".join(base64.b64decode(event["audio"]) for event in events)

    def truncated(self) -> list[tuple[str, int]]:
        """Items that were truncated, and where."""
        cuts = [e for e in self.socket.sent if e["type"] == "conversation.item.truncate"]
        assert all(cut["content_index"] == 0 for cut in cuts)
        return [(cut["item_id"], cut["audio_end_ms"]) for cut in cuts]

    def lines(self) -> list[Line]:
        return list(self.app.query(Line))

    def shown(self) -> list[str]:
        """The conversation, as `who: what`."""
        parts = [[str(it.render()) for it in line.query(Static)] for line in self.lines()]
        return [f"{who}: {what}" if who else what for who, what in parts]

    def bar(self, name: str) -> str:
        return str(self.app.query_one(f"#{name}").render())

    def footer(self) -> str:
        return " ".join(
            str(keys.render()) for keys in self.app.screen.query("KeyFooter Rows").results(Rows)
        )

    async def footer_becomes(self, *parts: str) -> None:
        """Wait for the footer, which is made anew when the keys change."""
        await self.until(lambda: all(part in self.footer() for part in parts))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the app go on until it is so."""
        while not condition():
            await self.pilot.pause()


@asynccontextmanager
async def bench(
    *attempts: FakeSocket | Exception,
    speaker: bool = True,
    microphone: bool = True,
    source: AudioSource | None = None,
    wishes: Wishes | None = None,
    note: str = "",
    size: tuple[int, int] = (80, 24),
    latency: float = 0.0,
    retry_s: tuple[int, int] = (1000, 30000),
) -> AsyncIterator[Bench]:
    """Run the app against the given attempts to connect."""
    out, into = FakeSound(latency), FakeSound()
    player = AudioPlayerAsync(out.open) if speaker else None
    recorder = source or (Microphone(into.open) if microphone else None)
    socket = next((a for a in attempts if isinstance(a, FakeSocket)), FakeSocket())
    connect = FakeServer(*attempts).connect
    wishes = wishes or Wishes(voice="marin")
    app = PushToTalkApp(
        lambda view: RealtimeClient(
            connect, view, recorder, player, wishes, "ws://localhost", retry_s
        ),
        SoundMaker(),
        note,
    )
    async with app.run_test(size=size) as pilot:
        yield Bench(pilot, app, out, into, socket)


@asynccontextmanager
async def session(**options: Any) -> AsyncIterator[Bench]:
    """Run the app in a session."""
    async with bench(FakeSocket(), **options) as it:
        await it.say(CREATED)
        yield it
