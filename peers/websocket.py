"""A client on a WebSocket: one event per text frame (§D.7).

Here the protocol is text: dialect, JSON, base64 and close codes; the client has what is made as
soon as the network takes it, and is slowed down by not being read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect

from config import LimitsConfig
from flow.append_pace import AppendPace
from flow.outbox import Outbox, SlowReader
from flow.steps import in_turns
from peers.base import PeerGone, PeerStalled
from session.effects import OutputAudio
from session.ports import CloseReason
from wire.dialect import Dialect
from wire.envelope import ServerEvent, encode_audio
from wire.errors import ProtocolError
from wire.incoming import EventReader, Incoming
from wire.response_events import OutputAudioDelta
from wire.text_frames import frame

GONE = "realtime.gone"
"""Key in the scope of a WebSocket: an `asyncio.Event`, set when the connection is lost. Only a
server of this project has it (`serving/process/uvicorn_websocket.py`)."""

CLOSE_CODES = {
    CloseReason.CLIENT_DONE: 1000,
    CloseReason.EXPIRED: 1001,
    # Clients of the service reconnect on this code.
    CloseReason.SERVER_STOPS: 1001,
    CloseReason.SLOW_READER: 1008,
    CloseReason.FAILED: 1011,
    CloseReason.FULL: 1013,
    CloseReason.BAD_KEY: 3000,
    CloseReason.BAD_REQUEST: 4000,
}
"""How a close is said on a WebSocket (§D.7)."""

_LEFT = {1000, 1001, 1005, 1006}
"""Codes with which clients leave, or are gone without a word."""
_NOTHING_PLAYS: Mapping[str, float] = {}


class WebSocketPeer:
    """A Starlette WebSocket as a session's peer (`peers.base.Peer`)."""

    def __init__(self, websocket: WebSocket, dialect: Dialect, limits: LimitsConfig) -> None:
        """Speak to a client whose connection is accepted.

        Args:
            websocket: The connection.
            dialect: How the client writes and reads.
            limits: How large an event may be, and how fast audio may come.
        """
        self._websocket = websocket
        self._dialect = dialect
        self._reader = EventReader(dialect, limits.event_kib * 1024)
        self._outbox = Outbox()
        now = asyncio.get_running_loop().time()
        self._pace = AppendPace(limits.append_burst_s, limits.append_speed, now)
        self._left: str | None = None

    @property
    def left(self) -> str | None:
        """Why the connection ended, where the client did not just leave."""
        return self._left

    async def incoming(self) -> AsyncIterator[Incoming]:
        """Yield what the client sends, until it leaves; a client that reads slowly waits."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._note(message.get("code"), message.get("reason"))
                return
            if not self._outbox.has_room:
                await self._outbox.room()
            text = message.get("text")
            if text is None:
                yield ProtocolError(
                    "invalid_event",
                    "Expected a text WebSocket message; binary frames are not supported.",
                )
                continue
            appended = self._reader.read_append(text)
            yield await in_turns(self._reader.read(text)) if appended is None else appended

    def _note(self, code: int | None, reason: str | None) -> None:
        if code not in _LEFT:
            self._left = f"cut off with {code}" + (f": {reason}" if reason else "")

    async def pace(self, audio_s: float) -> None:
        """Wait where the client is too fast: what it goes on to send waits in its own socket."""
        ahead_s = self._pace.take(audio_s, asyncio.get_running_loop().time())
        if not ahead_s:
            return
        # Another server than ours does not tell when a client is gone.
        gone = self._websocket.scope.get(GONE) or asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(ahead_s):
                await gone.wait()

    def send(self, event: ServerEvent) -> None:
        """Queue an event, as the client's dialect has it."""
        for written in self._dialect.render(event):
            self._outbox.put(frame(written))

    def play(self, audio: OutputAudio) -> None:
        """Queue audio as `response.output_audio.delta`: the client plays it."""
        self.send(audio_delta(audio))

    def silence(self) -> None:
        """Do nothing: the client hears of `speech_started`, and stops its own player (§B.5)."""

    def played(self) -> Mapping[str, float]:
        """Return nothing: what is made is with the client."""
        return _NOTHING_PLAYS

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up with what it is sent."""
        return self._outbox.has_room

    async def room(self) -> None:
        """Wait until it does."""
        await self._outbox.room()

    async def deliver(self) -> None:
        """Write frames until `finish`, and the last of them."""
        try:
            await self._outbox.drain_into(self._write)
        except SlowReader:
            raise PeerStalled from None

    def finish(self) -> None:
        """Take nothing more."""
        self._outbox.finish()

    async def send_at_once(self, event: ServerEvent) -> None:
        """Write an event past the queue."""
        for written in self._dialect.render(event):
            text = frame(written)
            await self._write(text if isinstance(text, str) else await in_turns(text.write()))

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close with the code for `reason`."""
        # The client may be gone, or have closed at the same moment.
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(CLOSE_CODES[reason], message)

    async def _write(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a socket that was closed while we were sending.
            raise PeerGone from error


def audio_delta(audio: OutputAudio) -> ServerEvent:
    """Write audio as the event that carries it in base64."""
    return OutputAudioDelta(
        response_id=audio.response_id,
        item_id=audio.item_id,
        output_index=audio.output_index,
        content_index=audio.content_index,
        delta=encode_audio(audio.audio),
    )
