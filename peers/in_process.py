"""A client in this process: typed events and audio as objects, through plain queues.

For programs that hold a conversation without a network, and the shortest example of a peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from peers.base import AppendedAudio, CanWait, Incoming, PeerGone, nothing_waits
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackReport
from wire.client_events import SessionEvent
from wire.envelope import ServerEvent

MANY = 1024
"""Queued events above which there is no room."""


class InProcessPeer:
    """Both ends of a connection: `put` and `get` for a client, `peers.base.Peer` for a session."""

    def __init__(self) -> None:
        """Connect both ends, with empty queues."""
        self._in: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._out: asyncio.Queue[ServerEvent | OutputAudio | None] = asyncio.Queue()
        self._finished = asyncio.Event()
        self._taken = asyncio.Event()
        self._playing: dict[str, float] = {}
        self.silenced = 0
        """How often the client was told to stop playing."""
        self.closed: tuple[CloseReason, str] | None = None
        """Why the session closed the connection, and its message; None: it is open."""

    # --- the client's end ---------------------------------------------------------------------

    def put(self, event: SessionEvent) -> None:
        """Send an event."""
        self._in.put_nowait(event)

    def pass_in(self, came: Incoming) -> None:
        """Let another client of the same session send (`peers/call.py`)."""
        self._in.put_nowait(came)

    def append(self, audio: bytes) -> None:
        """Append audio in the session's input format."""
        self._in.put_nowait(AppendedAudio(audio))

    def leave(self) -> None:
        """Leave: the session ends."""
        self._in.put_nowait(None)

    def report_played(self, item_id: str, played_ms: float) -> None:
        """Report how many milliseconds of an item have been played."""
        self._playing[item_id] = played_ms

    async def get(self) -> ServerEvent | OutputAudio:
        """Return the next event, or audio to play.

        Raises:
            PeerGone: The session has ended and all its output was taken.
        """
        got = await self._out.get()
        self._taken.set()
        if got is None:
            raise PeerGone
        return got

    # --- the session's end --------------------------------------------------------------------

    @property
    def left(self) -> None:
        """Always None: this connection cannot be lost."""

    async def incoming(self, _can_wait: CanWait = nothing_waits) -> AsyncIterator[Incoming]:
        """Yield what the client sends, until it leaves."""
        while (came := await self._in.get()) is not None:
            yield came

    async def pace(self, audio_s: float) -> None:
        """Do nothing: appends are not slowed."""

    def send(self, event: ServerEvent) -> None:
        """Queue an event for `get`."""
        self._out.put_nowait(event)

    def reply(self, event: ServerEvent) -> None:
        """Queue an event: there is one client."""
        self.send(event)

    def play(self, audio: OutputAudio) -> None:
        """Queue audio for `get`, in order with the events."""
        self._out.put_nowait(audio)

    def silence(self) -> None:
        """Tell the client to stop playback."""
        self.silenced += 1

    def duck(self, *, on: bool) -> None:
        """Do nothing: the client plays."""

    def played(self) -> Mapping[str, float]:
        """Return what the client reported by `report_played`."""
        return self._playing

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up with what it is sent."""
        return self._out.qsize() < MANY

    async def room(self) -> None:
        """Wait until the client keeps up."""
        while not self.has_room:
            self._taken.clear()
            await self._taken.wait()

    async def deliver(self, _report: Callable[[PlaybackReport], None]) -> None:
        """Wait for `finish`; queued output needs no delivery."""
        await self._finished.wait()

    def finish(self) -> None:
        """End `deliver`."""
        self._finished.set()

    async def send_at_once(self, event: ServerEvent) -> None:
        """Queue an event behind the others."""
        self.send(event)

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Note the reason, and end the client's `get`."""
        self.closed = reason, message
        self._out.put_nowait(None)
