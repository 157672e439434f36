"""Connections that are lost, and sessions that expire, behind the event that a script names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from peers.faulty import FaultyPeer
from peers.in_process import InProcessPeer
from session.effects import OutputAudio
from testing.journal import SessionJournal
from tests.support.double import Double, double
from tests.support.wire_client import WireClient, client
from wire.dialect import GADialect
from wire.session_events import BufferCleared

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Double]:
    async with double() as server:
        yield server


async def closed(wire: WireClient) -> ConnectionClosed:
    """Receive all that still comes, and return how the connection has ended."""
    with pytest.raises(ConnectionClosed) as ended:
        while True:
            await wire.receive()
    return ended.value


async def test_a_connection_is_lost_behind_an_event_without_a_close_frame(server: Double):
    await server.script({"drops": 4})
    async with client(server.url) as wire:
        await wire.say("hello")
        ended = await closed(wire)
        assert isinstance(ended, ConnectionClosedError) and ended.rcvd is None
        assert wire.types() == [
            "session.created",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
    seen = (await server.sessions())[-1]
    assert seen["ended"] == "the connection was lost"
    # What was not sent is not in the journal either.
    assert len(await server.events(**{"session": seen["id"], "from": "server"})) == 4


async def test_audio_counts_among_the_events_and_the_next_session_is_whole(server: Double):
    await server.script({"drops": "response.output_audio.delta"})
    async with client(server.url) as wire:
        await wire.say("hello")
        await closed(wire)
        assert wire.types()[-1] == "response.output_audio.delta"
        assert len(wire.of("response.output_audio.delta")) == 1
    async with client(server.url) as wire:
        await wire.say("hello")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_what_a_client_is_answered_alone_counts_too(server: Double):
    await server.script({"drops": "error"})
    async with client(server.url) as wire:
        await wire.send("no.such.event")
        await closed(wire)
        assert wire.types() == ["session.created", "error"]


async def test_on_a_call_audio_is_no_event(server: Double):
    told: list[str] = []

    def faults(type_: str) -> None:
        told.append(type_)

    journal = SessionJournal("sess_1", "m", lambda _told: None)
    for plays in (True, False):
        peer = FaultyPeer(InProcessPeer(), journal, GADialect(), faults, told.clear, plays=plays)
        peer.play(OutputAudio("resp_1", "item_1", 0, 0, b"\0\0"))
        peer.send(BufferCleared())
    cleared = "input_audio_buffer.cleared"
    assert told == [cleared, "response.output_audio.delta", cleared]


async def test_a_session_expires_as_if_its_time_were_up(server: Double):
    await server.script({"expires": "session.updated"}, {"answers": "too late"})
    async with client(server.url) as wire:
        await wire.send("session.update", session={"type": "realtime"})
        await wire.send("response.create")
        ended = await closed(wire)
    assert wire.events[-1]["error"]["code"] == "session_expired"
    assert ended.rcvd is not None and ended.rcvd.code == 1001
    # What the client did not get any more has not passed.
    session = (await server.sessions())[-1]
    passed = await server.events(**{"from": "server", "session": session["id"]})
    assert [event["type"] for event in passed] == [event["type"] for event in wire.events]
    assert session["conversation"] == ""
