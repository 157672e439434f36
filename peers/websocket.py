"""A client on a WebSocket: one event per text frame (§D.7).

Dialect, JSON, base64 and close codes are known only here. Output is sent as fast as the network
takes it; a client that sends too fast is slowed by not reading its socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect

from config import LimitsConfig
from flow.append_pace import AppendPace
from flow.outbox import Outbox, SlowReader
from flow.steps import in_turns
from peers.base import CanWait, PeerGone, PeerStalled, nothing_waits
from peers.connection import connection_of
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackReport
from wire.dialect import Dialect
from wire.envelope import ServerEvent, encode_audio
from wire.errors import ProtocolError
from wire.incoming import EventReader, Incoming
from wire.media import Media
from wire.response_events import OutputAudioDelta
from wire.text_frames import frame

CLOSE_CODES = {
    CloseReason.CLIENT_DONE: 1000,
    CloseReason.EXPIRED: 1001,
    # Clients reconnect on this code.
    CloseReason.SERVER_STOPS: 1001,
    CloseReason.SLOW_READER: 1008,
    CloseReason.FAILED: 1011,
    CloseReason.FULL: 1013,
    CloseReason.BAD_KEY: 3000,
    CloseReason.BAD_REQUEST: 4000,
}
"""Close codes (§D.7)."""

_LEFT = {1000, 1001, 1005, 1006}
"""Close codes of a client that leaves, with or without a close frame: not worth logging."""
_NO_CODE = 1005
_DONE = {1000, _NO_CODE}
"""Those of a client that closes, with or without a code; a page that is left says 1001."""
_NOTHING_PLAYS: Mapping[str, float] = {}


class WebSocketPeer:
    """A Starlette WebSocket as a session's peer (`peers.base.Peer`)."""

    def __init__(
        self,
        websocket: WebSocket,
        dialect: Dialect,
        limits: LimitsConfig,
        media: Media = Media.EVENTS,
    ) -> None:
        """Wrap an accepted connection.

        Args:
            websocket: The connection.
            dialect: The client's dialect.
            limits: Largest event, and pace of appends.
            media: How the session's audio travels; of a call, which this is a sideband of, not
                here.
        """
        self._websocket = websocket
        self._connection = connection_of(websocket)
        self._dialect = dialect
        self._reader = EventReader(dialect, limits.event_kib * 1024, media)
        self._outbox = Outbox()
        self._clock = asyncio.get_running_loop().time
        self._pace = AppendPace(limits.append_burst_s, limits.append_speed, self._clock())
        self._left: str | None = None
        self._code: int | None = None
        """With which code the connection ended; None: it has not."""

    @property
    def left(self) -> str | None:
        """Why the connection ended, for the log; None: it is open, or the client closed it."""
        return self._left

    @property
    def closed_in_order(self) -> bool:
        """Whether the client has said that it is done, and was not merely lost."""
        if self._connection is None:
            # Other servers report a lost connection as one that was closed without a code.
            return self._code in _DONE - {_NO_CODE}
        return self._connection.closed_with in _DONE

    async def answers(self, within_s: float) -> bool:
        """Ask the client for a sign of life; return whether one comes within `within_s` seconds.

        Servers other than this project's cannot ask: there, it counts as alive.
        """
        return self._connection is None or await self._connection.answers(within_s)

    def give_up(self, reason: str) -> None:
        """Cut the connection of a client that does not answer; `reason` is for the log."""
        if self._connection is not None:
            self._connection.give_up(reason)

    async def incoming(self, _can_wait: CanWait = nothing_waits) -> AsyncIterator[Incoming]:
        """Yield what the client sends, until it leaves; waits while it reads too slowly.

        Nothing is held back: each append may be refused, by its own `event_id`.
        """
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
        self._code = code
        if code == _NO_CODE and self._connection is not None:
            if self._connection.closed_with is None:
                self._left = "the connection was lost"
        elif code not in _LEFT:
            self._left = f"cut off with {code}" + (f": {reason}" if reason else "")

    async def pace(self, audio_s: float) -> None:
        """Wait while the client appends too fast; its further data stays in the socket."""
        ahead_s = self._pace.take(audio_s, self._clock())
        if not ahead_s:
            return
        # Servers other than this project's do not tell when a connection is lost.
        gone = asyncio.Event() if self._connection is None else self._connection.gone
        with suppress(TimeoutError):
            async with asyncio.timeout(ahead_s):
                await gone.wait()

    def send(self, event: ServerEvent) -> None:
        """Queue an event, in the client's dialect."""
        for written in self._dialect.render(event):
            self._outbox.put(frame(written))

    def reply(self, event: ServerEvent) -> None:
        """Queue an event: there is one client."""
        self.send(event)

    def play(self, audio: OutputAudio) -> None:
        """Queue audio as `response.output_audio.delta`."""
        self.send(audio_delta(audio))

    def silence(self) -> None:
        """Do nothing: the client stops its own playback at `speech_started` (§B.5)."""

    def duck(self, *, on: bool) -> None:
        """Do nothing: the client plays."""

    def played(self) -> Mapping[str, float]:
        """Return no item: the peer does not know what is played."""
        return _NOTHING_PLAYS

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up with what it is sent."""
        return self._outbox.has_room

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to the client."""
        return self._outbox.queued_bytes

    async def room(self) -> None:
        """Wait until the client keeps up."""
        await self._outbox.room()

    async def deliver(self, _report: Callable[[PlaybackReport], None]) -> None:
        """Write queued frames; return after `finish`, when all are written."""
        try:
            await self._outbox.drain_into(self._write)
        except SlowReader:
            raise PeerStalled from None

    def finish(self) -> None:
        """Accept no more events."""
        self._outbox.finish()

    async def send_at_once(self, event: ServerEvent) -> None:
        """Write an event ahead of the queue."""
        for written in self._dialect.render(event):
            text = frame(written)
            await self._write(text if isinstance(text, str) else await in_turns(text.write()))

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close with the code for `reason`."""
        # The client may have closed the connection already, or at the same moment.
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(CLOSE_CODES[reason], message)

    async def _write(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a socket that was closed during a send.
            raise PeerGone from error


def audio_delta(audio: OutputAudio) -> ServerEvent:
    """Return the event that carries audio as base64."""
    return OutputAudioDelta(
        response_id=audio.response_id,
        item_id=audio.item_id,
        output_index=audio.output_index,
        content_index=audio.content_index,
        delta=encode_audio(audio.audio),
    )
