"""A client whose connection is lost goes on with its conversation, alone (§D.10)."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from peers import websocket
from serving.store import kept_sessions
from serving.store.connection import Command
from serving.store.link import StoreLink
from tests.serving.resuming.conversations import (
    LOSSES,
    by,
    items_of,
    lose,
    replica,
    resumed_items,
    said,
    secret_of,
    until_forgotten,
    until_over,
)
from tests.support.redis_server import RedisServer
from tests.support.running_server import running
from tests.support.wire_client import PATIENCE_S

SAYS = {
    "closes in order": (1000, False),
    "leaves its page": (1001, True),
    "has a code of its own": (4321, True),
}
"""By name: the code in a client's close frame, and whether its conversation is kept then."""


@pytest.mark.parametrize("how", LOSSES)
async def test_a_client_whose_connection_is_lost_goes_on(redis: RedisServer, how: str) -> None:
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            lose(wire, how)
            async with by(secret, server.url) as again:
                assert await resumed_items(again, was[-1]["id"]) == was


async def test_a_client_whose_process_is_killed_goes_on(redis: RedisServer) -> None:
    talks = """
import sys, time
from websockets.sync.client import connect
wire = connect(sys.argv[1], additional_headers={"Authorization": f"Bearer {sys.argv[2]}"})
print(wire.recv(), flush=True)
wire.send('{"type": "conversation.item.create", "item": {"type": "message", "role": "user", '
          '"content": [{"type": "input_text", "text": "Remember this."}]}}')
while '"conversation.item.done"' not in (event := wire.recv()):
    pass
print(event, flush=True)
time.sleep(600)
"""
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", talks, server.url, secret), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert victim.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                session = json.loads(await victim.stdout.readline())["session"]
                item = json.loads(await victim.stdout.readline())["item"]
        finally:
            victim.kill()
            await victim.wait()
        async with by(secret, server.url) as wire:
            assert wire.events[0]["session"] == session
            assert await resumed_items(wire, item["id"]) == [item]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same server", "another server"])
async def test_a_client_that_fell_silent_goes_on(
    redis: RedisServer, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a phone does that changes its network: its old connection never ends by itself."""
    monkeypatch.setattr(kept_sessions, "ANSWER_S", 0.2)
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            wire.socket.transport.pause_reading()
            async with by(secret, (two if elsewhere else one).url) as again:
                assert await resumed_items(again, was[-1]["id"]) == was
                await said(again, "And I go on.")
            wire.socket.transport.resume_reading()
            with pytest.raises(ConnectionClosed) as ended:
                await wire.until("a close")
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1011


@pytest.mark.parametrize("how", SAYS)
async def test_what_a_client_says_when_it_leaves(redis: RedisServer, how: str) -> None:
    code, stays = SAYS[how]
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            first = wire.events[0]["session"]["id"]
            await wire.socket.close(code)
        await (until_over if stays else until_forgotten)(redis)
        async with by(secret, server.url) as wire:
            assert (wire.events[0]["session"]["id"] == first) == stays


async def test_a_close_frame_without_a_code_is_an_orderly_end(redis: RedisServer) -> None:
    """As `close()` of a browser sends it."""
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            wire.socket.protocol.send_close()
            wire.socket.transport.write(b"".join(wire.socket.protocol.data_to_send()))
            await wire.socket.wait_closed()
        await until_forgotten(redis)


async def test_on_servers_that_cannot_tell_a_loss_from_a_close_conversations_stay(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "connection_of", lambda _socket: None)
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            lose(wire)
        await until_over(redis)
        async with by(secret, server.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was
            # Nobody can be asked for a sign of life either: who is connected counts as alive.
            async with by(secret, server.url) as second:
                assert second.events[0]["session"]["id"] != wire.events[0]["session"]["id"]


async def test_a_client_that_closes_is_done(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            first = wire.events[0]["session"]["id"]
        await until_forgotten(redis)
        async with by(secret, server.url) as wire:
            assert wire.events[0]["session"]["id"] != first
            assert await wire.settled() == []
            await wire.send("session.close")
            await wire.socket.wait_closed()
        await until_forgotten(redis)


async def test_of_several_that_come_back_at_once_one_goes_on_and_none_waits_for_long(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is late asks the session that was quicker: that its client lives is soon known."""
    monkeypatch.setattr(kept_sessions, "ANSWER_S", 0.2)
    # Longer than a client waits for its handshake: nobody may wait until this is over.
    monkeypatch.setattr(kept_sessions, "WAIT_S", 600)
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as wire, AsyncExitStack() as stack:
            await said(wire, "Hello.")
            wire.socket.transport.pause_reading()
            urls = [one.url, two.url, one.url, two.url]
            back = await asyncio.gather(
                *(stack.enter_async_context(by(secret, url)) for url in urls)
            )
            known = [again.events[0]["session"]["id"] for again in back]
            assert known.count(wire.events[0]["session"]["id"]) == 1
            assert len({*known}) == 4
            for again in back:
                await said(again, "And I go on.")
            wire.socket.transport.resume_reading()


async def test_a_session_that_lives_is_not_taken_over(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as first:
            await said(first, "Hello.")
            async with by(secret, two.url) as second:
                assert second.events[0]["session"]["id"] != first.events[0]["session"]["id"]
                assert await second.settled() == []
                await said(second, "And I am another one.")
                lose(second)
            await two.emptied()
            await said(first, "Still there?")
            was = items_of(first)
            lose(first)
        await until_over(redis)
        async with by(secret, two.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was


async def test_a_client_that_goes_while_its_conversation_is_taken_over_finds_it_again(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, claims = StoreLink.ask, []

    async def cancelled(self: StoreLink, use: str, *commands: Command, **more: Any) -> list[Any]:
        answers = await ask(self, use, *commands, **more)
        if use == "claim":
            claims.append(answers)
            if len(claims) == 2:
                # It is taken, and nobody is there any more to be told.
                raise asyncio.CancelledError
        return answers

    monkeypatch.setattr(StoreLink, "ask", cancelled)
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            lose(wire)
        await until_over(redis)
        with pytest.raises((InvalidMessage, InvalidStatus, ConnectionClosed, OSError)):
            async with by(secret, server.url):
                pass
        await until_over(redis)
        async with by(secret, server.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was
    assert len(claims) == 3
