"""What is kept of a conversation, for whom and for how long (§D.10)."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from loguru import logger
from websockets.asyncio.client import connect

from config import ConfigError
from serving import resuming
from serving.store import kept_sessions, shared
from telemetry.metrics import Metrics
from tests.serving.resuming.conversations import (
    OPERATOR,
    SECRET,
    by,
    items_of,
    kept,
    lose,
    read,
    replica,
    resumed_items,
    said,
    secret_of,
    until_forgotten,
    until_over,
)
from tests.support.counts import counted
from tests.support.redis_server import RedisServer
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.wire_client import PATIENCE_S, client, speech

TOOL = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {}},
}


async def test_settings_and_items_come_back_at_another_server(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http, instructions="Be brief.")
        async with by(secret, one.url) as wire:
            before = await wire.update(
                tools=[TOOL],
                output_modalities=["text"],
                audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}},
            )
            await said(wire, "My name is Ada.")
            await said(wire, "And I like chess.")
            was = items_of(wire)
            assert len(was) == 4
            lose(wire)
        await until_over(redis)
        async with by(secret, two.url) as wire:
            assert wire.events[0]["session"] == before["session"]
            assert await resumed_items(wire, was[-1]["id"]) == was
            # It goes on as a conversation: items can be asked for, and answered.
            await wire.send("conversation.item.retrieve", item_id=was[0]["id"])
            assert (await wire.until("conversation.item.retrieved"))["item"] == was[0]
            await said(wire, "What do I like?")
            samples = await counted(two, headers=OPERATOR)
        assert samples['realtime_sessions_resumed_total{stack="default"}'] == 1
        samples = await counted(one, headers=OPERATOR)
        assert samples['realtime_sessions_resumed_total{stack="default"}'] == 0


async def test_what_the_model_reads_is_what_it_read_before(redis: RedisServer) -> None:
    llm = {"text": "You said {user}."}
    settings = replica(redis.url, llm=llm)
    async with running(settings) as one, running(settings) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as wire:
            await said(wire, "blue")
            call = {
                "type": "function_call",
                "id": "item_call",
                "call_id": "call_1",
                "name": "weather",
                "arguments": "{}",
            }
            await wire.send("conversation.item.create", item=call)
            output = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
            await wire.send("conversation.item.create", item=output)
            await wire.settled()
            was = items_of(wire)
            lose(wire)
        await until_over(redis)
        async with by(secret, two.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was
            await wire.send("response.create")
            done = (await wire.until("response.done"))["response"]
            assert done["output"][0]["content"][0]["transcript"] == "You said blue."
            # The voice spoke before, so it stays as it is.
            await wire.send(
                "session.update",
                session={"type": "realtime", "audio": {"output": {"voice": "echo"}}},
            )
            assert (await wire.until("error"))["error"]["code"] == "cannot_update_voice"


async def test_spoken_turns_come_back_as_their_words(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as wire:
            await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await wire.append(speech())
            await wire.until("response.done")
            [user, answer] = items_of(wire)
            await wire.send("conversation.item.retrieve", item_id=user["id"])
            heard = (await wire.until("conversation.item.retrieved"))["item"]
            assert heard["content"][0].pop("audio")
            lose(wire)
        await until_over(redis)
        async with by(secret, two.url) as wire:
            assert await resumed_items(wire, answer["id"]) == [heard, answer]
            assert heard["content"][0]["transcript"] == "hello there"


async def test_nobody_else_has_traffic_at_the_store(redis: RedisServer) -> None:
    """API keys, beta's clients and translations keep nothing."""
    async with running(replica(redis.url)) as server:
        async with client(server.url, additional_headers=OPERATOR) as wire:
            await said(wire, "Hello.")
            lose(wire)
        secret = await secret_of(server.http)
        headers = {"Authorization": f"Bearer {secret}", "OpenAI-Beta": "realtime=v1"}
        async with connect(server.url, additional_headers=headers) as beta:
            assert json.loads(await beta.recv())["type"] == "session.created"
        await server.emptied()
        assert await redis.ask("KEYS", "realtime:kept:*") == []


async def test_another_secret_or_another_key_of_servers_reads_nothing(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "A very private thing.")
            async with asyncio.timeout(PATIENCE_S):
                while not await kept(redis):
                    pass
            lose(wire)
        await until_over(redis)
        async with by(await secret_of(server.http), server.url) as wire:
            assert await wire.settled() == []
        everything = repr(await redis.ask("KEYS", "*")) + repr(await kept(redis))
        assert "private" not in everything
        assert secret not in everything
        # Bytes that somebody has changed in the store open nothing, and keep nobody out.
        [name] = await redis.ask("KEYS", "realtime:kept:*")
        await redis.ask("HSET", name.decode(), "state", "x" * 100)
        async with by(secret, server.url) as wire:
            assert await wire.settled() == []


async def test_a_conversation_is_kept_for_so_long(redis: RedisServer) -> None:
    async with running(replica(redis.url, resume_s=90)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            lose(wire)
        await until_over(redis)
        [name] = await redis.ask("KEYS", "realtime:kept:*")
        assert 6_000 < await redis.ask("PTTL", name.decode()) <= 90_000


async def test_without_the_store_sessions_are_as_ever(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        await redis.end()
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            lose(wire)
        await server.emptied()
        async with by(secret, server.url) as wire:
            assert await wire.settled() == []


async def test_a_transcription_session_is_kept_too(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as server:
        body = {"session": {"type": "transcription"}}
        async with plain_http() as http:
            answer = await http.post(
                f"{server.http}/v1/realtime/client_secrets", json=body, headers=OPERATOR
            )
        secret, url = answer.json()["value"], server.url.split("?")[0]
        async with by(secret, url) as wire:
            await wire.send(
                "session.update",
                session={
                    "type": "transcription",
                    "audio": {"input": {"transcription": {"language": "de"}}},
                },
            )
            updated = await wire.until("session.updated")
            lose(wire)
        await until_over(redis)
        async with by(secret, url) as wire:
            assert wire.events[0]["session"] == updated["session"]


@pytest.mark.parametrize("lacking", ["store", "secret"])
def test_what_resuming_needs_is_named(lacking: str) -> None:
    server = {"resume_s": 60} if lacking == "secret" else {"resume_s": 60, "secret": SECRET}
    limits = {} if lacking == "store" else {"store": "redis://localhost"}
    with pytest.raises(ConfigError, match=r"server\.resume_s needs limits\.store"):
        shared.SharedStore(scripted_settings(server=server, limits=limits), Metrics())


def test_resuming_is_off_unless_asked_for() -> None:
    settings = scripted_settings(limits={"store": "redis://localhost"}, server={"secret": SECRET})
    store = shared.SharedStore(settings, Metrics())
    assert store.leases is not None
    assert store.sessions is None


async def test_a_store_that_was_emptied_learns_the_conversation_again(redis: RedisServer) -> None:
    async with running(replica(redis.url)) as one, running(replica(redis.url)) as two:
        secret = await secret_of(one.http)
        async with by(secret, one.url) as wire:
            await said(wire, "Hello.")
            was = items_of(wire)
            await redis.ask("FLUSHALL")
            async with asyncio.timeout(PATIENCE_S):
                while len(await read(redis, secret)) < len(was):
                    pass
            lose(wire)
        await until_over(redis)
        async with by(secret, two.url) as wire:
            assert await resumed_items(wire, was[-1]["id"]) == was


async def test_a_conversation_that_is_too_long_is_not_kept(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_sessions, "MOST_CHARS", 3000)
    warnings: list[str] = []
    sink = logger.add(lambda line: warnings.append(line.record["message"]), level="WARNING")
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            await said(wire, "word " * 1000)
            async with asyncio.timeout(PATIENCE_S):
                while not warnings:
                    await asyncio.sleep(0)
            await until_forgotten(redis)
            await said(wire, "It goes on.")
            lose(wire)
        await server.emptied()
        async with by(secret, server.url) as wire:
            assert await wire.settled() == []
    logger.remove(sink)
    assert len(warnings) == 1
    assert "is not kept: 3000 may be" in warnings[0]


async def test_the_time_limit_goes_on(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets around it by connecting again."""
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            session = wire.events[0]["session"]
            lose(wire)
        await until_over(redis)
        almost = session["expires_at"] - 0.2
        monkeypatch.setattr(resuming, "time", SimpleNamespace(time=lambda: almost))
        async with by(secret, server.url) as wire:
            assert wire.events[0]["session"] == session
            assert (await wire.until("error"))["error"]["code"] == "session_expired"
        await until_forgotten(redis)


async def test_a_conversation_whose_time_is_up_is_not_gone_on_with(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(replica(redis.url)) as server:
        secret = await secret_of(server.http)
        async with by(secret, server.url) as wire:
            await said(wire, "Hello.")
            session = wire.events[0]["session"]
            lose(wire)
        await until_over(redis)
        too_late = session["expires_at"] + 1
        monkeypatch.setattr(resuming, "time", SimpleNamespace(time=lambda: too_late))
        async with by(secret, server.url) as wire:
            assert wire.events[0]["session"]["id"] != session["id"]
            assert await wire.settled() == []
