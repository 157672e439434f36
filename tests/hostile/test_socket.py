"""A server under fire, from outside: it answers, forgets, and nobody else notices anything."""

from __future__ import annotations

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.hostile.attack import attack, normal_turn
from tests.hostile.messages import Hostility, Message
from tests.hostile.recordings import PICTURE, record
from tests.support.leftovers import Leftovers
from tests.support.running_server import RunningServer, running
from tests.support.wire_client import client

BURST = 150
SECRET = "the other one's secret"


@asynccontextmanager
async def temptation() -> AsyncIterator[tuple[str, list[int]]]:
    """An HTTP server that nobody should ask; yields its address, and the visits it had."""
    visits: list[int] = []

    def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a.png", visits


async def whole_session(server: RunningServer, hostility: Hostility, *, spoken: bool) -> None:
    async with client(server.url) as wire:
        for _ in range(2):
            await attack(wire, hostility.frames(BURST))
            await normal_turn(wire, spoken=spoken)


async def test_nobody_else_notices_and_nothing_is_left_behind(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with running() as server, temptation() as (url, visits):
        # An image's address is to get as far as it can.
        monkeypatch.setattr(type(server.manager.llm), "images", True)
        recorded: list[Message] = await record(server.url)
        async with client(server.url) as other:
            await other.say(SECRET)
            done = (await other.until("response.done"))["response"]
            await other.settled()
            kept = [other.of("conversation.item.added")[0]["item"]["id"], done["output"][0]["id"]]
            ids = [*kept, done["id"], other.events[0]["session"]["id"]]
            before, seen = Leftovers(server, tmp_path), len(other.events)
            async with asyncio.TaskGroup() as group:
                for seed in range(4):
                    hostility = Hostility(seed, recorded, ids=ids, fetch_url=url)
                    group.create_task(whole_session(server, hostility, spoken=seed == 0))
            del hostility
            await before.none(sessions=1)
            assert await other.settled() == []
            assert len(other.events) == seen + 1
            for item_id in kept:
                await other.send("conversation.item.retrieve", item_id=item_id)
                await other.until("conversation.item.retrieved")
            await normal_turn(other, spoken=True)
        assert visits == []


async def broken_text(server: RunningServer, hostility: Hostility) -> None:
    async with client(server.url) as wire:
        await wire.socket.send(hostility.broken_text().data, text=True)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await wire.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1007


async def test_text_that_is_no_utf_8_ends_its_connection_and_no_other(lines, caplog):
    async with running() as server, client(server.url) as other:
        await normal_turn(other, spoken=False)
        before = Leftovers(server)
        recorded: list[Message] = [{"type": "response.create", "event_id": "mine"}]
        hostility = Hostility(7, recorded)
        # Together: each waits some seconds for the server to close the connection.
        await asyncio.gather(*(broken_text(server, hostility) for _ in range(10)))
        await before.none(sessions=1)
        assert len([line for line in lines if "cut off with 1007" in line]) == 10
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
        await normal_turn(other, spoken=False)


async def test_a_forged_client_secret_is_refused_unopened(monkeypatch):
    opened: list[bytes] = []

    def decompress(data: bytes, *_: object) -> bytes:
        opened.append(data)
        return b"[0, {}]"

    monkeypatch.setattr("serving.access.client_secrets.zlib.decompress", decompress)
    bomb = base64.urlsafe_b64encode(bytes(32) + zlib.compress(bytes(4_000_000), 9))
    async with running() as server:
        for forged in (bomb.decode().rstrip("="), "", "AAAA", "é", "A" * 6000):
            header = {"Authorization": f"Bearer ek_{forged}"}
            async with connect(server.url, additional_headers=header) as socket:
                assert '"invalid_api_key"' in str(await socket.recv())
                await socket.wait_closed()
                assert socket.close_code == 3000
        await server.emptied()
    assert opened == []


async def test_a_picture_s_address_is_refused_and_never_visited(monkeypatch):
    async with running() as server, client(server.url) as wire, temptation() as (url, visits):
        monkeypatch.setattr(type(server.manager.llm), "images", True)
        part = {"type": "input_image", "image_url": url}
        item = {"type": "message", "role": "user", "content": [part]}
        await wire.send("conversation.item.create", item=item)
        await wire.send("response.create", response={"input": [item]})
        errors = [event["error"] for event in await wire.settled()]
        assert [error["code"] for error in errors] == ["invalid_value"] * 2
        assert errors[0]["param"] == "item.content[0].image_url"
        await normal_turn(wire, spoken=False)
    assert visits == []


async def test_a_picture_that_is_a_bomb_is_only_passed_on(monkeypatch):
    """Nothing here unpacks an image: what it would unpack to costs nothing."""
    async with running() as server, client(server.url) as wire:
        monkeypatch.setattr(type(server.manager.llm), "images", True)
        head = PICTURE.partition(",")[0]
        bomb = b"\x89PNG\r\n\x1a\n" + zlib.compress(bytes(50_000_000), 9)
        part = {"type": "input_image", "image_url": f"{head},{base64.b64encode(bomb).decode()}"}
        item = {"type": "message", "role": "user", "content": [part]}
        await wire.send("conversation.item.create", item=item)
        await wire.send("response.create")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
