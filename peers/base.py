"""The client as a session's transport sees it, however it is connected.

A peer yields what the client sends as typed events and bytes of audio, and takes events and audio
to play. How that travels, as text frames on a WebSocket, on a data channel beside a media track, or
as objects within the process, is the peer's alone: dialect, JSON, base64, close codes and pacing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from session.effects import OutputAudio
from session.ports import CloseReason
from wire.envelope import ServerEvent
from wire.incoming import AppendedAudio as AppendedAudio
from wire.incoming import Incoming as Incoming


class PeerGone(Exception):
    """The connection is lost."""


class PeerStalled(Exception):
    """The client takes nothing any more of what it is sent."""


class Peer(Protocol):
    """One client."""

    @property
    def left(self) -> str | None:
        """Why the connection ended, for the log; None: the client just left, or is still here."""

    def incoming(self) -> AsyncIterator[Incoming]:
        """Yield what the client sends, until it leaves."""

    async def pace(self, audio_s: float) -> None:
        """So many seconds of audio have been taken: wait until the client may send more."""

    def send(self, event: ServerEvent) -> None:
        """Send an event, behind all that was sent before; never waits."""

    def play(self, audio: OutputAudio) -> None:
        """Play audio, in order with the events; never waits."""

    def silence(self) -> None:
        """Play nothing more of what was given to `play`: the user speaks."""

    def played(self) -> Mapping[str, float]:
        """Return item → milliseconds of it that the client has heard, of items still playing.

        What is not in it has been played as far as it was made: so it is on a WebSocket, where
        the client has everything at once and says by `conversation.item.truncate` what it cut.
        """

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up with what it is sent."""

    async def room(self) -> None:
        """Wait until it does."""

    async def deliver(self) -> None:
        """Bring what is sent to the client, until `finish` and the last of it.

        Raises:
            PeerGone: The connection is lost.
            PeerStalled: The client takes nothing any more.
        """

    def finish(self) -> None:
        """Take nothing more: `deliver` returns when all is with the client."""

    async def send_at_once(self, event: ServerEvent) -> None:
        """Send a last event past all that waits.

        Raises:
            PeerGone: The connection is lost.
        """

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close the connection; nothing happens if it is closed already.

        Args:
            reason: Why; every kind of connection has its own code for it.
            message: For people.
        """
