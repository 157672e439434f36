"""Sessions of a key are counted over all servers that share a store, and what if it is away."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from config import ConfigError, Settings
from serving.store import leases, shared
from serving.store.connection import StoreUnreachable
from telemetry.metrics import Metrics
from tests.support.calls_server import calls_server
from tests.support.counts import counted
from tests.support.keys import KEY, OTHER
from tests.support.redis_server import RedisServer, redis_server
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.server_process import server_process
from tests.support.wire_client import PATIENCE_S, WireClient, client, refusal

if TYPE_CHECKING:
    from loguru import Message

BEARER = {"Authorization": f"Bearer {KEY}"}


def sharing(url: str, per_key: int = 1) -> Settings:
    """Settings of a server that shares a store, with an API key."""
    return scripted_settings(
        server={"api_keys": [KEY, OTHER]}, limits={"sessions_per_key": per_key, "store": url}
    )


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are prolonged, and a lost store is looked for, every moment."""
    monkeypatch.setattr(leases, "RENEWAL_S", 0.05)
    monkeypatch.setattr(leases, "PROBE_S", 0.05)


async def opened(server: RunningServer, key: str = KEY) -> str:
    """Connect, and return the code of the refusal; empty: a session opened, and was closed."""
    bearer = {"Authorization": f"Bearer {key}"}
    async with asyncio.timeout(PATIENCE_S), connect(server.url, additional_headers=bearer) as wire:
        event = json.loads(await wire.recv())
    return event["error"]["code"] if event["type"] == "error" else ""


async def until_opened(server: RunningServer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await opened(server):
            pass


@asynccontextmanager
async def held(server: RunningServer) -> AsyncIterator[WireClient]:
    async with client(server.url, additional_headers=BEARER) as wire:
        yield wire


async def leases_of(redis: RedisServer) -> dict[str, int]:
    """Return the leases of all holders → when they die, in ms on the store's clock."""
    found: dict[str, int] = {}
    for key in await redis.ask("KEYS", "realtime:leases:*"):
        flat = await redis.ask("ZRANGE", key.decode(), 0, -1, "WITHSCORES")
        found |= {
            name.decode(): int(score) for name, score in zip(flat[::2], flat[1::2], strict=True)
        }
    return found


async def until_leases(redis: RedisServer, number: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(await leases_of(redis)) != number:
            pass


@contextmanager
def log_lines() -> Iterator[list[tuple[str, str]]]:
    """Collect what is logged about the store: (event, message)."""
    lines: list[tuple[str, str]] = []

    def take(line: Message) -> None:
        event = line.record["extra"].get("event", "")
        if event.startswith("store."):
            lines.append((event, line.record["message"]))

    sink = logger.add(take, level="INFO")
    try:
        yield lines
    finally:
        logger.remove(sink)


async def test_two_servers_count_a_key_together(redis: RedisServer) -> None:
    async with running(sharing(redis.url)) as one, running(sharing(redis.url)) as two:
        async with held(one):
            error, code, _ = await refusal(two.url, additional_headers=BEARER)
            assert (error["code"], error["type"], code) == (
                "rate_limit_exceeded",
                "rate_limit_error",
                1013,
            )
            assert error["message"] == (
                "This key has 1 open sessions on all servers together, and may have no more "
                "(limits.sessions_per_key). Close one, or try again later."
            )
            assert await opened(two, OTHER) == ""
            await two.emptied()
        await until_opened(two)
        samples = await counted(two, headers=BEARER)
        assert samples['realtime_connections_refused_total{reason="rate_limit_exceeded"}'] >= 1
        place = redis.url.removeprefix("unix://")
        assert samples[f'realtime_store_reachable{{store="{place}"}}'] == 1
        assert samples["realtime_sessions_uncounted_total{}"] == 0


async def test_without_a_store_each_server_counts_for_itself() -> None:
    limits = {"sessions_per_key": 1}
    settings = scripted_settings(server={"api_keys": [KEY]}, limits=limits)
    async with running(settings) as one, running(settings) as two, held(one):
        assert await opened(one) == "rate_limit_exceeded"
        assert await opened(two) == ""


async def test_clients_that_come_at_once_do_not_slip_in_together(redis: RedisServer) -> None:
    settings = sharing(redis.url, per_key=3)
    async with running(settings) as one, running(settings) as two:
        sockets = await asyncio.gather(
            *(connect(server.url, additional_headers=BEARER) for server in (one, two) * 5)
        )
        first = [json.loads(await socket.recv())["type"] for socket in sockets]
        assert sorted(first) == ["error"] * 7 + ["session.created"] * 3
        for socket in sockets:
            await socket.close()
        await until_leases(redis, 0)


async def test_a_lease_that_nobody_prolongs_dies(redis: RedisServer) -> None:
    """As it does when a server is killed, or cut off from the store."""
    async with running(sharing(redis.url)) as one, running(sharing(redis.url)) as two, held(one):
        [(name, dies)] = (await leases_of(redis)).items()
        seconds, micros = await redis.ask("TIME")
        assert 0 < dies - (int(seconds) * 1000 + int(micros) // 1000) <= 12_000
        [key] = await redis.ask("KEYS", "*")
        assert 0 < await redis.ask("PTTL", key.decode()) <= 12_000
        assert await opened(two) == "rate_limit_exceeded"
        await redis.ask("ZADD", key.decode(), int(seconds) * 1000 - 1, name)
        assert await opened(two) == ""


async def test_a_session_keeps_its_lease_for_as_long_as_it_lives(
    redis: RedisServer, soon: None
) -> None:
    async with running(sharing(redis.url)) as server, held(server):
        [(name, dies)] = (await leases_of(redis)).items()
        async with asyncio.timeout(PATIENCE_S):
            while (await leases_of(redis)).get(name, 0) <= dies:
                pass
        # One that the store has lost is made again.
        await redis.ask("FLUSHALL")
        await until_leases(redis, 1)


async def test_a_server_that_ends_gives_its_leases_back(redis: RedisServer) -> None:
    async with running(sharing(redis.url)) as server, held(server):
        await until_leases(redis, 1)
        await server.sessions.drain()
    assert await leases_of(redis) == {}


async def test_while_the_store_is_away_each_server_counts_for_itself(
    redis: RedisServer, soon: None
) -> None:
    with log_lines() as lines:
        async with running(sharing(redis.url)) as one, running(sharing(redis.url)) as two:
            await redis.end()
            async with held(one), held(two):
                error, _, _ = await refusal(one.url, additional_headers=BEARER)
                assert "1 open sessions, and may" in error["message"]
                samples = await counted(one, headers=BEARER)
                place = redis.url.removeprefix("unix://")
                assert samples[f'realtime_store_reachable{{store="{place}"}}'] == 0
                assert samples["realtime_sessions_uncounted_total{}"] == 1
                assert any(
                    value
                    for name, value in samples.items()
                    if name.startswith("realtime_store_failures_total")
                )
                await redis.start()
                # What opened meanwhile is counted as soon as the store is back.
                await until_leases(redis, 2)
                async with asyncio.timeout(PATIENCE_S):
                    while [event for event, _ in lines].count("store.found") < 2:
                        await asyncio.sleep(0)
                samples = await counted(one, headers=BEARER)
                assert samples[f'realtime_store_reachable{{store="{place}"}}'] == 1
    # A line for the outage and one for its end, of each server, however often it was asked.
    assert sorted(event for event, _ in lines) == ["store.found"] * 2 + ["store.lost"] * 2
    assert all("REALTIME_LIMITS__STORE" in told for event, told in lines if event == "store.lost")


async def test_a_store_that_hangs_keeps_nobody_out(redis: RedisServer) -> None:
    async with running(sharing(redis.url)) as server:
        redis.hang()
        async with held(server) as wire:
            await wire.say("hello")
            assert (await wire.until("response.done"))["response"]["status"] == "completed"
        redis.go_on()


async def test_a_store_that_was_never_there_is_told_at_the_start(tmp_path: Path) -> None:
    with log_lines() as lines:
        async with running(sharing(f"unix://{tmp_path}/none.sock")) as server:
            async with asyncio.timeout(PATIENCE_S):
                while not lines:
                    await asyncio.sleep(0)
            assert await opened(server) == ""
    [(event, told)] = lines
    assert event == "store.lost"
    assert "Until it answers, limits.sessions_per_key holds in each process for itself." in told


async def test_a_password_is_used_and_never_logged() -> None:
    async with redis_server("open-sesame") as redis:
        async with running(sharing(redis.url)) as server, held(server):
            await until_leases(redis, 1)
        with log_lines() as lines:
            async with running(sharing(redis.url.replace("sesame", "barley"))) as server:
                assert await opened(server) == ""
        [(_, told)] = lines
        assert "password" in told
        assert "barley" not in told


async def test_a_call_has_a_lease_like_any_session(redis: RedisServer) -> None:
    async with calls_server(sharing(redis.url)) as server:
        place = await server.call(headers=BEARER)
        await until_leases(redis, 1)
        full = await server.post(headers=BEARER)
        assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        await server.hang_up(place, headers=BEARER)
        await until_leases(redis, 0)


async def test_a_server_that_drains_meanwhile_lets_nobody_in(redis: RedisServer) -> None:
    async with running(sharing(redis.url)) as server:
        # The store keeps the session waiting, and the server ends meanwhile.
        redis.hang()
        connecting = asyncio.create_task(opened(server))
        async with asyncio.timeout(PATIENCE_S):
            while not server.sessions.active:
                await asyncio.sleep(0)
        await server.sessions.drain()
        with pytest.raises(InvalidStatus) as refused:
            await connecting
        assert refused.value.response.status_code == 503
        assert b"server_draining" in (refused.value.response.body or b"")
        assert server.sessions.active == 0
        redis.go_on()


@pytest.mark.long
async def test_the_workers_of_one_server_count_together(redis: RedisServer) -> None:
    settings = {
        "REALTIME_SERVER__WORKERS": "2",
        "REALTIME_API_KEYS": KEY,
        "REALTIME_LIMITS__SESSIONS_PER_KEY": "1",
        "REALTIME_LIMITS__STORE": redis.url,
        "REALTIME_WEBRTC__UDP_PORT": "0",
    }
    async with server_process(**settings) as server:
        async with client(server.url, additional_headers=BEARER):
            # Whichever of them takes the connection.
            for _ in range(8):
                error, code, _reason = await refusal(server.url, additional_headers=BEARER)
                assert (error["code"], code) == ("rate_limit_exceeded", 1013)
            server.process.terminate()
        assert await server.ended() == 0
    assert await leases_of(redis) == {}


def test_a_store_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ConfigError, match=r"limits\.store needs the library 'redis': .*redis"):
        shared.SharedStore(sharing("redis://localhost"), Metrics())


async def test_a_refusal_of_the_store_does_not_quote_the_command(redis: RedisServer) -> None:
    await redis.ask("SET", "word", "1")
    with pytest.raises(StoreUnreachable) as refused:
        await redis.ask("ZADD", "word", 1, "very-private")
    assert "WRONGTYPE" in str(refused.value)
    assert "very-private" not in str(refused.value)
