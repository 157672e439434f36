"""A call: one client with a microphone, and any number of others that listen in (§D.4).

A session sees one peer. Behind it are the call's own client and its sidebands, which come and go.
All get its events, each in its dialect and by a queue of its own, so that a slow one delays nobody.
Only the client itself has audio; only whoever made an error hears of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from flow.outbox import HIGH_WATER_BYTES
from peers.base import CanWait, Incoming, Peer, PeerGone, PeerStalled, nothing_waits
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackReport
from wire.envelope import ServerEvent

CLOSING_S = 5.0
"""Seconds that a sideband has, after the call, to receive what is still queued for it."""
AHEAD = 32
"""Events of one client that may wait for the session before it is slowed."""


class CallClient(Peer, Protocol):
    """A call's own client."""

    def pass_in(self, came: Incoming) -> None:
        """Let `incoming` yield what another client of the call sent, behind what waits there."""

    def leave(self) -> None:
        """End `incoming`, behind what waits there, as if the client had left."""


class SidebandPeer(Peer, Protocol):
    """A client that listens in, whose queue can be measured."""

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to it."""


class _Ending(NamedTuple):
    """How a connection is to be closed."""

    reason: CloseReason
    message: str


@dataclass(eq=False, slots=True)
class _Sideband:
    peer: SidebandPeer
    task: asyncio.Task[Any]
    """The task that attends to it."""
    ending: asyncio.Future[_Ending] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """Set when it is to be closed."""
    full_at: int | None = None
    """Bytes that were queued when it was first found slow; None: it keeps up."""

    def send(self, event: ServerEvent) -> None:
        """Queue an event, unless too much is queued already: then it is dropped."""
        if self.ending.done():
            return
        if self.peer.has_room:
            self.full_at = None
        elif self.full_at is None:
            # What is queued now may be one long item, which it has asked for.
            self.full_at = self.peer.queued_bytes
        elif self.peer.queued_bytes > self.full_at + HIGH_WATER_BYTES:
            self.end(_Ending(CloseReason.SLOW_READER, "The client does not read what it is sent."))
            return
        self.peer.send(event)

    def end(self, ending: _Ending) -> None:
        """Let it be closed."""
        if not self.ending.done():
            self.ending.set_result(ending)


class _Letter(NamedTuple):
    """What a sideband sent."""

    sender: Peer
    came: Incoming
    room: asyncio.Semaphore


class CallPeer:
    """A call's client and its sidebands as one peer (`peers.base.Peer`)."""

    def __init__(self, client: CallClient) -> None:
        """Begin without sidebands.

        Args:
            client: The call's own client.
        """
        self._client = client
        self._sidebands: set[_Sideband] = set()
        self._letters: deque[_Letter] = deque()
        """What sidebands sent and the client's `incoming` has not yielded."""
        self._sender: Peer = client
        """Who sent what `incoming` yielded last."""
        self._left: str | None = None
        self._ending: _Ending | None = None
        """How sidebands are closed; None: the call goes on."""

    @property
    def left(self) -> str | None:
        """Why the call ended, for the log; None: it goes on, or its client ended it."""
        return self._left or self._client.left

    @property
    def sidebands(self) -> int:
        """Number of clients that listen in."""
        return len(self._sidebands)

    def hang_up(self) -> None:
        """End the call, as if its client had."""
        self._left = self._left or "it was hung up"
        self._client.leave()

    async def attend(self, sideband: SidebandPeer) -> str:
        """Let a client listen in until it leaves, or until the call is over.

        Args:
            sideband: The client, whose connection is accepted.

        Returns:
            Why it listens no more, for the log.
        """
        task = asyncio.current_task()
        assert task is not None
        joined = _Sideband(sideband, task)
        if self._ending is not None:
            joined.end(self._ending)
        self._sidebands.add(joined)
        delivering = asyncio.create_task(sideband.deliver(_plays_nothing))
        reading = asyncio.create_task(self._read(sideband))
        try:
            ending = await _ending_of(joined, delivering, reading)
            if ending is not None:
                if ending.reason is not CloseReason.SLOW_READER:
                    sideband.finish()
                    await asyncio.wait([delivering], timeout=CLOSING_S)
                await sideband.close(*ending)
                return ending.message or ending.reason.value
            return sideband.left or "it left"
        finally:
            self._sidebands.discard(joined)
            for part in (delivering, reading):
                part.cancel()
            await asyncio.wait([delivering, reading])

    async def alone(self) -> None:
        """Wait, after `close`, until the sidebands are gone too."""
        tasks = [sideband.task for sideband in self._sidebands]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * CLOSING_S)

    async def _read(self, sideband: SidebandPeer) -> None:
        """Take what a sideband sends, until it leaves; it waits for itself alone."""
        room = asyncio.Semaphore(AHEAD)
        async for came in sideband.incoming():
            await room.acquire()
            self._letters.append(_Letter(sideband, came, room))
            self._client.pass_in(came)

    # --- as a session's peer ------------------------------------------------------------------

    async def incoming(self, can_wait: CanWait = nothing_waits) -> AsyncGenerator[Incoming, None]:
        """Yield what the client and the sidebands send, until the client leaves.

        Fifty times a second that is the client's audio, which takes no way round by a task.
        """
        async for came in self._client.incoming(can_wait):
            self._sender = self._client
            if self._letters and came is self._letters[0].came:
                letter = self._letters.popleft()
                letter.room.release()
                self._sender = letter.sender
            yield came

    async def pace(self, audio_s: float) -> None:
        """Slow the client if it sends too fast."""
        await self._client.pace(audio_s)

    def send(self, event: ServerEvent) -> None:
        """Send an event to all."""
        self._client.send(event)
        for sideband in self._sidebands:
            sideband.send(event)

    def reply(self, event: ServerEvent) -> None:
        """Send an event to whoever sent what `incoming` yielded last."""
        if self._sender is self._client:
            self._client.reply(event)
        else:
            self._sender.send(event)

    def play(self, audio: OutputAudio) -> None:
        """Play audio to the client; sidebands get none."""
        self._client.play(audio)

    def silence(self) -> None:
        """Stop playback."""
        self._client.silence()

    def duck(self, *, on: bool) -> None:
        """Lower what is played, or restore it."""
        self._client.duck(on=on)

    def played(self) -> Mapping[str, float]:
        """Return item id → milliseconds played."""
        return self._client.played()

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up."""
        return self._client.has_room

    async def room(self) -> None:
        """Wait until the client keeps up."""
        await self._client.room()

    async def deliver(self, report: Callable[[PlaybackReport], None]) -> None:
        """Deliver what is queued to the client; sidebands have tasks of their own."""
        await self._client.deliver(report)

    def finish(self) -> None:
        """Accept no more output."""
        self._client.finish()
        for sideband in self._sidebands:
            sideband.peer.finish()

    async def send_at_once(self, event: ServerEvent) -> None:
        """Send a last event to all."""
        for sideband in self._sidebands:
            sideband.peer.send(event)
        await self._client.send_at_once(event)

    async def close(self, reason: CloseReason, message: str = "") -> None:
        """Close all connections, unless that has been done."""
        if self._ending is not None:
            return
        stalled = reason is CloseReason.SLOW_READER
        self._ending = _Ending(CloseReason.CLIENT_DONE, "") if stalled else _Ending(reason, message)
        for sideband in self._sidebands:
            sideband.end(self._ending)
        await self._client.close(reason, message)


async def _ending_of(
    sideband: _Sideband, delivering: asyncio.Task[None], reading: asyncio.Task[None]
) -> _Ending | None:
    """Wait until a sideband is to be closed; None: it left by itself."""
    first: list[asyncio.Future[Any]] = [sideband.ending, delivering, reading]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if delivering.done():
        with suppress(PeerGone):
            try:
                delivering.result()
            except PeerStalled:
                return _Ending(CloseReason.SLOW_READER, "The client does not read what it is sent.")
            # All is delivered, as the call is about to end.
            then: list[asyncio.Future[Any]] = [sideband.ending, reading]
            await asyncio.wait(then, return_when=asyncio.FIRST_COMPLETED)
    if sideband.ending.done():
        return sideband.ending.result()
    if reading.done():
        reading.result()
    return None


def _plays_nothing(_report: PlaybackReport) -> None:
    """Take reports of playback: a sideband plays nothing."""
