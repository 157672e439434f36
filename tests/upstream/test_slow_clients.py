"""A client that reads slowly, or not: the service waits for it, and nothing piles up here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flow.outbox import HIGH_WATER_BYTES
from flow.watchdog import Patience
from providers.links.failures import lost
from session.ports import ResponseRequest
from session.reports import AudioMade, ResponseFailed, ResponseFinished, ResponseReport
from settings.upstream import UpstreamConfig
from tests.support.counts import counted
from tests.support.deaf_client import KERNEL_BYTES, MIB, deaf
from tests.support.fake_realtime import KEY, SOUND, fake_realtime
from tests.support.running_server import plain_http
from tests.support.upstream_stack import before
from upstream.generation import MAX_WAITING_BYTES, UpstreamGeneration
from upstream.openai.service import OpenAIRealtime

PIECES = 6000
"""75 MiB in base64."""


class Room:
    """A client that has room when it is told to."""

    def __init__(self) -> None:
        self._free = asyncio.Event()

    @property
    def has_room(self) -> bool:
        return self._free.is_set()

    async def room(self) -> None:
        await self._free.wait()

    def free(self) -> None:
        self._free.set()


class Response:
    """A response of a service that makes as much as is taken."""

    def __init__(self, patience_s: float = 60) -> None:
        self.room = Room()
        self.reports: list[ResponseReport] = []
        self.taken = 0
        self.given_up: list[bool] = []
        self.asked = asyncio.Event()
        config = UpstreamConfig(provider="openai", url="ws://localhost:1", api_key=KEY)
        self.generation = UpstreamGeneration(
            ResponseRequest("resp", "", []),
            self.reports.append,
            self.room,
            OpenAIRealtime(config),
            Patience(patience_s, patience_s),
            self._ask,
            lambda _asked, silent: self.given_up.append(silent),
        )

    async def _ask(self, _asked: UpstreamGeneration) -> None:
        self.asked.set()

    async def make(self, pieces: int) -> None:
        for _ in range(pieces):
            await self.generation.take(AudioMade("resp", SOUND))
            self.taken += len(SOUND)
        await self.generation.take(ResponseFinished("resp", "stop", None))

    async def settled(self) -> None:
        """Wait until nothing moves any more."""
        before = -1
        while before != self.taken:
            before = self.taken
            for _ in range(20):
                await asyncio.sleep(0)


async def test_a_service_waits_for_the_client_and_everything_comes_in_the_end():
    response = Response()
    await response.generation.start()
    making = asyncio.create_task(response.make(400))
    await response.settled()
    assert not making.done()
    assert response.taken <= MAX_WAITING_BYTES + 3 * len(SOUND)
    response.room.free()
    await making
    while not isinstance(response.reports[-1], ResponseFinished):
        await asyncio.sleep(0)
    made = b"".join(one.pcm for one in response.reports if isinstance(one, AudioMade))
    assert made == SOUND * 400
    await response.generation.stop()
    assert response.given_up == []


@pytest.mark.parametrize("how", ["stopped", "failed"])
async def test_what_ends_while_the_client_does_not_read_holds_nobody_up(how):
    response = Response()
    await response.generation.start()
    making = asyncio.create_task(response.make(400))
    await response.settled()
    if how == "stopped":
        await response.generation.stop()
        assert response.reports == []
    else:
        response.generation.fail(lost("the connection was lost"))
        assert isinstance(response.reports[-1], ResponseFailed)
    await making
    assert response.given_up == [False]
    reported = len(response.reports)
    response.room.free()
    await response.settled()
    assert len(response.reports) == reported
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "response resp"]


async def test_a_client_that_does_not_read_is_not_taken_for_a_service_that_is_silent():
    response = Response(patience_s=0.01)
    await response.generation.start()
    making = asyncio.create_task(response.make(400))
    await response.settled()
    # Each of them is longer than the service may be silent.
    for _ in range(3):
        await asyncio.sleep(0.05)
    assert response.reports == []
    response.room.free()
    await making
    await response.generation.stop()


async def test_nothing_more_is_read_from_the_service_for_a_client_that_does_not_read():
    held: dict[str, Any] = {"pieces": PIECES}
    async with fake_realtime(**held) as service, before(service.url) as (server, _wire):
        async with deaf(server) as wire:
            item = {"type": "message", "role": "user"}
            content = [{"type": "input_text", "text": "hi"}]
            await wire.send("conversation.item.create", item={**item, "content": content})
            await wire.send("response.create")
            await service.until(lambda: service.said)
            unchanged, said = 0, 0
            async with asyncio.timeout(60), plain_http() as http:
                while unchanged < 30:
                    await counted(server, http)
                    unchanged = unchanged + 1 if said == service.said else 0
                    said = service.said
            sent = said * len(SOUND) * 4 / 3
            assert sent < HIGH_WATER_BYTES + MAX_WAITING_BYTES * 4 / 3 + 2 * KERNEL_BYTES + MIB
            assert said < PIECES
        # The client is gone: so is its connection to the service.
        await service.calls[-1].closed.wait()
