"""Several servers behind a balancer: one that is full, drains or has the call loses nobody."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.places import ROOT
from tests.support.ports import free_port
from tests.support.running_server import plain_http
from tests.support.server_process import Process, server_process
from tests.support.wire_client import WireClient, client, denial

SHARED = {"REALTIME_SERVER__SECRET": "a secret of all replicas", "REALTIME_SERVER__DRAIN_S": "600"}


def documented(servers: list[Process], folder: Path, port: int) -> Path:
    """Write nginx's configuration as the document has it, with these servers and this port."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.search(r"```nginx\n(upstream .*?)```", text, re.DOTALL)
    assert found is not None
    snippet = found[1].replace("listen 8080", f"listen 127.0.0.1:{port}")
    for number, server in enumerate(servers):
        snippet = snippet.replace(f"10.0.0.{7 + number}:8000", server.http.removeprefix("http://"))
    assert "10.0.0" not in snippet
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{snippet} }}\n"
    )
    return file


@asynccontextmanager
async def balanced(servers: list[Process], folder: Path) -> AsyncIterator[str]:
    """Run nginx before servers; yields its address."""
    port = free_port()
    file = documented(servers, folder, port)
    command = ["nginx", "-e", "stderr", "-c", str(file)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20):
            while True:
                assert process.returncode is None, "nginx does not take the snippet"
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def active(server: Process) -> int:
    async with plain_http() as http:
        return int((await http.get(f"{server.http}/health")).json()["active_sessions"])


async def drains(server: Process) -> None:
    """Tell a server to end, and wait until it takes no more sessions."""
    server.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        while await server.health() != (503, "draining"):
            pass


async def test_behind_a_balancer_nobody_meets_a_replica_that_is_full_or_drains(
    tmp_path: Path,
) -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                server_process(
                    REALTIME_SERVER__REPLICA=name, REALTIME_LIMITS__SESSIONS="2", **SHARED
                )
            )
            for name in ("a", "b")
        ]
        full, free = servers
        http = await stack.enter_async_context(balanced(servers, tmp_path))
        url = f"{http.replace('http', 'ws')}/v1/realtime"
        wires = [await stack.enter_async_context(client(full.url)) for _ in range(2)]
        await stack.enter_async_context(client(free.url))
        for _ in range(4):
            async with taken(free, url) as wire:
                # All of them are full now: only then a client learns of it.
                refused = await denial(url)
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "server_overloaded"
                await wire.settled()
        await drains(full)
        for wire in wires:
            await wire.say("hi")
            assert (await wire.until("response.done"))["response"]["status"] == "completed"
        async with plain_http(base_url=http) as asking:
            for _ in range(4):
                minted = await asking.post("/v1/realtime/client_secrets", json={})
                assert minted.status_code == 200
                bearer = {"Authorization": f"Bearer {minted.json()['value']}"}
                async with taken(free, url, additional_headers=bearer):
                    pass
        for wire in wires:
            await wire.settled()
            await wire.socket.close()
        assert await full.ended() == 0
        async with taken(free, url):
            pass


@asynccontextmanager
async def taken(server: Process, url: str, **options: Any) -> AsyncIterator[WireClient]:
    """Connect to a balancer, which leads to this server, and wait for its place at the end."""
    before = await active(server)
    async with client(url, **options) as wire:
        assert await active(server) == before + 1
        yield wire
    async with asyncio.timeout(30):
        while await active(server) > before:
            pass


@pytest.mark.long
async def test_a_call_of_a_replica_that_drains_is_joined_and_ended_by_another() -> None:
    """They are named by their addresses, as pods are."""
    pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")
    from tests.support.rtc_caller import calling

    port = free_port()
    replicas: dict[str, Any] = {
        **SHARED,
        "REALTIME_SERVER__REPLICA_URL": f"http://{{replica}}:{port}",
        "REALTIME_WEBRTC__UDP_PORT": "0",
    }
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                server_process(host=host, port=port, REALTIME_SERVER__REPLICA=host, **replicas)
            )
            for host in ("127.0.0.1", "127.0.0.2")
        ]
        caller = await stack.enter_async_context(calling(one.http))
        assert caller.call_id.startswith("rtc_127.0.0.1")
        await drains(one)
        async with connect(f"{other.url}?call_id={caller.call_id}", proxy=None) as sideband:
            await sideband.send('{"type": "input_audio_buffer.clear"}')
            async with asyncio.timeout(45):
                assert "input_audio_buffer.cleared" in str(await sideband.recv())
            await caller.until("input_audio_buffer.cleared")
            caller.send("response.create")
            done = await caller.until("response.done")
            assert done["response"]["status"] == "completed"
            async with plain_http(timeout=45) as http:
                ended = await http.post(f"{other.http}{caller.location}/hangup")
            assert ended.status_code == 200, ended.text
        await caller.ended()
        assert await one.ended() == 0
        assert await other.health() == (200, "healthy")
