"""One port for all calls of a process, private by default, and free when they are gone."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import weakref
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from peers.webrtc import aiortc_names
from peers.webrtc.media_port import InvalidOffer, MediaPort, MissingLibrary
from tests.support.media_caller import MediaCaller, Settings, call, open_port
from tests.support.sdp_offers import CHROMIUM


def open_files() -> int:
    """Return how many files and sockets this process has open; 0 where there is no /proc."""
    return len(list(Path("/proc/self/fd").glob("*")))


async def test_on_loopback_nothing_else_is_listened_on_or_announced() -> None:
    async with open_port() as port:
        assert port.addresses == ["127.0.0.1"]
        link, answer = await port.answer(CHROMIUM)
        candidates = [line for line in answer.splitlines() if line.startswith("a=candidate")]
        assert {line.split()[4] for line in candidates} == {"127.0.0.1"}
        await link.close()


async def test_public_hosts_are_announced_instead() -> None:
    settings = Settings(public_hosts=["192.0.2.77", "2001:db8::77"])
    async with open_port(settings) as port:
        link, answer = await port.answer(CHROMIUM)
        assert f"192.0.2.77 {port.port} typ host" in answer
        assert f"2001:db8::77 {port.port} typ host" in answer
        assert "127.0.0.1 " not in answer.partition("t=0 0")[2]
        await link.close()


async def test_a_public_host_that_nobody_knows_is_named() -> None:
    with pytest.raises(OSError, match=r"public_hosts: nobody\.invalid"):
        await MediaPort.open(
            Settings(public_hosts=["nobody.invalid"]), host="127.0.0.1", port=0, owner="w0"
        )


async def test_an_interface_that_there_is_not_is_named() -> None:
    with pytest.raises(OSError, match="wlan99"):
        await MediaPort.open(Settings(interfaces=["wlan99"]), host="127.0.0.1", port=0, owner="w0")


async def test_a_taken_port_is_an_error_and_a_closed_one_is_free() -> None:
    async with open_port() as port:
        number = port.port
        with pytest.raises(OSError, match="in use"):
            await MediaPort.open(Settings(), host="127.0.0.1", port=number, owner="w1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", number))


async def test_several_calls_share_the_port() -> None:
    async with open_port() as port, AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(call(port)) for _ in range(3)]
        assert port.calls == 3
        for number, one in enumerate(calls):
            await one.caller.send('{"type": "response.create"}')
            for _ in range(number):
                await one.caller.send('{"type": "input_audio_buffer.clear"}')
        for number, one in enumerate(calls):
            await one.until(lambda one=one, number=number: len(one.events) == number + 1)  # type: ignore[misc]
            await one.until(lambda one=one: one.heard)  # type: ignore[misc]


async def test_what_is_no_offer_leaves_nothing() -> None:
    async with open_port() as port:
        with pytest.raises(InvalidOffer):
            await port.answer("hello")
        assert port.calls == 0


async def test_calls_leave_no_task_and_no_socket() -> None:
    async with open_port() as port:
        before = asyncio.all_tasks()
        sockets = open_files()
        async with call(port) as one:
            await one.until(lambda: one.heard)
        # One that nobody ever connects to, and one that nobody takes.
        caller = MediaCaller()
        link, _ = await port.answer(await caller.offer())
        await link.close()
        await caller.close()
        link, _ = await port.answer(CHROMIUM)
        await link.close()
        ended = weakref.ref(link)
        del link
        async with asyncio.timeout(20):
            while left := [task for task in asyncio.all_tasks() - before if not task.done()]:
                await asyncio.wait(left)
        assert port.calls == 0
        assert len(port._metronome) == 0
        assert not port._port._calls
        assert not port._port._heard
        assert not port._port._asked
        assert open_files() == sockets
        gc.collect()
        assert ended() is None


async def test_closing_the_port_ends_its_calls() -> None:
    caller = MediaCaller()
    async with open_port() as port, call(port, caller) as one:
        await port.close()
        await one.until(lambda: one.ended.is_set() and caller.closed.is_set())


async def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiortc", None)
    monkeypatch.delitem(sys.modules, "peers.webrtc.link", raising=False)
    with pytest.raises(MissingLibrary, match="the library 'aiortc' is missing"):
        await MediaPort.open(Settings(), host="127.0.0.1", port=0, owner="w0")


async def test_a_release_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {**aiortc_names.NAMES, "aioice.Connection": ("_moved",)}
    monkeypatch.setattr(aiortc_names, "NAMES", names)
    with pytest.raises(MissingLibrary, match=r"aioice\.Connection\._moved"):
        await MediaPort.open(Settings(), host="127.0.0.1", port=0, owner="w0")
