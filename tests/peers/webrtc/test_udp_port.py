"""Datagrams go to their call, and those of strangers nowhere."""

from __future__ import annotations

import asyncio
from typing import Any

from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from peers.webrtc.udp_port import MOST_AT_ONCE, UdpPort, UdpSocket, checked_username

HOME = ("192.0.2.7", 50000)
ELSEWHERE = ("192.0.2.8", 50000)


class Call:
    """A call's end, which notes what it is given."""

    def __init__(self) -> None:
        self.came: list[bytes] = []

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.came.append(data)

    def endpoint_of(self, bound: UdpSocket) -> Call:
        return self


class Place:
    """A port with one call, `abcd`, whose client was heard from `HOME`."""

    def __init__(self) -> None:
        self.port = UdpPort()
        self.bound = UdpSocket(self.port, "192.0.2.1")
        self.call = Call()
        self.port.add("abcd", self.call)
        self.port.learn(self.bound, HOME, self.call)

    def comes(self, data: bytes, addr: tuple[Any, ...] = HOME) -> bool:
        """Let a datagram come, and tell whether it went to the call."""
        before = len(self.call.came)
        self.port.received(self.bound, data, addr)
        return len(self.call.came) > before


def check(username: str, kind: stun.Class = stun.Class.REQUEST) -> bytes:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=kind)
    message.attributes["PRIORITY"] = 1
    message.attributes["USERNAME"] = username
    message.add_message_integrity(b"secret")
    return bytes(message)


def test_media_and_dtls_go_by_the_address() -> None:
    place = Place()
    for first in (20, 63, 128, 191):
        assert place.comes(bytes([first, 0]))
        assert not place.comes(bytes([first, 0]), ELSEWHERE)
    assert place.port.dropped == 4
    assert place.port.arrived == 8


def test_a_check_goes_by_the_name_from_wherever_it_comes() -> None:
    place = Place()
    assert place.comes(check("abcd:client"), ELSEWHERE)
    assert not place.comes(check("abce:client"), ELSEWHERE)
    assert not place.comes(check("abce:client"), HOME)


class Broken(Call):
    """A call whose datagrams make an exception."""

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        raise ValueError("the first of the round is broken")


async def test_all_of_a_round_come_in_order_whatever_one_of_them_does() -> None:
    place = Place()
    place.port.learn(place.bound, ELSEWHERE, Broken())
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: failed.append(what))
    sent = [bytes([128, number]) for number in range(2 * MOST_AT_ONCE)]
    place.port.gather(place.bound, b"\x80", ELSEWHERE)
    for data in sent:
        place.port.gather(place.bound, data, HOME)
    assert not place.call.came
    while len(place.call.came) < len(sent):
        await asyncio.sleep(0)
    assert place.call.came == sent
    assert [str(what["exception"]) for what in failed] == ["the first of the round is broken"]


async def test_nothing_is_handed_over_once_the_port_is_closed() -> None:
    place = Place()
    place.port.gather(place.bound, b"\x80", HOME)
    await place.port.close()
    await asyncio.sleep(0)
    assert not place.call.came


def test_an_answer_goes_to_who_asked() -> None:
    place = Place()
    asked = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.RESPONSE)
    assert not place.comes(bytes(asked), ELSEWHERE)
    place.port.expect(asked.transaction_id, place.call)
    assert place.comes(bytes(asked), ELSEWHERE)
    place.port.expect_no_more(asked.transaction_id)
    assert not place.comes(bytes(asked), ELSEWHERE)


def test_a_call_that_is_over_is_forgotten() -> None:
    place = Place()
    place.port.remove("abcd")
    place.port.forget(place.call)
    assert not place.comes(check("abcd:client"))
    assert not place.comes(bytes([128, 0]))


def test_names_are_read_from_checks_alone() -> None:
    assert checked_username(check("abcd:x")) == "abcd"
    assert checked_username(check("x" * 600)) is None
    assert checked_username(check("é:x")) is None
    assert checked_username(b"\x00" * 20) is None
    whole = check("abcd:x")
    assert checked_username(whole[:34]) is None


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(check("abcd:x").__add__)))
def test_noise_does_no_harm(noise: bytes) -> None:
    place = Place()
    place.comes(noise)
    place.comes(noise, ELSEWHERE)
    assert place.port.arrived == 2
    assert place.port.dropped == 2 - len(place.call.came)


@given(st.binary(max_size=100), st.integers(0, 60))
def test_a_spoilt_check_does_no_harm(noise: bytes, at: int) -> None:
    whole, place = check("abcd:x"), Place()
    place.comes(whole[:at] + noise + whole[at + len(noise) :], ELSEWHERE)
    assert place.port.dropped == 1 - len(place.call.came)
