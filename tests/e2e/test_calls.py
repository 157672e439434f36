"""Calls over WebRTC by aiortc: where they are heard, and that nothing is left of any of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")

from aiortc import RTCConfiguration, RTCPeerConnection
from websockets.asyncio.client import connect

from benchmarks.local_server import scripted_server
from peers.webrtc import link
from tests.support.leftovers import Leftovers
from tests.support.rtc_caller import Caller, calling, offer_of
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.server_process import server_process
from tests.support.wire_client import speech

CALLS = 8
LOOPBACK = "0100007F"
"""127.0.0.1, as /proc/net writes it."""


def settings(**server: object):
    return scripted_settings(server=server, webrtc={"udp_port": 0})


async def posted(server: RunningServer, path: str = "/v1/realtime/calls") -> str:
    """Ask for a call that nobody will connect; returns its place."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("oai-events")
    peer.addTransceiver("audio")
    offer = await offer_of(peer)
    await peer.close()
    async with plain_http(timeout=45) as http:
        answer = await http.post(
            server.http + path, content=offer, headers={"Content-Type": "application/sdp"}
        )
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def vanish(caller: Caller) -> None:
    """Stop in the middle and say nothing, as a browser that is killed."""
    assert caller.connection.sctp is not None
    for protocol in caller.connection.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()


def udp_sockets(process: int | str = "self") -> set[tuple[str, int]]:
    """Return address and port of the UDP sockets of a process."""
    own = {
        os.readlink(entry) for entry in Path(f"/proc/{process}/fd").glob("*") if entry.is_symlink()
    }
    found = set()
    for table in ("udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            row = line.split()
            if f"socket:[{row[9]}]" in own:
                address, port = row[1].split(":")
                found.add((address, int(port, 16)))
    return found


def candidates(sdp: str) -> set[tuple[str, int]]:
    """Return the addresses that a description names."""
    rows = [line.split() for line in sdp.splitlines() if line.startswith("a=candidate:")]
    return {(row[4], int(row[5])) for row in rows}


@pytest.mark.skipif(not Path("/proc/net/udp").exists(), reason="the system has no /proc/net")
async def test_all_calls_share_one_udp_port_which_only_this_machine_reaches() -> None:
    before = udp_sockets()
    async with running(settings()) as server, AsyncExitStack() as calls:
        bound = udp_sockets() - before
        assert {address for address, _ in bound} == {LOOPBACK}
        assert len(bound) == 1
        callers: set[tuple[str, int]] = set()
        for _ in range(3):
            caller = await calls.enter_async_context(calling(server.http))
            named = candidates(caller.connection.remoteDescription.sdp)
            assert named == {("127.0.0.1", port) for _, port in bound}
            # The callers are in this process, too.
            theirs = {port for _, port in candidates(caller.connection.localDescription.sdp)}
            bound_now = {port for _, port in udp_sockets() - before - callers}
            assert bound_now <= theirs | {port for _, port in bound}
            callers = udp_sockets() - before - bound
        assert {address for address, _ in udp_sockets() - before} == {LOOPBACK}


async def test_calls_that_never_connect_are_gone_in_time(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setattr(link, "CONNECT_S", 0.3)
    async with running(settings()) as server:
        await posted(server)
        await server.emptied()
        before = Leftovers(server)
        for _ in range(CALLS):
            await posted(server)
        assert await server.active_sessions() <= CALLS
        await before.none()
    told = [line for line in lines if "webrtc." in line or "UDP" in line]
    assert len(told) >= CALLS, "the log does not say what to look at"


def closed_channel(caller: Caller) -> None:
    caller.channel.close()


@pytest.mark.parametrize("leave", [vanish, closed_channel], ids=lambda leave: leave.__name__)
async def test_a_client_that_goes_leaves_nothing_however_it_goes(
    leave: Callable[[Caller], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings()) as server:
        async with calling(server.http) as caller:
            caller.send("session.update", session={"type": "realtime"})
            await caller.until("session.updated")
        await server.emptied()
        before = Leftovers(server)
        # Twelve seconds are promised; that it is no longer is in the constants.
        assert link.DEAD_S + 2 <= 12
        monkeypatch.setattr(link, "DEAD_S", 0.5)
        for _ in range(CALLS):
            async with calling(server.http) as caller:
                caller.microphone.say(speech())
                caller.send("response.create")
                await caller.until("output_audio_buffer.started")
                leave(caller)
                await server.emptied()
        await before.none()


async def test_calls_that_are_dropped_at_once_leave_nothing() -> None:
    async with running(settings()) as server:
        async with calling(server.http):
            pass
        await server.emptied()
        before = Leftovers(server)
        async with plain_http(timeout=45) as http:
            for _ in range(4 * CALLS):
                place = await posted(server)
                assert (await http.delete(server.http + place)).status_code == 200
                assert (await http.delete(server.http + place)).status_code == 404
        for _ in range(CALLS):
            async with calling(server.http):
                pass
        await server.emptied()
        await before.none()


async def test_the_time_limit_closes_a_call_and_who_listens_in() -> None:
    # Long enough to connect on a busy machine.
    async with running(settings(session_limit_minutes=5 / 60)) as server:
        async with calling(server.http) as caller:
            url = f"{server.url.partition('?')[0]}?call_id={caller.call_id}"
            async with connect(url, proxy=None) as sideband:
                await caller.until("error")
                assert caller.events[-1]["error"]["code"] == "session_expired"
                await caller.ended()
                async with asyncio.timeout(45):
                    await sideband.wait_closed()
                assert sideband.close_code in (1000, 1001)
        await server.emptied()


async def test_a_server_that_is_told_to_stop_closes_calls_and_who_listens_in() -> None:
    async with server_process() as server, calling(server.http) as caller:
        async with connect(f"{server.url}?call_id={caller.call_id}", proxy=None) as sideband:
            server.process.send_signal(signal.SIGTERM)
            await caller.ended()
            async with asyncio.timeout(45):
                await sideband.wait_closed()
            assert sideband.close_code in (1000, 1001)
        assert await server.ended() == 0
        assert "Traceback" not in server.logged()


def test_the_udp_port_has_the_number_of_the_tcp_port() -> None:
    with scripted_server() as server:
        port = int(server.http.rpartition(":")[2])
        assert udp_sockets(server.pid) == {(LOOPBACK, port)}
