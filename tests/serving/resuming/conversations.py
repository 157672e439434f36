"""Conversations that are kept in a store, and the clients that lose theirs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection

from config import Settings
from serving.store.sealing import Sealing
from tests.support.keys import KEY
from tests.support.redis_server import RedisServer
from tests.support.running_server import plain_http, scripted_settings
from tests.support.wire_client import PATIENCE_S, WireClient, client

SECRET = "a-secret-of-all-replicas"
OPERATOR = {"Authorization": f"Bearer {KEY}"}


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
