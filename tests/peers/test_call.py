"""A call as one peer: its client, and those that listen in at their own speed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from flow.outbox import HIGH_WATER_BYTES
from peers.base import PeerStalled
from peers.call import AHEAD, CallPeer
from peers.in_process import InProcessPeer
from session.effects import OutputAudio
from session.ports import CloseReason
from session.reports import PlaybackReport
from wire.client_events import ClearAudio, CommitAudio, SessionEvent
from wire.envelope import ServerEvent, error_event
from wire.errors import ProtocolError
from wire.session_events import BufferCleared

CLEARED = BufferCleared()
PATIENCE_S = 20


class Sideband(InProcessPeer):
    """A client that listens in, and reads as much as its test says."""

    def __init__(self) -> None:
        super().__init__()
        self.queued_bytes = 0
        self.full = False
        self.stalled = asyncio.Event()

    @property
    def has_room(self) -> bool:
        return not self.full

    async def deliver(self, report: Callable[[PlaybackReport], None]) -> None:
        stalls = asyncio.create_task(self.stalled.wait())
        delivers = asyncio.create_task(super().deliver(report))
        await asyncio.wait([stalls, delivers], return_when=asyncio.FIRST_COMPLETED)
        for task in (stalls, delivers):
            task.cancel()
        if self.stalled.is_set():
            raise PeerStalled


def clear(event_id: str) -> SessionEvent:
    return ClearAudio(type="input_audio_buffer.clear", event_id=event_id)


@asynccontextmanager
async def listening_in(call: CallPeer, *sidebands: Sideband) -> AsyncIterator[None]:
    """Attend to sidebands within the block; they are gone at its end."""
    async with asyncio.TaskGroup() as group:
        for sideband in sidebands:
            group.create_task(call.attend(sideband))
        await asyncio.sleep(0)
        yield
        await call.close(CloseReason.CLIENT_DONE)
    assert call.sidebands == 0


async def got(peer: InProcessPeer) -> ServerEvent | OutputAudio:
    async with asyncio.timeout(PATIENCE_S):
        return await peer.get()


async def test_who_sent_what_came_last_gets_the_reply_alone() -> None:
    client, one, other = InProcessPeer(), Sideband(), Sideband()
    call = CallPeer(client)
    answer = error_event(ProtocolError(None, "No."))
    async with listening_in(call, one, other):
        incoming = call.incoming()
        for sender in (one, client, other):
            sender.put(clear("mine"))
            await anext(incoming)
            call.reply(answer)
            call.send(CLEARED)
            assert await got(sender) == answer
            for peer in (client, one, other):
                assert await got(peer) == CLEARED
        await incoming.aclose()


async def test_audio_goes_to_the_client_alone() -> None:
    client, sideband = InProcessPeer(), Sideband()
    call = CallPeer(client)
    audio = OutputAudio("resp_1", "item_1", 0, 0, b"\0\0")
    async with listening_in(call, sideband):
        call.play(audio)
        call.send(CLEARED)
        assert await got(client) == audio
        assert await got(sideband) == CLEARED


async def test_a_sideband_that_reads_too_slowly_is_dropped_and_nobody_else() -> None:
    client, slow, quick = InProcessPeer(), Sideband(), Sideband()
    call = CallPeer(client)
    async with listening_in(call, slow, quick):
        # One long item that it asked for may wait, and as much again of what happens meanwhile.
        slow.full, slow.queued_bytes = True, 10 * HIGH_WATER_BYTES
        call.send(CLEARED)
        slow.queued_bytes += HIGH_WATER_BYTES
        call.send(CLEARED)
        assert slow.closed is None
        slow.queued_bytes += 1
        call.send(CLEARED)
        async with asyncio.timeout(PATIENCE_S):
            while slow.closed is None:
                await asyncio.sleep(0)
        assert slow.closed[0] is CloseReason.SLOW_READER
        assert call.sidebands == 1
        for _ in range(3):
            assert await got(quick) == CLEARED
        assert call.has_room


async def test_a_sideband_that_reads_nothing_at_all_is_dropped_too() -> None:
    sideband = Sideband()
    call = CallPeer(InProcessPeer())
    async with listening_in(call, sideband):
        sideband.stalled.set()
        async with asyncio.timeout(PATIENCE_S):
            while sideband.closed is None:
                await asyncio.sleep(0)
        assert sideband.closed[0] is CloseReason.SLOW_READER
        assert call.sidebands == 0


async def test_a_sideband_s_leaving_ends_nothing() -> None:
    client, sideband = InProcessPeer(), Sideband()
    call = CallPeer(client)
    attending = asyncio.create_task(call.attend(sideband))
    await asyncio.sleep(0)
    sideband.leave()
    async with asyncio.timeout(PATIENCE_S):
        await attending
    incoming = call.incoming()
    client.put(clear("still here"))
    assert await anext(incoming) == clear("still here")
    await incoming.aclose()
    await call.close(CloseReason.CLIENT_DONE)


async def test_all_that_was_sent_before_the_end_reaches_a_sideband() -> None:
    client, sideband = InProcessPeer(), Sideband()
    call = CallPeer(client)
    async with listening_in(call, sideband):
        call.send(CLEARED)
        call.finish()
        await call.close(CloseReason.EXPIRED, "over")
        assert await got(sideband) == CLEARED
    assert sideband.closed == (CloseReason.EXPIRED, "over")
    assert client.closed == (CloseReason.EXPIRED, "over")


async def test_a_client_that_stops_reading_is_no_fault_of_its_sidebands() -> None:
    client, sideband = InProcessPeer(), Sideband()
    call = CallPeer(client)
    async with listening_in(call, sideband):
        await call.close(CloseReason.SLOW_READER, "slow")
    assert client.closed == (CloseReason.SLOW_READER, "slow")
    assert sideband.closed == (CloseReason.CLIENT_DONE, "")


async def test_the_call_is_over_when_its_client_leaves_or_somebody_hangs_up() -> None:
    for end in ("leave", "hang up"):
        client = InProcessPeer()
        call = CallPeer(client)
        client.put(clear("last words"))
        incoming = call.incoming()
        assert await anext(incoming) == clear("last words")
        if end == "leave":
            client.leave()
        else:
            call.hang_up()
        async with asyncio.timeout(PATIENCE_S):
            assert [came async for came in incoming] == []
        assert call.left == (None if end == "leave" else "it was hung up")
        await call.close(CloseReason.CLIENT_DONE)


async def test_a_sideband_that_sends_much_waits_and_the_client_is_heard() -> None:
    client, loud = InProcessPeer(), Sideband()
    call = CallPeer(client)
    async with listening_in(call, loud):
        for _ in range(10 * AHEAD):
            loud.put(clear("again"))
        client.put(CommitAudio(type="input_audio_buffer.commit"))
        came = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in call.incoming():
                came.append(event)
                if isinstance(event, CommitAudio):
                    break
        assert len(came) <= 2 * AHEAD + 1
        loud.leave()


async def test_who_joins_a_call_that_is_over_is_closed_at_once() -> None:
    call, sideband = CallPeer(InProcessPeer()), Sideband()
    await call.close(CloseReason.SERVER_STOPS, "It stops.")
    async with asyncio.timeout(PATIENCE_S):
        await call.attend(sideband)
        await call.alone()
    assert sideband.closed == (CloseReason.SERVER_STOPS, "It stops.")
