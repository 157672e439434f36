"""How a call connects, why it does not, what loss does to it, and how it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from peers.base import NotConnected
from peers.webrtc import link as link_module
from peers.webrtc.rtp import is_rtcp
from peers.webrtc.udp_port import UdpPort, UdpSocket
from tests.support.clips import FIRST
from tests.support.media_caller import Call, MediaCaller, call, loudness, open_port


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[bytes], bool]]:
    """Rules of the way to the server: a datagram that one of them holds for does not arrive."""
    rules: list[Callable[[bytes], bool]] = []
    arrives = UdpPort.received

    def received(self: UdpPort, bound: UdpSocket, data: bytes, addr: tuple[Any, ...]) -> None:
        if not any(lost(data) for lost in rules):
            arrives(self, bound, data, addr)

    monkeypatch.setattr(UdpPort, "received", received)
    return rules


def is_audio(datagram: bytes) -> bool:
    return 128 <= datagram[0] <= 191 and not is_rtcp(datagram)


async def test_a_tenth_of_the_packets_is_lost_and_no_time(
    network: list[Callable[[bytes], bool]],
) -> None:
    chance = random.Random(11)
    network.append(lambda datagram: is_audio(datagram) and chance.random() < 0.1)
    async with open_port() as port, call(port) as one:
        one.caller.voice.say(FIRST * 3)
        await one.until(lambda: one.caller.voice.frames >= 250)
        figures = one.peer.stats
        sent_ms = one.caller.voice.frames * 20
        await one.until(lambda: len(one.heard) / 48 >= 0.99 * sent_ms)
    assert 0.05 < figures.loss < 0.16
    assert figures.concealed_ms > 0
    assert loudness(one.heard) > 0.4 * loudness(FIRST)


async def test_packets_that_come_late_come_in_order(
    network: list[Callable[[bytes], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every seventh packet takes 30 ms longer than the others."""
    counted = iter(range(10**6))
    arrives = UdpPort.received

    def received(self: UdpPort, bound: UdpSocket, data: bytes, addr: tuple[Any, ...]) -> None:
        if is_audio(data) and next(counted) % 7 == 3:
            loop = asyncio.get_running_loop()
            loop.call_later(0.03, arrives, self, bound, data, addr)
        else:
            arrives(self, bound, data, addr)

    monkeypatch.setattr(UdpPort, "received", received)
    async with open_port() as port, call(port) as one:
        await one.until(lambda: one.caller.voice.frames >= 100)
        assert one.peer.stats.concealed_ms == 0


async def test_a_dead_tab_is_noticed(
    network: list[Callable[[bytes], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "DEAD_S", 0.3)
    async with open_port() as port, call(port) as one:
        await one.until(lambda: one.heard)
        network.append(lambda _: True)
        await one.until(one.ended.is_set)
        assert one.peer.left is not None
        assert "nothing arrived" in one.peer.left


async def test_a_muted_client_is_not_dead(
    network: list[Callable[[bytes], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks alone keep a call alive, and what is not heard is silence."""
    network.append(is_audio)
    async with open_port() as port, call(port) as one:
        await one.until(lambda: one.caller.voice.frames >= 50)
        assert not one.ended.is_set()
        assert one.heard == b""


async def refused(
    monkeypatch: pytest.MonkeyPatch, take: Callable[[Call], Any], limit_s: float
) -> str:
    monkeypatch.setattr(link_module, "CONNECT_S", limit_s)
    caller = MediaCaller()
    async with open_port() as port:
        link, answer = await port.answer(await caller.offer())
        one = Call(caller, link, answer)
        try:
            await take(one)
            with pytest.raises(NotConnected) as why:
                await one.peer.connected()
        finally:
            await one.stop()
            await caller.close()
        assert port.calls == 0
    return str(why.value)


async def test_who_takes_no_answer_is_told_about_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(one: Call) -> None:
        pass

    why = await refused(monkeypatch, never, 0.2)
    assert "No UDP packet" in why
    assert "127.0.0.1:" in why


async def test_blocked_udp_is_told(
    monkeypatch: pytest.MonkeyPatch, network: list[Callable[[bytes], bool]]
) -> None:
    network.append(lambda _: True)
    why = await refused(monkeypatch, lambda one: one.caller.take(one.answer), 0.5)
    assert "No UDP packet" in why


async def test_a_certificate_that_was_not_offered_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "CONNECT_S", 20.0)
    caller = MediaCaller()
    other = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    async with open_port() as port:
        lines = (await caller.offer()).split("\r\n")
        text = "\r\n".join(
            other if line.startswith("a=fingerprint:sha-256") else line
            for line in lines
            if not line.startswith(("a=fingerprint:sha-384", "a=fingerprint:sha-512"))
        )
        link, answer = await port.answer(text)
        one = Call(caller, link, answer)
        await caller.take(answer)
        with pytest.raises(NotConnected, match="certificate"):
            await one.peer.connected()
        await one.stop()
        await caller.close()


async def test_a_handshake_that_is_lost_is_told(
    monkeypatch: pytest.MonkeyPatch, network: list[Callable[[bytes], bool]]
) -> None:
    network.append(lambda datagram: 20 <= datagram[0] <= 63)
    why = await refused(monkeypatch, lambda one: one.caller.take(one.answer), 1.0)
    assert "DTLS handshake did not finish" in why


async def test_who_leaves_before_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave(one: Call) -> None:
        await one.link.close()

    assert "closed the call" in await refused(monkeypatch, leave, 20.0)


async def test_closing_twice_is_closing() -> None:
    async with open_port() as port, call(port) as one:
        await asyncio.gather(one.link.close(), one.link.close())
        await one.until(one.caller.closed.is_set)
        assert port.calls == 0
