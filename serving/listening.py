"""What stands between a session and its client: taps for recordings and tests, a test's faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from peers.base import Peer
from peers.faulty import Faults, FaultyPeer
from peers.tapped import Tap, TappedPeer, Taps
from serving.admission import Admitted
from testing.virtual_clock import VirtualClock
from wire.media import Media

Listener = Callable[[Admitted], Tap | None]
"""Returns what listens to a session that begins; None: nothing does."""


@dataclass(frozen=True, slots=True)
class Listening:
    """What listens to the sessions of a server; of most servers, nothing does."""

    listeners: Sequence[Listener] = ()
    """Are asked, of every session, for what listens to it."""
    faults: Callable[[Admitted], Faults] | None = None
    """Is asked, of every session that something listens to, for what says which faults it has;
    None: none has any."""
    clock: Callable[[], VirtualClock | None] = lambda: None
    """Returns the sessions' own clock; None: they have the machine's."""

    def tap(self, admitted: Admitted) -> Tap | None:
        """Return what listens to a session; None: nothing does."""
        taps = [tap for listener in self.listeners if (tap := listener(admitted)) is not None]
        return Taps(taps) if len(taps) > 1 else next(iter(taps), None)

    def tapped(
        self, admitted: Admitted, peer: Peer, tap: Tap, expire: Callable[[], None]
    ) -> TappedPeer:
        """Return a session's client, with a tap in between.

        Args:
            admitted: The session.
            peer: Its client.
            tap: What `tap` returned.
            expire: Ends the session as if its time were up.
        """
        dialect = admitted.dialect()
        if self.faults is None:
            return TappedPeer(peer, tap, dialect)
        plays = admitted.config.media is Media.TRACKS
        faults, clock = self.faults(admitted), self.clock()
        return FaultyPeer(peer, tap, dialect, faults, expire, plays=plays, clock=clock)
