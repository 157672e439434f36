"""Calls that another process has: other workers of one server, and other replicas."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from config import load_settings
from main import create_app
from pipeline_manager import PipelineManager
from tests.support.calls_server import CallsServer, Sideband
from tests.support.fake_calls import FakeClient, fake_calls
from tests.support.keys import KEY
from tests.support.ports import free_port
from tests.support.rtc_caller import Caller, calling
from tests.support.running_server import (
    SCRIPTED,
    RunningServer,
    plain_http,
    running,
    serving,
)
from tests.support.server_process import START_S, Process, server_process
from tests.support.wire_client import client, refusal

SECRET = "a secret that the replicas share"


# --- workers ------------------------------------------------------------------------------------


def doors(folder: Path) -> list[Path]:
    """The Unix sockets of the workers' folders in a folder."""
    return sorted(folder.glob("realtime-calls-*/*"))


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("realtime-calls-*"))


@asynccontextmanager
async def workers(folder: Path, count: int, **environment: str) -> AsyncIterator[Process]:
    """A server with workers, whose temporary files are in a folder."""
    workers = {"REALTIME_SERVER__WORKERS": str(count), "TMPDIR": str(folder)}
    async with server_process(**workers, **environment) as server:
        yield server
        server.process.terminate()
        assert await server.ended() == 0


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, as the system's own is."""
    return tmp_path_factory.mktemp("w")


async def test_any_worker_serves_the_sidebands_and_the_end_of_any_call(folder: Path) -> None:
    async with workers(folder, 3) as server, plain_http(timeout=30) as http:
        asked = 0
        owners: set[str] = set()
        while asked < 50 or len(owners) < 2:
            async with calling(server.http) as caller:
                owners.add(caller.call_id[4:6])
                for _ in range(8):
                    url = f"{server.url}?call_id={caller.call_id}"
                    async with connect(url, proxy=None) as socket:
                        sideband = Sideband(socket)
                        await sideband.send("nonsense", event_id="mine")
                        (error,) = await sideband.until("error")
                        assert error["error"]["event_id"] == "mine"
                        await sideband.send("input_audio_buffer.clear")
                        await sideband.until("input_audio_buffer.cleared")
                        await caller.until("input_audio_buffer.cleared")
                    asked += 1
                async with connect(url, proxy=None) as socket:
                    place = server.http + caller.location
                    assert (await http.post(f"{place}/hangup")).status_code == 200
                    for again in (http.post(f"{place}/hangup"), http.delete(place)):
                        assert (await again).status_code == 404
                    assert await Sideband(socket).closed() == (1000, "")
                await caller.ended()
        assert "error" not in {event["type"] for event in caller.events}
        assert (await http.get(f"{server.http}/health")).json()["active_sessions"] == 0
        assert "an unknown client" not in server.logged()


@pytest.mark.long
async def test_sidebands_by_other_workers_end_with_the_server(folder: Path) -> None:
    async with workers(folder, 2) as server, calling(server.http) as caller:
        url = f"{server.url}?call_id={caller.call_id}"
        sockets = [await connect(url, proxy=None) for _ in range(6)]
        caller.send("input_audio_buffer.clear")
        for socket in sockets:
            await Sideband(socket).until("input_audio_buffer.cleared")
        server.process.terminate()
        for socket in sockets:
            assert await Sideband(socket).closed() == (1001, "The server is shutting down.")
        await caller.ended()


@pytest.mark.long
async def test_any_worker_serves_the_calls_of_all_while_the_server_drains() -> None:
    environment = {"REALTIME_SERVER__WORKERS": "2", "REALTIME_SERVER__DRAIN_S": "600"}
    async with server_process(**environment) as server, AsyncExitStack() as stack:
        callers: list[Caller] = []
        # Both have one, so neither ends before the other.
        while len({caller.call_id[4:6] for caller in callers}) < 2:
            callers.append(await stack.enter_async_context(calling(server.http)))
        server.process.terminate()
        async with plain_http(timeout=30) as http:
            async with asyncio.timeout(30):
                # Any of them may be asked: both have heard it when none is left that has not.
                refused = 0
                while refused < 20:
                    said = await http.get(f"{server.http}/readyz", headers={"Connection": "close"})
                    refused = refused + 1 if said.status_code == 503 else 0
            for caller in callers:
                url = f"{server.url}?call_id={caller.call_id}"
                for _ in range(6):
                    async with connect(url, proxy=None) as socket:
                        await Sideband(socket).send("input_audio_buffer.clear")
                        await Sideband(socket).until("input_audio_buffer.cleared")
                caller.send("response.create")
                done = await caller.until("response.done")
                assert done["response"]["status"] == "completed"
            for caller in callers[1:]:
                ended = await http.post(f"{server.http}{caller.location}/hangup")
                assert ended.status_code == 200
                await caller.ended()
            await callers[0].connection.close()
        assert await server.ended() == 0
        assert "Traceback" not in server.logged()


@pytest.mark.long
async def test_no_other_user_reaches_the_workers_doors_and_none_are_left(folder: Path) -> None:
    async with workers(folder, 2):
        found = doors(folder)
        assert [door.name for door in found] == ["0", "1"]
        for door in found:
            assert stat.S_ISSOCK(door.stat().st_mode)
            assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
    assert doors(folder) == []
    assert leftovers(folder) == []


@pytest.mark.long
async def test_a_worker_that_replaces_another_has_its_door(folder: Path) -> None:
    async with workers(folder, 2) as server, calling(server.http) as caller:
        call_id = caller.call_id
        (owner,) = [door for door in doors(folder) if int(door.name) == int(call_id[4:6], 16)]
        old = owner.stat().st_mtime_ns
        os.kill(_listening_at(owner), 9)
        async with asyncio.timeout(START_S):
            while not owner.exists() or owner.stat().st_mtime_ns == old:
                await asyncio.sleep(0.05)
        with pytest.raises(InvalidStatus):
            await connect(f"{server.url}?call_id={call_id}", proxy=None)


def _listening_at(door: Path) -> int:
    """The process that listens at a Unix socket."""
    listed = Path("/proc/net/unix").read_text().splitlines()
    inode = next(line.split()[6] for line in listed if line.endswith(str(door)))
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError("nobody listens there")


@pytest.mark.long
async def test_a_folder_with_too_long_a_path_is_told_with_the_remedy(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    environment = {"REALTIME_SERVER__WORKERS": "2", "TMPDIR": str(long)}
    with pytest.raises(AssertionError, match="ended before"):
        async with server_process(**environment):
            pass


# --- replicas -----------------------------------------------------------------------------------


@asynccontextmanager
async def replica(
    port: int, clients: list[FakeClient], **server: Any
) -> AsyncIterator[CallsServer]:
    """A replica, whose name is its port."""
    url = "http://127.0.0.1:{replica}"
    own = {"replica": str(port), "replica_url": url, "secret": SECRET, **server}
    settings = load_settings(**{**SCRIPTED, "server": own})
    manager = PipelineManager(settings)
    app = create_app(settings, manager)
    async with serving(app, port, settings), plain_http(timeout=30) as http:
        await app.state.lifecycle.started()
        yield CallsServer(RunningServer(port, manager, app.state.sessions), clients, http)


@asynccontextmanager
async def replicas(**server: Any) -> AsyncIterator[tuple[CallsServer, CallsServer]]:
    with fake_calls() as clients:
        async with (
            replica(free_port(), clients, **server) as one,
            replica(free_port(), clients, **server) as other,
        ):
            yield one, other


@pytest.mark.long
async def test_any_replica_serves_the_sidebands_and_the_end_of_a_call_of_another() -> None:
    async with replicas() as (one, other):
        place = await one.call()
        assert place.rpartition("/")[2].startswith(f"rtc_{one.running.port}")
        async with other.sideband(place) as sideband:
            await sideband.send("input_audio_buffer.clear")
            await sideband.until("input_audio_buffer.cleared")
            assert (await one.clients[0].event())["type"] == "input_audio_buffer.cleared"
            assert (await other.hang_up(place)).status_code == 200
            assert await sideband.closed() == (1000, "")
        assert (await other.hang_up(place, method="DELETE")).status_code == 404
        with pytest.raises(InvalidStatus) as caught:
            async with other.sideband(place):
                pass
        assert caught.value.response.status_code == 404
        assert b"call_id_not_found" in (caught.value.response.body or b"")


@pytest.mark.long
async def test_a_replica_checks_keys_before_it_asks_another_and_that_one_again() -> None:
    async with replicas(api_keys=[KEY]) as (one, other):
        bearer: dict[str, Any] = {"headers": {"Authorization": f"Bearer {KEY}"}}
        place = await one.call(**bearer)
        assert (await other.hang_up(place)).status_code == 401
        url = f"ws://127.0.0.1:{other.running.port}/v1/realtime?call_id={place.rpartition('/')[2]}"
        assert (await refusal(url, proxy=None)).code == 3000
        secret = await other.secret(**bearer)
        of_secret = {"Authorization": f"Bearer {secret}"}
        assert (await other.hang_up(place, headers=of_secret)).status_code == 401
        refused = await refusal(url, proxy=None, additional_headers=of_secret)
        assert (refused.error["code"], refused.code) == ("invalid_api_key", 3000)
        assert (await other.hang_up(place, **bearer)).status_code == 200


@pytest.mark.long
async def test_a_sideband_by_a_replica_that_stops_is_closed_and_the_call_goes_on() -> None:
    async with replicas() as (one, other):
        place = await one.call()
        async with other.sideband(place) as sideband:
            await sideband.send("input_audio_buffer.clear")
            await sideband.until("input_audio_buffer.cleared")
            await other.running.sessions.drain()
            assert await sideband.closed() == (1001, "The server is shutting down.")
        assert await one.running.active_sessions() == 1


@pytest.mark.long
async def test_a_replica_that_is_not_there_is_named() -> None:
    warnings: list[Any] = []
    sink = logger.add(lambda line: warnings.append(line.record), level="WARNING")
    with fake_calls() as clients:
        async with replica(free_port(), clients) as gone:
            place = await gone.call()
        async with replica(free_port(), clients) as server:
            answer = await server.hang_up(place)
            assert answer.status_code == 502
            error = answer.json()["error"]
            assert error["code"] == "replica_unreachable"
            assert str(gone.running.port) in error["message"]
            with pytest.raises(InvalidStatus) as caught:
                async with server.sideband(place):
                    pass
            assert caught.value.response.status_code == 502
    logger.remove(sink)
    told = [said["extra"] for said in warnings if said["extra"].get("event")]
    assert [said["event"] for said in told] == ["replica.unreachable"] * 2
    assert all(str(gone.running.port) in said["replica"] for said in told)


@pytest.mark.long
async def test_nobody_chooses_whom_a_replica_connects_to() -> None:
    asked = 0

    def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    trap = await asyncio.start_server(count, "127.0.0.1", 0)
    port = trap.sockets[0].getsockname()[1]
    async with trap:
        with fake_calls() as clients:
            async with replica(free_port(), clients) as server:
                for call_id in (f"rtc_{port}00aaaaaaaaaa", f"rtc_{port}", f"rtc_127.0.0.1:{port}"):
                    place = f"/v1/realtime/calls/{call_id}"
                    assert (await server.hang_up(place)).status_code == 404
    assert asked == 0


@pytest.mark.long
async def test_a_request_is_passed_on_once() -> None:
    """Where the URL leads to a replica that has not the call either, it ends there."""
    with fake_calls() as clients:
        async with replica(free_port(), clients) as gone:
            place = await gone.call()
        astray: dict[str, Any] = {"headers": {"x-realtime-passed-on": "1"}}
        async with replica(free_port(), clients) as server:
            assert (await server.hang_up(place, **astray)).status_code == 404


@pytest.mark.long
async def test_a_call_of_a_replica_is_no_concern_of_a_server_that_is_none() -> None:
    with fake_calls() as clients:
        async with replica(free_port(), clients) as one:
            place = await one.call()
            alone = load_settings(**SCRIPTED, server={"secret": SECRET})
            async with running(alone) as server, plain_http() as http:
                answer = await http.delete(f"{server.http}{place}")
                assert answer.status_code == 404
                async with client(server.url) as wire:
                    assert wire.types() == ["session.created"]
