"""The interface between a session's transport and a client, however it is connected.

A peer yields the client's events as typed records and its audio as bytes, and takes events and
audio to play. Only the peer knows how they travel (text frames on a WebSocket, a data channel
beside a media track, objects within the process): dialect, JSON, base64, close codes and pacing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackReport
from wire.envelope import ServerEvent
from wire.incoming import AppendedAudio as AppendedAudio
from wire.incoming import Incoming as Incoming


class PeerGone(Exception):
    """The connection is lost."""


class PeerStalled(Exception):
    """The client has stopped reading what it is sent."""


class NotConnected(Exception):
    """The client has not connected; the message says why, and what to do about it."""


CanWait = Callable[[int], bool]
"""Tells of so many bytes of audio whether nothing depends on them yet."""


def nothing_waits(_length: int) -> bool:
    """Let all audio be passed on at once (`Peer.incoming`)."""
    return False


class Peer(Protocol):
    """One client."""

    @property
    def left(self) -> str | None:
        """Why the connection ended, for the log; None: it is open, or the client closed it."""

    def incoming(self, can_wait: CanWait = nothing_waits) -> AsyncIterator[Incoming]:
        """Yield what the client sends, until it leaves.

        Args:
            can_wait: What a peer may hold back until more comes, or something else.
        """

    async def pace(self, audio_s: float) -> None:
        """Count `audio_s` seconds of appended audio, and wait until the client may send more."""

    def send(self, event: ServerEvent) -> None:
        """Queue an event, in order; never waits."""

    def reply(self, event: ServerEvent) -> None:
        """Queue an event for that client alone whose event `incoming` yielded last."""

    def play(self, audio: OutputAudio) -> None:
        """Queue audio to play, in order with the events; never waits."""

    def silence(self) -> None:
        """Stop playback of all audio given to `play`, and drop what was not played."""

    def duck(self, *, on: bool) -> None:
        """Lower what is played, or restore it: it is open whether the user interrupts (§B.5).

        Only a peer that plays the audio itself is asked to (`wire/media.py`).
        """

    def played(self) -> Mapping[str, float]:
        """Return item id → milliseconds played, of items that wait or play; 0: it waits.

        Positions count from the item's beginning, also if there were pauses in between. Audio of
        other items counts as played as soon as it is made. So it is for all items on a WebSocket,
        where the client reports by `conversation.item.truncate` what it did not play.
        """

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up with what it is sent."""

    async def room(self) -> None:
        """Wait until the client keeps up."""

    async def deliver(self, report: Callable[[PlaybackReport], None]) -> None:
        """Deliver what is queued to the client; return after `finish`, when all is delivered.

        Args:
            report: Called by a peer that plays the audio itself (`wire/media.py`): once per
                response when the first of it leaves, and whenever all of it that was given to
                `play` so far has been played.

        Raises:
            PeerGone: The connection is lost.
            PeerStalled: The client has stopped reading.
        """

    def finish(self) -> None:
        """Accept no more output: `deliver` returns when all is delivered."""

    async def send_at_once(self, event: ServerEvent) -> None:
        """Send a last event ahead of the queue.

        Raises:
            PeerGone: The connection is lost.
        """

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close the connection, if it is still open.

        Args:
            reason: Why; each kind of connection has its own codes for it.
            message: Details for people.
        """
