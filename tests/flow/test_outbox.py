"""Frames for one client: in order, bounded, and given up when nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from flow import outbox
from flow.outbox import HIGH_WATER_BYTES, Outbox, SlowReader


class Client:
    """Reads one frame each time it is let."""

    def __init__(self, reading: bool = True) -> None:
        self.read: list[str] = []
        self.reading = asyncio.Event()
        self.news = asyncio.Condition()
        if reading:
            self.reading.set()

    async def send(self, frame: str) -> None:
        await self.reading.wait()
        async with self.news:
            self.read.append(frame)
            self.news.notify_all()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.read) >= count)
        return self.read


@asynccontextmanager
async def drained(box: Outbox, client: Client) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(box.drain_into(client.send))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_frames_are_sent_in_the_order_they_were_put() -> None:
    box, client = Outbox(), Client()
    for number in range(50):
        box.put(str(number))
    async with drained(box, client):
        await client.until(50)
        box.put("later")
        assert await client.until(51) == [*map(str, range(50)), "later"]


async def test_frames_put_while_one_is_being_sent_follow_it() -> None:
    box, client = Outbox(), Client(reading=False)
    async with drained(box, client):
        box.put("a")
        await settle()
        box.put("b")
        client.reading.set()
        assert await client.until(2) == ["a", "b"]


async def test_an_empty_box_sends_nothing_and_has_room() -> None:
    box, client = Outbox(), Client()
    async with drained(box, client) as task:
        await box.room()
        await settle()
        assert client.read == []
        assert not task.done()


async def test_feeders_wait_above_the_high_water_mark_until_the_client_has_read() -> None:
    box, client = Outbox(), Client(reading=False)
    box.put("x" * HIGH_WATER_BYTES)
    await asyncio.wait_for(box.room(), 10)
    box.put("y")
    waiting = asyncio.create_task(box.room())
    async with drained(box, client):
        await settle()
        assert not waiting.done()
        client.reading.set()
        await asyncio.wait_for(waiting, 10)
        assert client.read[0][0] == "x"


async def test_there_is_no_room_while_the_first_frame_is_still_on_its_way() -> None:
    box, client = Outbox(), Client(reading=False)
    box.put("x" * (HIGH_WATER_BYTES + 1))
    async with drained(box, client):
        await settle()
        waiting = asyncio.create_task(box.room())
        await settle()
        assert not waiting.done()
        client.reading.set()
        await asyncio.wait_for(waiting, 10)


async def test_putting_never_waits() -> None:
    box, client = Outbox(), Client()
    frames = [letter * HIGH_WATER_BYTES for letter in "abc"]
    for frame in frames:
        box.put(frame)
    async with drained(box, client):
        assert await client.until(3) == frames


async def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STALL_TIMEOUT_S", 0.01)
    box, client = Outbox(), Client(reading=False)
    box.put("a")
    with pytest.raises(SlowReader):
        await asyncio.wait_for(box.drain_into(client.send), 10)


async def test_a_client_that_has_nothing_to_read_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "STALL_TIMEOUT_S", 0.01)
    box, client = Outbox(), Client()
    async with drained(box, client) as task:
        box.put("a")
        await client.until(1)
        # Longer than the time-out, as events go: nothing was on its way.
        await asyncio.sleep(0.05)
        assert not task.done()
        box.put("b")
        assert await client.until(2) == ["a", "b"]


async def test_a_lost_connection_is_reported_as_what_it_is() -> None:
    async def send(_frame: str) -> None:
        raise ConnectionResetError

    box = Outbox()
    box.put("a")
    with pytest.raises(ConnectionResetError):
        await box.drain_into(send)


@pytest.mark.parametrize("reading", [True, False])
async def test_a_finished_box_ends_with_the_last_frame_and_takes_no_more(reading: bool) -> None:
    box, client = Outbox(), Client(reading)
    async with drained(box, client) as draining:
        box.put("a")
        await settle()
        box.put("b")
        box.finish()
        box.put("too late")
        client.reading.set()
        async with asyncio.timeout(10):
            await draining
    assert client.read == ["a", "b"]


async def test_a_box_that_is_finished_while_nothing_waits_ends_at_once() -> None:
    box, client = Outbox(), Client()
    async with drained(box, client) as draining:
        await settle()
        box.finish()
        async with asyncio.timeout(10):
            await draining
    assert client.read == []
