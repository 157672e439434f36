"""A client whose connection or server is gone goes on with its conversation, alone (§D.10)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from loguru import logger
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from config import ConfigError, Settings
from peers import websocket
from serving import resuming
from serving.access import keys
from serving.store import kept_sessions, shared
from serving.store.sealing import Sealing
from telemetry.metrics import Metrics
from tests.support.counts import counted
from tests.support.keys import KEY
from tests.support.redis_server import RedisServer, redis_server
from tests.support.running_server import plain_http, running, scripted_settings
from tests.support.server_process import server_process
from tests.support.wire_client import PATIENCE_S, WireClient, client, refusal, speech

SECRET = "a-secret-of-all-replicas"
OPERATOR = {"Authorization": f"Bearer {KEY}"}
TOOL = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {}},
}
SAYS = {
    "closes in order": (1000, False),
    "leaves its page": (1001, True),
    "has a code of its own": (4321, True),
}
"""By name: the code in a client's close frame, and whether its conversation is kept then."""


def _reset(line: ClientConnection) -> None:
    linger = struct.pack("ii", 1, 0)
    line.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    line.transport.abort()


def _half_closed(line: ClientConnection) -> None:
    line.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)


LOSSES: dict[str, Callable[[ClientConnection], None]] = {
    "a reset": _reset,
    "its end without a close frame": lambda line: line.transport.abort(),
    "half of it closed": _half_closed,
}
"""How connections are lost: nobody says that the session is over."""


def lose(wire: WireClient, how: str = "a reset") -> None:
    """Lose a client's connection."""
    LOSSES[how](wire.socket)


def replica(url: str, resume_s: float = 60, **groups: Any) -> Settings:
    """Settings of one of several servers."""
    server = {"api_keys": [KEY], "secret": SECRET, "resume_s": resume_s}
    return scripted_settings(server=server, limits={"store": url}, **groups)


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversations are written at once, and looked for often."""
    monkeypatch.setattr(kept_sessions, "WRITE_S", 0.05)
    monkeypatch.setattr(kept_sessions, "LOOK_S", 0.05)


async def secret_of(http: str, seconds: int = 600, **session: Any) -> str:
    body = {
        "expires_after": {"anchor": "created_at", "seconds": seconds},
        "session": {"type": "realtime", **session},
    }
    async with plain_http() as client_of_operator:
        answer = await client_of_operator.post(
            f"{http}/v1/realtime/client_secrets", json=body, headers=OPERATOR
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["value"])


@asynccontextmanager
async def by(secret: str, url: str) -> AsyncIterator[WireClient]:
    async with client(url, additional_headers={"Authorization": f"Bearer {secret}"}) as wire:
        yield wire


async def said(wire: WireClient, words: str) -> None:
    """Hold a turn in writing."""
    await wire.say(words)
    assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def resumed_items(wire: WireClient, last: str) -> list[dict[str, Any]]:
    """Return the items that are announced, up to one."""
    while (await wire.until("conversation.item.done"))["item"]["id"] != last:
        pass
    added = wire.of("conversation.item.added")
    done = wire.of("conversation.item.done")
    assert [event["item"] for event in added] == [event["item"] for event in done]
    before = [None, *(event["item"]["id"] for event in added)]
    assert [event["previous_item_id"] for event in added] == before[:-1]
    return [event["item"] for event in added]


def items_of(wire: WireClient) -> list[dict[str, Any]]:
    return [event["item"] for event in wire.of("conversation.item.done")]


async def kept(redis: RedisServer) -> list[bytes]:
    """Return the states that are kept, as the store sees them."""
    names = await redis.ask("KEYS", "realtime:kept:*")
    states = [await redis.ask("HGET", name.decode(), "state") for name in names]
    return [state for state in states if state]


async def read(redis: RedisServer, secret: str) -> list[Any]:
    """Return the items that are kept for a client secret, which only its servers can read."""
    sealing, digest = Sealing(SecretStr(SECRET)), hashlib.sha256(secret.encode()).digest()
    items = [json.loads(sealing.unseal(digest, state))["items"] for state in await kept(redis)]
    return [one for own in items for one in own if one.get("status") != "incomplete"]


async def until_over(redis: RedisServer) -> None:
    """Wait until the session that is kept is over, as its server says."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            [name] = await redis.ask("KEYS", "realtime:kept:*")
            dies = int(await redis.ask("HGET", name.decode(), "dies"))
            seconds, _ = await redis.ask("TIME")
            if dies <= (int(seconds) + 1) * 1000:
                return


async def until_forgotten(redis: RedisServer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await redis.ask("KEYS", "realtime:kept:*"):
            pass


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
