"""A client whose server is gone, or whose secret has expired, goes on (§D.10)."""

from __future__ import annotations

import asyncio
import signal
import time
from types import SimpleNamespace

import pytest

from serving.access import keys
from tests.serving.resuming.conversations import (
    SECRET,
    by,
    items_of,
    lose,
    read,
    replica,
    resumed_items,
    said,
    secret_of,
    until_forgotten,
    until_over,
)
from tests.support.keys import KEY
from tests.support.redis_server import RedisServer
from tests.support.running_server import plain_http, running
from tests.support.server_process import server_process
from tests.support.wire_client import PATIENCE_S, refusal


@pytest.mark.long
async def test_a_server_that_was_killed_leaves_its_conversation(redis: RedisServer) -> None:
    environment = {
        "REALTIME_API_KEYS": KEY,
        "REALTIME_SERVER__SECRET": SECRET,
        "REALTIME_SERVER__RESUME_S": "60",
        "REALTIME_LIMITS__STORE": redis.url,
        "REALTIME_WEBRTC__UDP_PORT": "0",
    }
    async with running(replica(redis.url)) as survivor:
        async with server_process(**environment) as victim:
            secret = await secret_of(victim.http)
            async with by(secret, victim.url) as wire:
                await said(wire, "Remember this.")
                was = items_of(wire)
                # It is written behind the change.
                async with asyncio.timeout(PATIENCE_S):
                    while len(await read(redis, secret)) < len(was):
                        pass
                victim.process.send_signal(signal.SIGKILL)
                await victim.process.wait()
        async with by(secret, survivor.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was


async def test_a_server_that_drains_hands_its_conversations_on(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            await one.sessions.drain()
            await wire.socket.wait_closed()
            assert wire.socket.close_code == 1001
        async with by(secret, two.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was


async def test_a_secret_that_has_expired_resumes_its_session_and_opens_no_other(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http, seconds=10)
        headers = {"Authorization": f"Bearer {secret}"}
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            lose(wire)
        await until_over(redis)
        later = time.time() + 11
        monkeypatch.setattr(keys, "time", SimpleNamespace(time=lambda: later))
        async with by(secret, server.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was
        await until_forgotten(redis)
        error, code, _ = await refusal(server.url, additional_headers=headers)
        assert (error["code"], code) == ("invalid_api_key", 3000)
        assert "expired" in error["message"]
        async with plain_http() as http:
            call = await http.post(
                f"{server.http}/v1/realtime/calls",
                content="v=0",
                headers={**headers, "Content-Type": "application/sdp"},
            )
            assert call.status_code == 401
