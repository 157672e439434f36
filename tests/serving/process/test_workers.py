"""Several processes behind one address: one banner, one secret, one end."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from serving.access.client_secrets import ClientSecrets
from tests.providers.crowded import LET, LOADS, MARK
from tests.providers.hanging import HANGS
from tests.support.places import ROOT
from tests.support.ports import free_port
from tests.support.running_server import plain_http
from tests.support.wire_client import client


def server(*arguments: str, **extra: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("REALTIME_", "OPENAI_"))}
    scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
    return subprocess.Popen(
        [sys.executable, "main.py", "--port", "0", *arguments],
        cwd=ROOT,
        env={**kept, **scripted, **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def banner_of(process: subprocess.Popen[str]) -> str:
    """Read the banner as far as the stack."""
    assert process.stdout is not None
    text = ""
    while "  TTS  " not in text:
        line = process.stdout.readline()
        assert line, "the server ended before it was ready"
        text += line
    return text


def processes(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


def workers(parent: int) -> list[int]:
    """The processes of a server that serve."""
    return [
        number
        for number in processes(parent)
        if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@needs_proc
@pytest.mark.parametrize("to_all", [True, False], ids=["Ctrl-C", "SIGTERM"])
def test_workers_start_together_and_end_together(to_all: bool) -> None:
    """The banner comes when all are ready; Ctrl-C reaches all of them, SIGTERM the first only."""
    process = server("--workers", "2")
    assert process.stdout is not None
    assert "Open Realtime Server" in banner_of(process)
    # The parent, its resource tracker and two workers.
    assert len(processes(process.pid)) >= 3
    if to_all:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    rest, complaints = process.communicate(timeout=30)
    assert process.returncode == 0, complaints
    assert "Open Realtime Server" not in rest
    assert complaints == ""
    deadline = time.monotonic() + 20
    while processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(process.pid) == []


@pytest.mark.long
def test_a_start_that_fails_ends_all_and_is_reported_once() -> None:
    process = server("--workers", "2", REALTIME_TTS__PROVIDER="nobody.knows:Voice")
    output, complaints = process.communicate(timeout=60)
    assert process.returncode != 0
    assert output == ""
    assert complaints.count("error:") == 1
    assert "nobody.knows" in complaints


@pytest.mark.long
def test_a_later_worker_that_cannot_start_ends_all_too(tmp_path: Path) -> None:
    alone = {"REALTIME_LLM__PROVIDER": "tests.providers.crowded:OnlyOne"}
    process = server("--workers", "2", **alone, THE_ONLY_ONE=str(tmp_path / "taken"))
    try:
        output, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert output == ""
    assert complaints.count("another process has the model") == 1


def slow_workers(count: int, port: int, mark: Path) -> subprocess.Popen[str]:
    """Start workers of which the first serves, and the others load until a file lets them."""
    slow = {"REALTIME_LLM__PROVIDER": "tests.providers.crowded:SlowBeside", MARK: str(mark)}
    return server("--workers", str(count), "--port", str(port), **slow)


async def until_one_loads(mark: Path) -> None:
    """Wait until the first worker serves, and a further one loads."""
    async with asyncio.timeout(60):
        while not mark.with_suffix(LOADS).exists():
            await asyncio.sleep(0.01)


async def ended(process: subprocess.Popen[str]) -> None:
    process.terminate()
    await asyncio.to_thread(process.communicate, timeout=30)


@pytest.mark.long
@needs_proc
async def test_a_worker_that_loads_takes_no_connection_away_from_one_that_serves(
    tmp_path: Path,
) -> None:
    mark, port = tmp_path / "taken", free_port()
    process = slow_workers(2, port, mark)
    address = f"ws://127.0.0.1:{port}"
    try:
        await until_one_loads(mark)
        first, second = workers(process.pid)
        async with plain_http(base_url=f"http://127.0.0.1:{port}") as http:
            for _ in range(20):
                # Each by a connection of its own.
                said = await http.get("/readyz", headers={"Connection": "close"})
                assert said.status_code == 200
        for _ in range(20):
            async with client(f"{address}/v1/realtime"):
                pass
        mark.with_suffix(LET).touch()
        await asyncio.to_thread(banner_of, process)
        for worker in (first, second):
            async with alone(worker, [first, second]):
                assert (await health(address))["status"] == "healthy"
    finally:
        await ended(process)
    assert process.returncode == 0


@pytest.mark.long
@needs_proc
async def test_where_the_only_worker_that_serves_has_ended_one_that_loads_says_so(
    tmp_path: Path,
) -> None:
    mark, port = tmp_path / "taken", free_port()
    process = slow_workers(3, port, mark)
    try:
        await until_one_loads(mark)
        async with asyncio.timeout(60):
            serving = min(workers(process.pid))
            os.kill(serving, signal.SIGKILL)
            await gone([serving], process.pid)
            async with plain_http(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                for path, status in (("/livez", 200), ("/readyz", 503), ("/livez", 200)):
                    said = await http.get(path, headers={"Connection": "close"})
                    assert said.status_code == status
        mark.with_suffix(LET).touch()
        await asyncio.to_thread(banner_of, process)
        assert (await health(f"ws://127.0.0.1:{port}"))["status"] == "healthy"
    finally:
        await ended(process)
    assert process.returncode == 0


@pytest.mark.long
@needs_proc
async def test_where_all_workers_have_ended_one_says_that_it_starts() -> None:
    async with two_workers() as (address, process):
        dead = workers(process.pid)
        for worker in dead:
            os.kill(worker, signal.SIGSTOP)
        for worker in dead:
            os.kill(worker, signal.SIGKILL)
        said = set()
        async with asyncio.timeout(60):
            while "healthy" not in said:
                with suppress(httpx.TransportError):
                    said.add((await health(address))["status"])
        assert said <= {"starting", "healthy"}
        async with client(f"{address}/v1/realtime"):
            pass


def mint(answer: Connection) -> None:
    answer.send(ClientSecrets(None).mint({"type": "realtime"}, 2_000_000_000))


@pytest.mark.long
def test_processes_that_were_started_together_accept_each_others_client_secrets() -> None:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=mint, args=(send,))
    process.start()
    key = receive.recv()
    process.join()
    assert ClientSecrets(None).read(key, 0) == {"type": "realtime"}


# --- ending ---

SLOW = '{"text": "One, two, three, four, five, six, seven, eight.", "word_ms": 300}'


@pytest.mark.long
@needs_proc
@pytest.mark.parametrize("to_all", [True, False], ids=["Ctrl-C", "SIGTERM"])
async def test_answers_are_finished_before_the_workers_end(to_all: bool) -> None:
    """A terminal tells every process; that the parent tells its workers too is no second signal."""
    async with two_workers(REALTIME_LLM__OPTIONS=SLOW) as (address, process):
        async with client(f"{address}/v1/realtime") as wire:
            await wire.say("hi")
            await wire.until("response.output_audio_transcript.delta")
            if to_all:
                os.killpg(process.pid, signal.SIGINT)
            else:
                process.terminate()
            done = await wire.until("response.done")
            assert done["response"]["status"] == "completed"
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await wire.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert await asyncio.to_thread(process.wait, 30) == 0


@pytest.mark.long
@needs_proc
async def test_a_second_signal_ends_all_workers_at_once() -> None:
    patient = {"REALTIME_SERVER__SHUTDOWN_GRACE_S": "600"}
    endless = '{"text": "One, two, three, four.", "first_token_ms": 600000}'
    async with AsyncExitStack() as stack:
        address, process = await stack.enter_async_context(
            two_workers(REALTIME_LLM__OPTIONS=endless, **patient)
        )
        wire = await stack.enter_async_context(client(f"{address}/v1/realtime"))
        await wire.say("hi")
        await wire.until("response.created")
        process.terminate()
        async with asyncio.timeout(20):
            # It has heard the first when it says so; the idle one may end before it has answered.
            said = ""
            while said != "draining":
                with suppress(httpx.TransportError):
                    said = (await health(address))["status"]
        process.terminate()
        assert await asyncio.to_thread(process.wait, 30) == 0
        assert workers(process.pid) == []


@pytest.mark.long
@needs_proc
async def test_sessions_of_all_workers_live_on_until_they_end() -> None:
    async with (
        two_workers(REALTIME_SERVER__DRAIN_S="600") as (address, process),
        AsyncExitStack() as stack,
    ):
        serving = workers(process.pid)
        wires = []
        for worker in serving:
            async with alone(worker, serving):
                url = f"{address}/v1/realtime"
                wires.append(await stack.enter_async_context(client(url)))
        process.terminate()
        # Each of them has heard it, as whichever is asked says so.
        for worker in serving:
            async with alone(worker, serving), asyncio.timeout(30):
                while (await health(address))["status"] != "draining":
                    pass
        for wire in wires:
            await wire.say("hi")
            done = await wire.until("response.done")
            assert done["response"]["status"] == "completed"
        # The first one ends, and is not replaced.
        await wires[0].socket.close()
        await gone(serving[:1], process.pid)
        assert workers(process.pid) == serving[1:]
        await wires[1].settled()
        await wires[1].socket.close()
        assert await asyncio.to_thread(process.wait, 30) == 0


@pytest.mark.long
@needs_proc
async def test_workers_whose_parent_is_killed_do_not_keep_the_port_for_their_sessions() -> None:
    patient = {"REALTIME_SERVER__DRAIN_S": "600"}
    async with two_workers(**patient) as (address, process):
        async with client(f"{address}/v1/realtime") as wire:
            serving = workers(process.pid)
            process.kill()
            with pytest.raises(ConnectionClosed) as closed:
                await wire.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        await gone(serving, process.pid)


async def gone(pids: list[int], group: int) -> None:
    async with asyncio.timeout(30):
        while set(pids) & set(processes(group)):
            await asyncio.sleep(0.05)


@pytest.mark.long
@needs_proc
async def test_a_worker_that_cannot_end_in_time_is_killed() -> None:
    async with two_workers(REALTIME_SERVER__SHUTDOWN_GRACE_S="0") as (_address, process):
        stuck = workers(process.pid)[0]
        os.kill(stuck, signal.SIGSTOP)
        process.terminate()
        _rest, complaints = await asyncio.to_thread(process.communicate, timeout=30)
        assert process.returncode == 0
        assert f"workers ({stuck}) did not end: they are ended by force" in complaints
        # What multiprocessing itself has started ends a moment after the parent.
        async with asyncio.timeout(30):
            while processes(process.pid):
                await asyncio.sleep(0.05)


@pytest.mark.long
@needs_proc
async def test_a_third_signal_kills_workers_at_once() -> None:
    async with two_workers(REALTIME_SERVER__SHUTDOWN_GRACE_S="600") as (_address, process):
        stuck = workers(process.pid)[0]
        os.kill(stuck, signal.SIGSTOP)
        async with asyncio.timeout(20):
            # Signals that come too soon after another are one. They go on until it is gone.
            while process.poll() is None:
                process.terminate()
                await asyncio.sleep(0)
        assert process.returncode == 0
        await gone([stuck], process.pid)


@pytest.mark.long
@needs_proc
async def test_a_worker_that_is_told_to_end_is_replaced() -> None:
    async with two_workers() as (address, process):
        told = workers(process.pid)[0]
        os.kill(told, signal.SIGTERM)
        await gone([told], process.pid)
        async with asyncio.timeout(30):
            while len(workers(process.pid)) < 2:
                await asyncio.sleep(0.05)
        assert (await health(address))["status"] == "healthy"
        process.terminate()
        _rest, complaints = await asyncio.to_thread(process.communicate, timeout=30)
        assert process.returncode == 0
        assert complaints.count("a worker ended (exit status 0): replaced") == 1


@pytest.mark.long
@needs_proc
async def test_a_worker_that_is_killed_while_it_starts_ends_the_server() -> None:
    process = server("--workers", "2")
    try:
        async with asyncio.timeout(30):
            while not (starting := workers(process.pid)):
                await asyncio.sleep(0.01)
        os.kill(starting[0], signal.SIGKILL)
        output, complaints = await asyncio.to_thread(process.communicate, timeout=30)
        assert process.returncode not in (0, None)
        assert output == ""
        assert complaints.count("a worker ended while it started (exit status -9)") == 1
    finally:
        process.kill()


# --- counting together ---


@asynccontextmanager
async def two_workers(**extra: str) -> AsyncIterator[tuple[str, subprocess.Popen[str]]]:
    """A server with two workers: its address, and its process."""
    process = server("--workers", "2", **extra)
    try:
        found = re.search(r"ws://localhost:\d+", await asyncio.to_thread(banner_of, process))
        assert found is not None
        yield found[0], process
    finally:
        await ended(process)


async def health(address: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as http:
        said: dict[str, Any] = (await http.get(f"{address.replace('ws:', 'http:')}/health")).json()
    return said


async def counts(address: str) -> dict[str, float]:
    """What `/metrics` says, and what `/health` says of open sessions."""
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{address.replace('ws:', 'http:')}/metrics")).text
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels in ({}, {"stack": "default"})
    }
    return {**samples, "health": (await health(address))["active_sessions"]}


async def until(condition: Callable[[dict[str, float]], Any], address: str) -> None:
    async with asyncio.timeout(30):
        while not condition(await counts(address)):
            pass


def folders(place: Path) -> list[Path]:
    """Those that servers count in."""
    return list(place.glob("realtime-counts-*"))


@asynccontextmanager
async def alone(worker: int, others: list[int]) -> AsyncIterator[None]:
    """Let one worker take all connections."""
    for other in others:
        if other != worker:
            os.kill(other, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


@pytest.mark.long
@needs_proc
async def test_workers_end_with_a_parent_that_is_killed_and_leave_nothing(tmp_path: Path) -> None:
    """One of them ends in peace; the other one's event loop is blocked."""
    blocking = {"REALTIME_LLM__PROVIDER": "tests.providers.hanging:InLoop"}
    now = {"REALTIME_SERVER__SHUTDOWN_GRACE_S": "0"}
    async with (
        two_workers(TMPDIR=str(tmp_path), **blocking, **now) as (address, process),
        client(f"{address}/v1/realtime") as wire,
    ):
        assert folders(tmp_path)
        await wire.say("hi")
        assert process.stderr is not None
        while HANGS not in await asyncio.to_thread(process.stderr.readline):
            pass
        serving = workers(process.pid)
        process.kill()
        await gone(serving, process.pid)
    assert folders(tmp_path) == []


@pytest.mark.long
@needs_proc
async def test_whichever_worker_is_asked_answers_for_all_and_not_for_the_dead() -> None:
    async with two_workers() as (address, process), AsyncExitStack() as stack:
        serving = workers(process.pid)
        assert len(serving) == 2
        for worker in serving:
            async with alone(worker, serving):
                for _ in range(2):
                    await stack.enter_async_context(client(f"{address}/v1/realtime"))
        for worker in serving:
            async with alone(worker, serving):
                said = await counts(address)
                assert said["realtime_sessions_active"] == said["health"] == 4
                assert said["realtime_sessions_total"] == 4
        os.kill(serving[0], signal.SIGKILL)
        await until(lambda said: said["realtime_sessions_active"] == said["health"] == 2, address)
        async with asyncio.timeout(30):
            while len(workers(process.pid)) < 2:
                await asyncio.sleep(0.05)
        # What it counted has happened, and stays.
        assert (await counts(address))["realtime_sessions_total"] == 4


@pytest.mark.long
async def test_the_folder_of_the_counts_is_temporary_unless_it_is_named(tmp_path: Path) -> None:
    own, named = tmp_path / "own", tmp_path / "named"
    own.mkdir()
    async with two_workers(TMPDIR=str(own)):
        (folder,) = folders(own)
        assert list(folder.glob("*.db"))
    assert folders(own) == []
    named.mkdir()
    async with two_workers(TMPDIR=str(own), PROMETHEUS_MULTIPROC_DIR=str(named)):
        assert folders(own) == []
        assert list(named.glob("*.db"))


@pytest.mark.long
@pytest.mark.parametrize("count", ["1", "2"])
def test_a_folder_that_is_not_there_is_named_with_the_remedy(count: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    process = server("--workers", count, PROMETHEUS_MULTIPROC_DIR=missing)
    _output, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaints.startswith(f"error: PROMETHEUS_MULTIPROC_DIR is '{missing}'")
    assert complaints.count("\n") == 1


@pytest.mark.long
async def test_every_worker_has_all_stacks() -> None:
    words = '{"text": "Brief.", "first_token_ms": 0}'
    variables = {"REALTIME_STACKS__BRIEF__LLM__OPTIONS": words}
    async with two_workers(**variables) as (address, _process), AsyncExitStack() as stack:
        for _ in range(6):
            url = f"{address}/v1/realtime?model=brief"
            wire = await stack.enter_async_context(client(url))
            await wire.say("Who answers?")
            await wire.until("response.done")
            told = wire.of("response.output_audio_transcript.done")
            assert told[-1]["transcript"] == "Brief."
        async with httpx.AsyncClient() as http:
            metrics = (await http.get(f"{address.replace('ws:', 'http:')}/metrics")).text
    assert 'realtime_sessions_active{stack="brief"} 6.0' in metrics
