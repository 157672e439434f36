"""Calls of a server with several workers: whichever is asked, the one that has the call obeys."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")

from websockets.asyncio.client import connect

from tests.support.rtc_caller import calling
from tests.support.running_server import plain_http
from tests.support.server_process import server_process

pytestmark = pytest.mark.long

WORKERS = 3
ROUNDS = 50


async def test_any_worker_serves_hangup_and_sideband_of_any_call(tmp_path: Path) -> None:
    owners: set[str] = set()
    async with server_process(REALTIME_SERVER__WORKERS=str(WORKERS)) as server:
        for number in range(ROUNDS):
            async with calling(server.http) as caller:
                # Each request is a connection of its own, which the system gives to any worker.
                url = f"{server.url}?call_id={caller.call_id}"
                async with connect(url, proxy=None) as sideband, asyncio.timeout(45):
                    await sideband.send(
                        json.dumps(
                            {
                                "type": "session.update",
                                "session": {"type": "realtime", "instructions": f"Say {number}."},
                            }
                        )
                    )
                    told = await caller.until("session.updated")
                    assert told["session"]["instructions"] == f"Say {number}."
                    heard = json.loads(await sideband.recv())
                    assert heard["type"] == "session.updated"
                    async with plain_http(timeout=45) as http:
                        ended = await http.post(f"{server.http}{caller.location}/hangup")
                    assert ended.status_code == 200, ended.text
                    await sideband.wait_closed()
                    assert sideband.close_code == 1000
                    await caller.ended()
                async with plain_http(timeout=45) as http:
                    again = await http.delete(server.http + caller.location)
                assert again.status_code == 404
                owners.add(caller.connection.remoteDescription.sdp.partition(" udp ")[2].split()[2])
        async with plain_http(timeout=45) as http, asyncio.timeout(45):
            while (await http.get(f"{server.http}/health")).json()["active_sessions"]:
                pass
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == 0
        assert "Traceback" not in server.logged()
    assert len(owners) == WORKERS, "all calls had the same worker: the relay was not asked"
