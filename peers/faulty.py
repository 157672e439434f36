"""A peer whose connection is lost, or whose session's time is up, when a test's script says so.

So clients are tested with what seldom happens. The script counts events of the server; here it is
told of each, and what it wants happens behind that event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext

from peers.base import Peer, PeerGone
from peers.tapped import Tap, TappedPeer
from session.effects import OutputAudio
from session.reports import PlaybackReport
from testing.script import Fault
from testing.virtual_clock import VirtualClock
from wire.dialect import Dialect
from wire.envelope import ServerEvent
from wire.response_events import OutputAudioDelta

Faults = Callable[[str], Fault | None]
"""Is told the type of each event that is sent, and returns what happens behind it."""


class FaultyPeer(TappedPeer):
    """A peer that somebody listens to, with faults (`peers.base.Peer`)."""

    def __init__(
        self,
        peer: Peer,
        tap: Tap,
        dialect: Dialect,
        faults: Faults,
        expire: Callable[[], None],
        *,
        plays: bool,
        clock: VirtualClock | None = None,
    ) -> None:
        """Prepare.

        Args:
            peer: See `TappedPeer`.
            tap: See `TappedPeer`.
            dialect: See `TappedPeer`.
            faults: Says what happens.
            expire: Ends the session as if its time were up.
            plays: Whether audio travels as sound: then it is no event, and is not counted.
            clock: The session's clock, which goes as far as the audio; None: the machine's.
        """
        super().__init__(peer, tap, dialect)
        self._faults = faults
        self._expire = expire
        self._plays = plays
        self._clock = clock
        self._lost = False
        """Whether nothing more reaches the client."""

    async def pace(self, audio_s: float) -> None:
        """Slow the client if it sends too fast; by a virtual clock it never does."""
        if self._clock is None:
            await super().pace(audio_s)
        else:
            await self._clock.hear(audio_s)

    def send(self, event: ServerEvent) -> None:
        """Queue an event, unless the connection is lost already."""
        if not self._lost:
            super().send(event)
            self._happen(event.type)

    def reply(self, event: ServerEvent) -> None:
        """Queue an event for whoever asked, unless the connection is lost already."""
        if not self._lost:
            super().reply(event)
            self._happen(event.type)

    def play(self, audio: OutputAudio) -> None:
        """Queue audio, unless the connection is lost already."""
        if not self._lost:
            super().play(audio)
            if not self._plays:
                self._happen(OutputAudioDelta.type)

    async def deliver(self, report: Callable[[PlaybackReport], None]) -> None:
        """Deliver what is queued, and lose the connection behind that if it is to be lost."""
        with self._clock.left() if self._clock is not None else nullcontext():
            await super().deliver(report)
        if self._lost:
            # Nobody closes a connection that is gone: its client gets no close frame.
            raise PeerGone

    def _happen(self, type_: str) -> None:
        if self._clock is not None:
            self._clock.client_may_react()
        match self._faults(type_):
            case "drop":
                self._lost = True
                self.finish()
            case "expire":
                # Behind what is being sent.
                asyncio.get_running_loop().call_soon(self._expire)
