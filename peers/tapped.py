"""A peer that somebody listens to: recordings and test journals are made of what passes here.

It stands between a session and its client, whatever that is connected by, and tells a `Tap` of
everything that comes and goes, in order. A session without a tap has no such peer in between, so
that listening costs nothing where nobody listens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from flow.steps import in_turns
from peers.base import AppendedAudio, CanWait, Incoming, Peer, nothing_waits
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackReport
from telemetry.turn_record import TurnRecord
from wire.beta_writing import BetaDialect
from wire.client_events import SessionEvent
from wire.dialect import Dialect
from wire.envelope import ServerEvent, WireEvent
from wire.errors import ProtocolError
from wire.long_strings import cut_long


class Tap(Protocol):
    """Listens to one session.

    Its methods are called in the event loop, in the order of what they tell, and between two events
    of the session: they neither wait nor raise, and what they are given they leave as it is.
    """

    def came(self, event: SessionEvent | ProtocolError) -> None:
        """Take an event of the client, before the session does.

        Args:
            event: The event, or the error in place of one that was refused; its `raw` is the text
                frame as the client wrote it.
        """

    def appended(self, audio: AppendedAudio) -> None:
        """Take audio of the client, in the session's input format."""

    def sent(self, event: ServerEvent, written: Sequence[WireEvent]) -> None:
        """Take an event of the server.

        Args:
            event: The event.
            written: What the client gets of it, in its own dialect: none, one or several objects.
                Audio of items is bytes in it, which become base64 only in the frame.
        """

    def played(self, audio: OutputAudio) -> None:
        """Take audio of the server: a call plays it, elsewhere it is an audio delta."""

    def silenced(self) -> None:
        """Note that what a call has not played yet is dropped."""

    def turn_over(self, record: TurnRecord) -> None:
        """Take the stages of a turn or a response that is over."""

    def closed(self, reason: str) -> None:
        """Note that the session is over, and why; nothing comes after this."""


class Taps:
    """Several taps as one (`Tap`)."""

    def __init__(self, taps: Sequence[Tap]) -> None:
        """Tell all of `taps`, in their order."""
        self._taps = taps

    def came(self, event: SessionEvent | ProtocolError) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.came(event)

    def appended(self, audio: AppendedAudio) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.appended(audio)

    def sent(self, event: ServerEvent, written: Sequence[WireEvent]) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.sent(event, written)

    def played(self, audio: OutputAudio) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.played(audio)

    def silenced(self) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.silenced()

    def turn_over(self, record: TurnRecord) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.turn_over(record)

    def closed(self, reason: str) -> None:
        """Tell all."""
        for tap in self._taps:
            tap.closed(reason)


class TappedPeer:
    """A peer, and the tap that is told what passes (`peers.base.Peer`)."""

    def __init__(self, peer: Peer, tap: Tap, dialect: Dialect) -> None:
        """Listen to a peer.

        Args:
            peer: The client.
            tap: Is told what passes.
            dialect: A dialect of the client's for the tap alone: beta's has a memory, and what is
                written twice with the same one comes out differently.
        """
        self._peer = peer
        self._tap = tap
        self._dialect = dialect
        self._finished = False
        """Whether nothing that the session says reaches the client any more."""

    @property
    def left(self) -> str | None:
        """Why the connection ended; None: it is open, or the client closed it."""
        return self._peer.left

    async def incoming(self, can_wait: CanWait = nothing_waits) -> AsyncIterator[Incoming]:
        """Yield what the client sends, and tell it."""
        async for came in self._peer.incoming(can_wait):
            if isinstance(came, AppendedAudio):
                self._tap.appended(came)
            else:
                await self._follow(came)
                self._tap.came(came)
            yield came

    async def _follow(self, came: SessionEvent | ProtocolError) -> None:
        """Let the tap's dialect read what the client's own has read."""
        if isinstance(self._dialect, BetaDialect) and came.raw is not None:
            with suppress(ProtocolError):
                light, _cut = await in_turns(cut_long(came.raw, len(came.raw)))
                self._dialect.parse(light)

    async def pace(self, audio_s: float) -> None:
        """Slow the client if it sends too fast."""
        await self._peer.pace(audio_s)

    def send(self, event: ServerEvent) -> None:
        """Queue an event, and tell it."""
        self._tell(event)
        self._peer.send(event)

    def reply(self, event: ServerEvent) -> None:
        """Queue an event for whoever asked, and tell it."""
        self._tell(event)
        self._peer.reply(event)

    def told_by(self, peer: Peer) -> Callable[[ServerEvent], None]:
        """Return what sends an event by a peer that is a part of this one, and tells it."""

        def send(event: ServerEvent) -> None:
            self._tell(event)
            peer.send(event)

        return send

    def _tell(self, event: ServerEvent) -> None:
        if not self._finished:
            self._tap.sent(event, self._dialect.render(event))

    def play(self, audio: OutputAudio) -> None:
        """Queue audio, and tell it."""
        if not self._finished:
            self._tap.played(audio)
        self._peer.play(audio)

    def silence(self) -> None:
        """Stop playback, and tell it."""
        if not self._finished:
            self._tap.silenced()
        self._peer.silence()

    def duck(self, *, on: bool) -> None:
        """Lower what is played, or restore it."""
        self._peer.duck(on=on)

    def played(self) -> Mapping[str, float]:
        """Return item id → milliseconds played."""
        return self._peer.played()

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up."""
        return self._peer.has_room

    async def room(self) -> None:
        """Wait until the client keeps up."""
        await self._peer.room()

    async def deliver(self, report: Callable[[PlaybackReport], None]) -> None:
        """Deliver what is queued."""
        await self._peer.deliver(report)

    def finish(self) -> None:
        """Accept no more output, and tell none."""
        self._finished = True
        self._peer.finish()

    async def send_at_once(self, event: ServerEvent) -> None:
        """Send a last event ahead of the queue, and tell it."""
        self._tell(event)
        await self._peer.send_at_once(event)

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close the connection."""
        await self._peer.close(reason, message)
