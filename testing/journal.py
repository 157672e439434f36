"""What came to a server under test and what it sent: every event in order, items, and audio.

It is told by a tap on each session (`peers/tapped.py`). Events stay as their client wrote or got
them, in its own dialect; audio in them is replaced by its length, and kept beside them. Items are
in the form of GA.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pybase64

from session.effects import OutputAudio
from telemetry.turn_record import TurnRecord
from testing.items import Items
from wire.client_events import AppendAudio, SessionEvent
from wire.errors import ProtocolError
from wire.event_record import ServerEvent, WireEvent
from wire.incoming import AppendedAudio
from wire.response_events import OutputAudioDelta
from wire.session_events import SessionCreated, SessionUpdated
from wire.strict_json import read_json
from wire.translation_events import TranslatedAudioDelta

MOST_SESSIONS = 500
"""Sessions that are kept; the oldest one that is over goes first."""
MOST_EVENTS = 50_000
"""Events of a session that are kept."""
MOST_AUDIO = 64 * 1024 * 1024
"""Bytes of a session's audio that are kept, each way."""
MOST_QUOTED = 2000
"""Characters that are shown of a frame that is no JSON."""

Sender = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None: whichever."""

    session: str | None = None
    """The session's id."""
    type: str | None = None
    sender: str | None = None

    def has(self, told: dict[str, Any]) -> bool:
        """Return whether an event is one of them."""
        return (
            self.session in (None, told["session"])
            and self.sender in (None, told["from"])
            and self.type in (None, told["event"].get("type"))
        )


WHICHEVER = Wanted()


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody who waits for events."""

    wanted: Wanted
    missing: float
    """How many of them have not come yet."""
    there: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, told: dict[str, Any]) -> None:
        self.missing -= self.wanted.has(told)
        if self.missing <= 0:
            self.there.set()


def light(value: Any) -> Any:
    """Return a copy of a part of an event, with the length of audio in place of the audio."""
    if isinstance(value, dict):
        return {
            name: {"base64": len(part)}
            if name in ("audio", "image_url") and isinstance(part, str)
            else light(part)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [light(part) for part in value]
    return {"bytes": len(value)} if isinstance(value, bytes | bytearray) else value


def _now() -> float:
    """Return the session's time in seconds, which may be that of a virtual clock."""
    return asyncio.get_running_loop().time()


@dataclass(slots=True, eq=False)
class SessionJournal:
    """What passed in one session (`peers.tapped.Tap`)."""

    id: str
    model: str
    noted: Callable[[dict[str, Any]], None]
    """Is told every event."""
    append_type: str = AppendAudio.type_name()
    """What the client's events of audio are called in its dialect."""
    delta_type: str = OutputAudioDelta.type
    """What those of the server are called there."""
    began: float = field(default_factory=_now)
    """In seconds of the session's clock."""
    events: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    """Events beyond `MOST_EVENTS`."""
    items: Items = field(default_factory=Items)
    settings: dict[str, Any] = field(default_factory=dict)
    """The session as the server last described it, in GA's form."""
    heard: bytearray = field(default_factory=bytearray)
    """What the client appended, in the session's input format."""
    spoken: bytearray = field(default_factory=bytearray)
    """What the server played, in its output format."""
    turns: list[TurnRecord] = field(default_factory=list)
    ended: str | None = None
    """Why it is over; None: it is open."""

    def came(self, event: SessionEvent | ProtocolError) -> None:
        """Note an event of the client, or a frame that was refused."""
        self._note("client", _written(event.raw))

    def appended(self, audio: AppendedAudio) -> None:
        """Note audio of the client."""
        self._keep(self.heard, audio.audio)
        event: dict[str, Any] = {"type": self.append_type}
        if audio.event_id is not None:
            event["event_id"] = audio.event_id
        self._note("client", event | {"audio": {"bytes": len(audio.audio)}})

    def sent(self, event: ServerEvent, written: Sequence[WireEvent]) -> None:
        """Note an event of the server."""
        self.items.follow(event)
        if isinstance(event, TranslatedAudioDelta):
            audio = pybase64.b64decode(event.delta)
            self._keep(self.spoken, audio)
            self._note("server", event.wire() | {"delta": {"bytes": len(audio)}})
            return
        if isinstance(event, SessionCreated | SessionUpdated):
            self.settings = light(event.wire()["session"])
        for one in written:
            self._note("server", light(one))

    def played(self, audio: OutputAudio) -> None:
        """Note audio of the server."""
        self._keep(self.spoken, audio.audio)
        event = {
            "type": self.delta_type,
            "response_id": audio.response_id,
            "item_id": audio.item_id,
            "output_index": audio.output_index,
            "content_index": audio.content_index,
            "delta": {"bytes": len(audio.audio)},
        }
        self._note("server", event)

    def silenced(self) -> None:
        """Do nothing: the events say why."""

    def turn_over(self, record: TurnRecord) -> None:
        """Keep the stages of a turn."""
        self.turns.append(record)

    def closed(self, reason: str) -> None:
        """Note that the session is over."""
        self.ended = reason

    def told(self) -> dict[str, Any]:
        """Return what there is to know of the session, without its events and audio."""
        return {
            "id": self.id,
            "model": self.model,
            "ended": self.ended,
            "events": len(self.events) + self.left_out,
            "left_out": self.left_out,
            "items": self.items.told(),
            "conversation": self.items.conversation(),
            "heard_bytes": len(self.heard),
            "spoken_bytes": len(self.spoken),
            "session": self.settings,
        }

    def _note(self, sender: Sender, event: dict[str, Any]) -> None:
        t_ms = round((_now() - self.began) * 1000, 1)
        told = {"session": self.id, "from": sender, "t_ms": t_ms, "event": event}
        if len(self.events) < MOST_EVENTS:
            self.events.append(told)
        else:
            self.left_out += 1
        self.noted(told)

    def _keep(self, audio: bytearray, more: bytes) -> None:
        audio += more[: max(MOST_AUDIO - len(audio), 0)]


class Journal:
    """The journals of all sessions since the last reset, in the order in which they began."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._sessions: list[SessionJournal] = []
        self._waiting: set[_Waiting] = set()

    def begin(
        self,
        session_id: str,
        model: str,
        append_type: str = AppendAudio.type_name(),
        delta_type: str = OutputAudioDelta.type,
    ) -> SessionJournal:
        """Begin to listen to a session; the arguments are those of `SessionJournal`."""
        if len(self._sessions) >= MOST_SESSIONS:
            over = (one for one in self._sessions if one.ended is not None)
            self._sessions.remove(next(over, self._sessions[0]))
        session = SessionJournal(session_id, model, self._noted, append_type, delta_type)
        self._sessions.append(session)
        return session

    def reset(self) -> None:
        """Forget everything; sessions that are open are not listened to any more."""
        self._sessions.clear()

    def sessions(self, session_id: str | None = None) -> list[SessionJournal]:
        """Return all sessions, or the one of an id."""
        return [one for one in self._sessions if session_id in (None, one.id)]

    def events(self, wanted: Wanted = WHICHEVER) -> list[dict[str, Any]]:
        """Return the events that are wanted, session after session."""
        return [
            told
            for session in self.sessions(wanted.session)
            for told in session.events
            if wanted.has(told)
        ]

    async def until(self, wanted: Wanted, count: float, wait_s: float) -> None:
        """Wait until so many of the events that are wanted have come, at most `wait_s` seconds."""
        waiting = _Waiting(wanted, count - len(self.events(wanted)))
        if waiting.missing <= 0:
            return
        self._waiting.add(waiting)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await waiting.there.wait()
        finally:
            self._waiting.discard(waiting)

    def _noted(self, told: dict[str, Any]) -> None:
        for waiting in self._waiting:
            waiting.note(told)


def _written(raw: str | None) -> dict[str, Any]:
    """Return a client's frame as the object that it is; one that is none is quoted."""
    with suppress(ValueError, RecursionError):
        # As the server reads it: no half characters, and no numbers that are none.
        event = read_json(raw or "")
        if isinstance(event, dict):
            copied: dict[str, Any] = light(event)
            return copied
    return {"type": None, "unreadable": None if raw is None else raw[:MOST_QUOTED]}
